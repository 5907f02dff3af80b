"""The unit's top nine pictures beneath the explorer: looked for once, drawn one by one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.top_images import Peak, TopImages
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.views import TileStrip, words
from cnnwidgets.widgets.at_rest import AtRest
from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.scheduler import Lane, Slot, Stopped
from cnnwidgets.widgets.top_tiles import Tile, TopTiles
from cnnwidgets.widgets.top_words import silence, strip_words, that_answer
from cnnwidgets.widgets.unit_index import UnitIndex, UnitIndexes
from cnnwidgets.widgets.unit_look import Question

AGAIN = 1.0
"""Seconds between two looks at the best so far, while pictures are still being looked through."""

SOON = 0.2
"""The same as long as there is no tile at all."""

LATE = 0.5
"""Seconds of a search after which it is told: of a few pictures it ends before."""


@dataclass(frozen=True)
class _Answer:
    """What the worker says of a unit.

    Its pictures so far, of which `peaks` leaves out those where it is silent, and one tile that was
    not there yet. `current` tells whether the index is of the network as it is now, `complete`
    whether it is finished; `counts` are pictures looked through, all, and unreadable ones.
    """

    question: Question
    found: list[Peak]
    peaks: list[Peak]
    fresh: tuple[Peak, Tile] | None
    current: bool
    complete: bool
    counts: tuple[int, int, int]


class TopNine:
    """The strip of a unit's strongest pictures, each with its own reconstruction.

    Two questions in the background: the index of all units, which is long and lets every other
    question through, and the tiles, one by one at rest. Both follow the question's network: the
    search of one that is asked no more is ended, and goes on if it is asked again.

    Parameters
    ----------
    images : the pictures.
    lane : the worker.
    choose : called with the tile's question, picture and position, when the reader chooses it.
    tell : called when `state` has changed.

    Attributes
    ----------
    view : the strip.
    result : the index of all units (of a read-out: of its alone), once it is there; else None.
    state : "idle", "looking", "stopped" or "failed"; `done` and `total` count pictures, `error` is
        the sentence of the last failure.
    """

    def __init__(
        self,
        images: ImageSet,
        lane: Lane,
        choose: Callable[[Question, Peak], None],
        tell: Callable[[], None],
    ) -> None:
        self.view = TileStrip(title="Top nine")
        self.view.observe(self._tile_chosen, "chosen")
        self.result: TopImages | None = None
        self.state, self.error, self.done, self.total = "idle", "", 0, len(images)
        self._indexes, self._made = UnitIndexes(images), TopTiles(images)
        self._index: UnitIndex | None = None  # of the network that was asked last
        self._choose, self._tell = choose, tell
        self._looking = Slot(lane, self._found, self._ended, self._report, long=True)
        self._drawing = AtRest(lane, self._tile, self._draw, self._not_drawn)
        self._answer: _Answer | None = None  # what the strip shows
        self._tiles: dict[Peak, Tile] = {}
        self._began = math.inf

    def ask(self, question: Question) -> None:
        """Show the pictures of a question's unit: once it has been answered, at rest."""
        before = self._drawing.question
        if before is None or not _same_unit(before, question):
            self._tiles.clear()
        if self._index is None or self._index.model is not question.model:
            self._end_search()
            self._index, self.result = self._indexes.of(question.model), None
            self.done = self._index.done
        if self.state == "failed":
            self.state, self.error = "idle", ""
        self._mark_current(question)
        self._drawing.ask(question)

    def leave(self, question: Question) -> None:
        """Draw no more: another question is being answered. It asks here when it is."""
        self._drawing.leave()
        if self._index is not None and self._index.model is not question.model:
            self._end_search()
        if self._answer is not None and not _same_unit(self._answer.question, question):
            self.view.show(stale=True)

    def stop(self) -> None:
        """End the search; what it has found stays, and is shown."""
        self._looking.stop()

    def go_on(self) -> None:
        """Go on with a search that was stopped or failed."""
        if self.state in ("stopped", "failed"):
            self._look()

    @property
    def late(self) -> bool:
        """Whether it has been looking for so long that this should be told."""
        return self.state == "looking" and time.monotonic() - self._began > LATE

    @property
    def at_once(self) -> int | None:
        """How many pictures are looked through at a time, where memory is short; else None."""
        return self._index.at_once if self._index is not None else None

    def wait(self, timeout: float | None = None) -> None:
        """Block until all is there: for scripts and tests.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        end = time.monotonic() + (math.inf if timeout is None else timeout)
        while self.state == "looking" or not self._drawing.settled:
            for slot in (self._drawing, self._looking):
                slot.wait(None if timeout is None else max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """End everything and free what was kept; twice is harmless."""
        self._looking.close()
        self._drawing.close()
        self._indexes.forget()
        self._made.forget()
        self._tiles.clear()
        self._answer = self.result = self._index = None

    # The search

    def _look(self) -> None:
        if (index := self._index) is None:
            return
        self.state, self.error, self._began = "looking", "", math.inf
        self.done = index.done
        self._looking.submit(lambda progress, _: index.build(progress))
        self._tell()

    def _end_search(self) -> None:
        """End the search because nobody asks for its network any more; nothing is told."""
        if self.state == "looking":
            self.state = "idle"
            self._looking.submit(lambda *_: None)  # takes the place of what runs

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        now = time.monotonic()
        self._began = min(self._began, now)
        self._tell()
        if now - self._drawing.asked_at > (AGAIN if self._tiles else SOON):
            self._drawing.next()

    def _found(self, result: TopImages | None, _: bool) -> None:
        if result is None:
            return
        self.state, self.result, self.done = "idle", result, self.total
        self._tell()
        self._drawing.next()

    def _ended(self, error: BaseException) -> None:
        stopped = isinstance(error, Stopped)
        self.state = "stopped" if stopped else "failed"
        self.error = "" if stopped else str(error) or type(error).__name__
        self._tell()
        self._drawing.next()

    # The tiles

    def _tile(self, question: Question) -> Job:
        """Give the work that finds a unit's pictures, and draws one tile that is not there yet."""
        index, made, known = self._index, self._made, frozenset(self._tiles)
        assert index is not None

        def job(progress: Callable[[int, int], None], _: bool) -> _Answer:
            counts = (index.done, index.total, len(index.left_out))
            past = _Answer(question, [], [], None, False, False, counts)
            if not index.is_current():
                return past
            try:
                found = index.best(question.layer, question.unit)
                peaks = that_answer(found)
                missing = next((peak for peak in peaks if peak not in known), None)
                fresh = (missing, made.tile(question, missing, progress)) if missing else None
            except StaleRecordError:
                return past
            if not index.is_current():  # the tile may be of other weights than the index
                return past
            complete = index.result is not None
            return _Answer(question, found, peaks, fresh, True, complete, counts)

        return job

    def _draw(self, answer: _Answer, _: bool) -> None:
        if not answer.current:  # not looked through yet, or the network has changed since
            self.result = None
            self._tiles.clear()
        if answer.complete and self._index is not None:
            self.result = self._index.result
        elif self.state == "idle" and not self._drawing.left:
            self._look()
        if answer.fresh:
            self._tiles[answer.fresh[0]] = answer.fresh[1]
        self._tiles = {peak: self._tiles[peak] for peak in answer.peaks if peak in self._tiles}
        self._answer = answer
        q, tiles = answer.question, [self._tiles.get(peak, {}) for peak in answer.peaks]
        message = [self.error] if self.error and not tiles else []
        if answer.found and not tiles:
            message = silence(q.unit, *answer.counts[:2])
        layer = words.shortened(f"{q.model.checkpoint} {q.layer}".strip())
        said = strip_words(layer, q.unit, tiles, answer.counts)
        self.view.show_tiles(tiles, stale=False, message=message, **said)
        self._mark_current(self._drawing.question)
        if answer.fresh:
            self._drawing.next()

    def _not_drawn(self, error: BaseException) -> None:
        if not isinstance(error, Stopped):
            message = [str(error) or type(error).__name__]
            self._answer = None
            self.view.show_tiles([], stale=False, selected=-1, message=message)

    def _mark_current(self, question: Question | None) -> None:
        """Mark the tile whose picture is the explorer's."""
        if self._answer is None or question is None:
            return
        pictures = [peak.picture for peak in self._answer.peaks]
        here, same = question.picture, _same_unit(self._answer.question, question)
        self.view.selected = pictures.index(here) if same and here in pictures else -1

    def _tile_chosen(self, change: Any) -> None:
        index, answer = change["new"]["index"], self._answer
        if answer is not None and 0 <= index < len(answer.peaks):
            self._choose(answer.question, answer.peaks[index])


def _same_unit(one: Question, other: Question) -> bool:
    """Tell whether two questions have the same tiles."""
    names = ("model", "layer", "unit", "rule", "colour")
    return all(getattr(one, name) == getattr(other, name) for name in names)
