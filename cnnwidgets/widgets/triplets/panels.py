"""The views of the triplet stepper: what they show before the answer, and what after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cnnwidgets.views import DimensionRows, Triplet, Verdict, layout
from cnnwidgets.widgets.triplets.look import AgentLook, TripletLook
from cnnwidgets.widgets.triplets.pool import Trial
from cnnwidgets.widgets.triplets.words import (
    SLOTS,
    Part,
    agent_rows,
    picture_alts,
    rows_title,
    spoken,
    verdict,
)

NOTHING = np.zeros((3, 0), np.float32)
EMPTY = {
    "title": "",
    "products": NOTHING,
    "order": [],
    "off": [],
    "probabilities": [],
    "tops": {},
    "message": [],
}


class TripletPanels:
    """Pictures with bars, the tally above them, the verdict and the reasons beneath.

    Attributes
    ----------
    triplet, tally, verdict : the views; `rows` : of the first agent and of the network.
    bounds : chance and ceiling, in words; `main` : all of them in their places.
    """

    def __init__(self) -> None:
        self.asked: Trial | None = None  # the triplet that stands there
        self.triplet, self.tally, self.verdict = Triplet(), Verdict(), Verdict()
        self.bounds = layout.plain()
        self._revealed: tuple[AgentLook | None, AgentLook | None] = (None, None)
        self.rows = tuple(DimensionRows(agent=slot) for slot in SLOTS)
        self.main = layout.triplet_main(
            self.tally, self.bounds, self.triplet, self.verdict, self.rows
        )

    def ask(self, look: TripletLook, agent_rows: int) -> None:
        """Show the three, and nothing of what anybody takes out."""
        one, two, three = look.frames
        self.asked = look.trial
        self.triplet.show(
            trial=look.trial.number,
            picture_1=one,
            picture_2=two,
            picture_3=three,
            names=[spoken(name) for name in look.names],
            alts=picture_alts(look, -1),
            chosen=-1,
            agents=[],
            agent_rows=agent_rows,
            locked=False,
            message=[],
        )
        self.verdict.show(parts=[])
        self._revealed = (None, None)
        for rows in self.rows:
            rows.show(**EMPTY)

    def reveal(self, look: TripletLook, chosen: int, missing: Sequence[str]) -> None:
        """Show what everybody takes out, and why.

        Parameters
        ----------
        chosen : column that the reader took out.
        missing : for each agent why it says nothing, "" where it does.
        """
        self.triplet.show(
            chosen=chosen,
            locked=True,
            agents=agent_rows(look),
            alts=picture_alts(look, chosen),
        )
        self.verdict.show(parts=verdict(look, chosen))
        for rows, one, before, why in zip(
            self.rows, look.agents, self._revealed, missing, strict=True
        ):
            if one is None:
                rows.show(title="", products=NOTHING, order=[], message=[why] if why else [])
            elif before is None or one.agent is not before.agent:
                # Else it is as it was, and so are the dimensions that the reader switched off.
                rows.show(**_reasons(one, look))
        self._revealed = look.agents
        if any(rows.off for rows in self.rows):
            self.switched(look, chosen)

    def switched(self, look: TripletLook, chosen: int) -> None:
        """Say what the agents take out by the dimensions that the reader has left on."""
        now = [_switched(one, rows) for one, rows in zip(look.agents, self.rows, strict=True)]
        changed = replace(look, agents=(now[0], now[1]))
        self.triplet.show(agents=agent_rows(changed), alts=picture_alts(changed, chosen))
        self.verdict.show(parts=verdict(changed, chosen, [len(rows.off) for rows in self.rows]))

    def lock(self, message: Sequence[str]) -> None:
        """Say why there is no triplet."""
        self.asked = None
        self.triplet.show(message=list(message), locked=True, agents=[], names=[], alts=[])

    def count(self, parts: Sequence[Part], bounds: str) -> None:
        """Show the tally."""
        self.tally.show(parts=list(parts))
        self.bounds.value = bounds


def _switched(one: AgentLook | None, rows: DimensionRows) -> AgentLook | None:
    if one is None or not rows.off or not rows.probabilities:
        return one
    first, second, third = rows.probabilities
    chances = (first, second, third)
    return replace(one, probabilities=chances, takes=chances.index(max(chances)))


def _reasons(one: AgentLook, look: TripletLook) -> dict[str, Any]:
    kinds = [kind if kind else "" for kind in one.agent.kinds]
    return {
        "title": rows_title(one, look),
        "labels": list(one.agent.labels),
        "kinds": kinds,
        "tops": one.tops,
        "products": one.products,
        "odd": one.takes,
        "odd_name": spoken(look.names[one.takes]),
        "order": one.order,
        "off": [],
        "probabilities": [],
        "message": [],
    }
