"""The grid of Mahendran and Vedaldi beneath the explorer: one unit, one place, all eight rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cnnwidgets.engines.deconv import Reconstruction
from cnnwidgets.graph import RULES
from cnnwidgets.views import TileStrip
from cnnwidgets.widgets.at_rest import AtRest
from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.rule_words import (
    FOLDED,
    LEGEND,
    MEANING,
    OPENED,
    drawn_tile,
    pending_tile,
    refused_tile,
    silence,
    strip_alt,
)
from cnnwidgets.widgets.scheduler import Lane, Stopped
from cnnwidgets.widgets.unit_look import UnitLook, UnitLooks
from cnnwidgets.widgets.unit_question import Question

NAMES = list(RULES)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What comes back under one rule, as a tile; `result` is None where the network refuses it."""

    question: Question
    tile: dict[str, Any]
    result: Reconstruction | None

    def beside(self, other: _Answer) -> bool:
        """Tell whether it may stand beside the other: one place, one state of the network."""
        states = {a.result.provenance.weights for a in (self, other) if a.result is not None}
        return len(states) < 2 and _same_place(self.question, other.question)


class RuleGrid:
    """The strip of the eight rules: folded, and once it is open it follows the unit.

    Eight walks, each of them asked on its own and at rest.

    Parameters
    ----------
    looks : answers the questions: the explorer's own, so a tile is what choosing it will show.
    lane : the worker.
    choose : called with a rule's name, when the reader chooses its tile.
    refuse : called with the reason instead, where the network refuses that rule.

    Attributes
    ----------
    view : the strip; ``view.opened`` opens and folds it.
    """

    def __init__(
        self,
        looks: UnitLooks,
        lane: Lane,
        choose: Callable[[str], None],
        refuse: Callable[[str], None],
    ) -> None:
        self.view = TileStrip(
            title="Eight rules",
            notes=FOLDED,
            legend=LEGEND,
            foot=MEANING,
            places=len(NAMES),
            pairs=False,
            folds=True,
        )
        self.view.show_tiles([pending_tile(name) for name in NAMES])
        self.view.observe(self._tile_chosen, "chosen")
        self.view.observe(self._turned, "opened")
        self._looks, self._choose, self._refuse = looks, choose, refuse
        self._drawing = AtRest(lane, self._tile, self._draw, self._not_drawn)
        self._answers: dict[str, _Answer] = {}
        self._message: list[str] = []

    @property
    def results(self) -> dict[str, Reconstruction]:
        """The reconstructions that are there, by the names of their rules."""
        return {name: a.result for name, a in self._answers.items() if a.result is not None}

    def ask(self, look: UnitLook) -> None:
        """Show the unit of a look under every rule, at rest; under the look's own it is there."""
        self._message = silence(look.question.unit) if look.silent else []
        self._ask(_answered(look))

    def leave(self, question: Question) -> None:
        """Draw no more: another question is being answered. It asks here when it is."""
        self._drawing.leave()
        before = self._drawing.question
        self.view.stale = before is not None and not _same_place(before, question)

    def wait(self, timeout: float | None = None) -> None:
        """Block until all rules are there, if the strip is open: for scripts and tests.

        Raises
        ------
        TimeoutError
            They are not there after `timeout` seconds; the work goes on.
        """
        self._drawing.wait(timeout)

    def close(self) -> None:
        """End everything and free what was kept; twice is harmless."""
        self._drawing.close()
        self._answers.clear()

    def _ask(self, answer: _Answer) -> None:
        question = answer.question
        kept = {name: other for name, other in self._answers.items() if other.beside(answer)}
        self._answers = {**kept, question.rule: answer}
        self.view.selected = NAMES.index(question.rule)
        # Else the tiles of the place before stay, faded, until the first new one is drawn.
        if self._tile(question) is None:
            self._show()
        self._drawing.ask(question)

    def _tile(self, question: Question) -> Job | None:
        """Give the work for one tile that is not there yet, if it can be seen."""
        missing = next((name for name in NAMES if name not in self._answers), None)
        if missing is None or self._message or not self.view.opened:
            return None
        asked, looks = replace(question, rule=missing), self._looks

        def job(progress: Callable[[int, int], None], _: bool) -> _Answer:
            try:
                return _answered(looks.answer(asked, None, progress))
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                return _refused(asked, str(error) or type(error).__name__)

        return job

    def _draw(self, answer: _Answer, _: bool) -> None:
        question = self._drawing.question
        if self._drawing.left or question is None or not _same_place(answer.question, question):
            return
        # Weights that change from tile to tile are not followed here: that would never end.
        self._answers = {**self._answers, answer.question.rule: answer}
        self._show()
        self._drawing.next()

    def _not_drawn(self, error: BaseException) -> None:
        if not (self._drawing.left or isinstance(error, Stopped)):
            self.view.message = [str(error) or type(error).__name__]

    def _show(self) -> None:
        """Draw what is there, unless the strip is folded."""
        if not self.view.opened:
            return
        there = self._answers
        tiles = [there[name].tile if name in there else pending_tile(name) for name in NAMES]
        reasons = {tile.get("message", "") for tile in tiles}
        everywhere = [*reasons] if len(reasons) == 1 and reasons != {""} else []
        about = next(iter(there.values())).question if there else None
        self.view.show_tiles(
            tiles,
            stale=False,
            message=self._message or everywhere,
            alt=strip_alt(about) if about else "",
        )

    def _turned(self, _: Any) -> None:
        self.view.notes = OPENED if self.view.opened else FOLDED
        if not self._drawing.left:
            self._show()
            self._drawing.next()

    def _tile_chosen(self, change: Any) -> None:
        index = change["new"]["index"]
        if not 0 <= index < len(NAMES):
            return
        answer = self._answers.get(NAMES[index])
        if answer is not None and answer.result is None:
            self._refuse(answer.tile["message"])
        else:
            self._choose(NAMES[index])


def _answered(look: UnitLook) -> _Answer:
    if look.refusal:
        return _refused(look.question, look.refusal)
    return _Answer(look.question, drawn_tile(look), look.reconstruction)


def _refused(question: Question, reason: str) -> _Answer:
    return _Answer(question, refused_tile(question.rule, reason), None)


def _same_place(one: Question, other: Question) -> bool:
    """Tell whether two questions differ in their rule at most."""
    return replace(one, rule="") == replace(other, rule="")
