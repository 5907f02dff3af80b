"""Background work of the explorers: one worker, and one slot for each question.

In a widget's `__init__`, and in a callback, which so returns at once::

    self._slot = Slot(process_lane(), self._show, self._fail, self._report, self._waiting)
    self._slot.submit(lambda progress, preview: engine(..., progress=progress))
"""

from cnnwidgets.widgets.scheduler.ask import Stopped, Superseded
from cnnwidgets.widgets.scheduler.lane import Lane, process_lane
from cnnwidgets.widgets.scheduler.loop import kernel_loop
from cnnwidgets.widgets.scheduler.slot import Slot

__all__ = ["Lane", "Slot", "Stopped", "Superseded", "kernel_loop", "process_lane"]
