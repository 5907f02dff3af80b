"""What the triplet stepper gives away: a figure, tables of the answers, a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import pandas
import torch

from cnnwidgets.data.sittings import Answer
from cnnwidgets.widgets.citations import Citation
from cnnwidgets.widgets.explorer import EXPORTS
from cnnwidgets.widgets.triplets.agent_choice import AgentChoice
from cnnwidgets.widgets.triplets.agents import Agent
from cnnwidgets.widgets.triplets.grounds import of_triplets
from cnnwidgets.widgets.triplets.look import Question, TripletDesk, TripletLook
from cnnwidgets.widgets.triplets.script import script
from cnnwidgets.widgets.triplets.sitting_strip import SittingStrip
from cnnwidgets.widgets.triplets.words import picture_alts, triplet_figure, unanswered_figure

UNDO = {"name": "undo", "label": "Undo"}


class TripletExports(AgentChoice):
    """An explorer of triplets, of which PNG, CSV, a table and code can be had.

    A subclass asks and answers.
    """

    result: TripletLook | None = None
    sitting: SittingStrip
    _desk: TripletDesk
    _chosen: int
    exports: ClassVar[list[dict[str, str]]] = [
        UNDO,
        EXPORTS[0],
        {"name": "csv", "label": "CSV"},
        EXPORTS[1],
    ]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What was answered in this sitting, in this order."""
        return self.sitting.log.answers

    def to_frame(self) -> pandas.DataFrame:
        """Give the answers of this sitting as a table, with what the agents take out."""
        names = self._parties.objects.names
        rows = [
            {
                "trial": answer.trial,
                **{f"shown_{n}": names[number] for n, number in enumerate(answer.shown, 1)},
                "odd": names[answer.odd],
                "kind": answer.kind,
                "rt_ms": answer.rt_ms,
            }
            for answer in self.answers
        ]
        table = pandas.DataFrame(rows)
        for name, agent in self._agents():
            if agent is not None and rows:
                table[f"{name} takes out"] = [
                    names[number] if number is not None else None
                    for number in _taken_out(agent, self.answers)
                ]
        return table

    def csv(self) -> str:
        """Give all answers about these objects as a table, with the ids of the sittings."""
        return self.sitting.csv()

    def code(self) -> str:
        """Give the few lines that make this comparison in a script."""
        return script(self._parties.objects, self._question(), self._sources(), self.result)

    def cite(self) -> Citation:
        """Give what to cite for what is shown: it prints as text, and has ``bibtex``."""
        shown = self.result.trial.shown if self.result is not None else ()
        objects, sources = self._parties.objects, self._sources()
        return of_triplets(objects, sources, shown, revealed=self._chosen >= 0)

    def png(self) -> bytes:
        """Give the triplet with everybody's choices as a PNG file.

        Raises
        ------
        RuntimeError
            Nothing has been answered yet.
        """
        if self.result is None or self._chosen < 0:
            raise RuntimeError("nothing is revealed yet that could be exported; answer first")
        return triplet_figure(self.result, self._chosen, self._desk.pictures)

    def _words(self) -> list[str]:
        look: TripletLook | None = self._shown
        return [] if look is None else [" ".join(picture_alts(look, -1))]

    def _still(self) -> tuple[bytes, list[str]]:
        # The pictures alone: the notebook tells neither who took out what nor what is to be found.
        look: TripletLook | None = self._shown
        if look is None:
            return b"", []
        return unanswered_figure(look, self._desk.pictures), self._words()

    def _question(self) -> Question:
        raise NotImplementedError

    def _agents(self) -> Iterable[tuple[str, Agent | None]]:
        """Give the two that are compared, with their names; None for one who is not there yet."""
        named = tuple(zip((self.people, self.network), self._settings(), strict=True))
        return ((name, self._desk.agents.known(name, setting)) for name, setting in named)

    def _actions(self) -> dict[str, Callable[[], None]]:
        def save() -> None:
            self._status.offer(self._file_name("csv"), "text/csv", self.csv().encode())

        return {**super()._actions(), "csv": save}

    def _file_name(self, ending: str) -> str:
        return f"triplets-{self.sitting.log.id}.{ending}"


def _taken_out(agent: Agent, answers: Sequence[Answer]) -> list[int | None]:
    """Give the object that an agent takes out of each triplet; None where it does not know all."""
    shown = torch.tensor([answer.shown for answer in answers])
    column = agent.probabilities(shown).argmax(1, keepdim=True)
    taken = shown.gather(1, column)[:, 0].tolist()
    pairs = zip(answers, taken, strict=True)
    return [number if agent.knows(answer.shown) else None for answer, number in pairs]
