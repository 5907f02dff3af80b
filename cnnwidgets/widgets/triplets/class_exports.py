"""What the class board gives away: a figure, tables of the answers, a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from cnnwidgets.data import sittings
from cnnwidgets.widgets.citations import Citation
from cnnwidgets.widgets.explorer import EXPORTS
from cnnwidgets.widgets.triplets.agent_choice import AgentChoice
from cnnwidgets.widgets.triplets.class_figure import board_figure
from cnnwidgets.widgets.triplets.class_files import ClassFiles, Reading
from cnnwidgets.widgets.triplets.class_look import BoardLook
from cnnwidgets.widgets.triplets.class_words import board_script
from cnnwidgets.widgets.triplets.grounds import of_board


class ClassExports(AgentChoice):
    """An explorer of a class, of which PNG, CSV, the VICE archive and code can be had.

    A subclass reads the files.
    """

    result: BoardLook | None = None
    _files: ClassFiles
    _now: Reading | None
    exports: ClassVar[list[dict[str, str]]] = [
        EXPORTS[0],
        {"name": "csv", "label": "CSV"},
        {"name": "vice", "label": "VICE"},
        EXPORTS[1],
    ]

    def csv(self) -> str:
        """Give all answers as a table, with the ids of the sittings."""
        return sittings.export_csv(self._merged())

    def vice(self) -> bytes:
        """Give the answers as VICE reads them, in a zip archive.

        Raises
        ------
        ValueError
            There are fewer than two answers.
        """
        return sittings.export_vice(self._merged())

    def code(self) -> str:
        """Give the few lines that make the correlation in a script."""
        folders = [str(folder) for folder in self._files.folders]
        return board_script(self.result, folders, self._parties.objects, self._sources()[1])

    def cite(self) -> Citation:
        """Give what to cite for what is shown: it prints as text, and has ``bibtex``."""
        look = self.result
        told = [one for one in look.agreements if one is not None] if look is not None else []
        return of_board(
            self._parties.objects,
            self._sources(),
            compared=look is not None and look.rsa is not None,
            by_wilson=any(one.sittings == 1 for one in told),
        )

    def png(self) -> bytes:
        """Give the two matrices as a PNG file.

        Raises
        ------
        RuntimeError
            There are no answers yet.
        """
        if self.result is None:
            raise RuntimeError("nothing is shown yet that could be exported; wait() for it")
        return board_figure(self.result)

    def _merged(self) -> sittings.Merged:
        if self._now is None:
            raise RuntimeError("nothing has been read yet; wait() for it")
        return self._now.merged

    def _actions(self) -> dict[str, Callable[[], None]]:
        def save(ending: str, kind: str, content: Callable[[], bytes]) -> Callable[[], None]:
            return lambda: self._status.offer(self._file_name(ending), kind, content())

        return {
            **super()._actions(),
            "csv": save("csv", "text/csv", lambda: self.csv().encode()),
            "vice": save("zip", "application/zip", self.vice),
        }

    def _file_name(self, ending: str) -> str:
        return f"class.{ending}"
