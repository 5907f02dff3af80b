"""Which triplet comes next: from a pool that both agents have answered once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.data.sittings import Answer
from cnnwidgets.engines import alignment, choices
from cnnwidgets.engines.choices.asking import MOST_COUNTED
from cnnwidgets.widgets.triplets.agents import Agent
from cnnwidgets.widgets.triplets.catch_trials import CatchTrials, Triplet
from cnnwidgets.widgets.triplets.drawn_triplets import drawn_triplets
from cnnwidgets.widgets.triplets.objects import Objects

ORDERS = ("most divergent", "random", "agreeing", "my mistakes", "least asked")
ASKED = "asked of people"
"""The order in which only triplets come whose answers by people are known."""

COLLECTING = ("random", "least asked")
"""Orders in which answers are data: with repeats and catch trials, where these are wanted."""

RANKED = 400
"""Of the pool's triplets, how many divergent ones are put in order."""

CONFIDENT = 0.6
"""Both agents are at least so sure in "agreeing", as in "most divergent"."""

APART = 3
"""Answers between a triplet and its repeat, at least."""


@dataclass(frozen=True)
class Trial:
    """A triplet that is asked.

    Attributes
    ----------
    number : counts the triplets that were shown.
    shown : the objects from left to right; `key` : the same whatever their order.
    kind : "repeat" for what was answered before in this sitting, in whatever way it came again;
        else "new" or "catch"; `expected` : the answer of a catch trial.
    order : how it was chosen: `ASKED` or one of `ORDERS`, and "random" where what was wanted could
        not be had; of repeats and catch trials the order among which they come.
    """

    number: int
    shown: Triplet
    kind: str = "new"
    expected: int | None = None
    order: str = "random"

    @property
    def key(self) -> frozenset[int]:
        """The three objects, in no order."""
        return frozenset(self.shown)


class TripletPool:
    """The triplets of some objects, with what two agents take out of each.

    Parameters
    ----------
    objects : all objects; `wanted` : see `Objects.among`.
    agents : none, one or two; triplets are made of objects that all of them know.
    usable : the objects whose pictures can be shown.
    asked : triplets that people were asked.

    Raises
    ------
    ValueError
        Fewer than three objects are left.
    """

    def __init__(
        self,
        objects: Objects,
        agents: Sequence[Agent],
        *,
        wanted: str = "",
        usable: Sequence[int] | None = None,
        asked: Iterable[frozenset[int]] = (),
        generator: torch.Generator,
    ) -> None:
        self._objects, self._agents, self._generator = objects, tuple(agents), generator
        numbers, self._held = objects.among(wanted)
        allowed = set(range(len(objects)) if usable is None else usable)
        known = [n for n in numbers if n in allowed and all(bool(a.known[n]) for a in agents)]
        if len(known) < 3 or (self._held is not None and self._held not in known):
            what = f" with {wanted!r}" if wanted else ""
            raise ValueError(
                f"no triplet{what} can be made: {len(known)} objects are left that all who are "
                "compared know; choose another filter, or others to compare"
            )
        self._known, self._allowed = torch.tensor(known), set(known)
        self.triplets = drawn_triplets(self._known, self._held, generator)
        self._asked = [sorted(key) for key in asked if self._fits(key)]
        self._catches = CatchTrials(
            objects, known, held=self._held, agents=agents, generator=generator
        )
        self._rank: dict[str, list[int]] = {}
        self._chances = [agent.probabilities(self.triplets) for agent in agents]

    def next(self, order: str, number: int, answers: Sequence[Answer], taken: Tensor) -> Trial:
        """Choose the next triplet.

        Parameters
        ----------
        order : one of `ORDERS` or `ASKED`. Two agents are needed for those that compare them;
            without, and where none is left, it is a random one.
        number : of the trial.
        answers : of this sitting.
        taken : int [M, 3], the triplets that others were asked, too: for "least asked".
        """
        seen = {frozenset(answer.shown) for answer in answers}
        found = self._ordered(order, answers, taken, seen)
        if found is None:
            found, order = self._random(seen), "random"
        kind = "repeat" if frozenset(found) in seen else "new"
        return self._trial(number, found, order, kind=kind)

    def _ordered(
        self, order: str, answers: Sequence[Answer], taken: Tensor, seen: set[frozenset[int]]
    ) -> Triplet | None:
        """Give the triplet that comes next in an order; None where there is none."""
        if order == "least asked":
            return self._least_asked(answers, taken)
        if order == "my mistakes":
            return self._mistake(answers)
        if order == ASKED:
            fresh = [trio for trio in self._asked if frozenset(trio) not in seen]
            if fresh:
                one, two, three = fresh[self._draw(len(fresh))]
                return one, two, three
        elif order != "random" and len(self._chances) == 2:
            rows = map(self._row, self._ranked(order))
            return next((trio for trio in rows if frozenset(trio) not in seen), None)
        return None

    def repeat(self, number: int, answers: Sequence[Answer], order: str) -> Trial | None:
        """Give a triplet that was answered once, some answers ago, to be asked again; or None."""
        times: dict[frozenset[int], int] = {}
        for answer in answers:
            times[frozenset(answer.shown)] = times.get(frozenset(answer.shown), 0) + 1
        once = [
            answer.shown
            for answer in answers[:-APART]
            if times[frozenset(answer.shown)] == 1
            and answer.kind == "new"
            and self._fits(frozenset(answer.shown))
        ]
        if not once:
            return None
        return self._trial(number, once[self._draw(len(once))], order, kind="repeat")

    def catch(self, number: int, order: str) -> Trial | None:
        """Give a triplet of the pool's objects whose odd one is beyond doubt; or None."""
        trio = self._catches.draw()
        if trio is None:
            return None
        return self._trial(number, trio, order, kind="catch", expected=trio[2])

    def _trial(
        self,
        number: int,
        triplet: Triplet,
        order: str,
        kind: str = "new",
        expected: int | None = None,
    ) -> Trial:
        """Put the three at random from left to right."""
        places = torch.randperm(3, generator=self._generator).tolist()
        one, two, three = (triplet[place] for place in places)
        return Trial(number, (one, two, three), kind, expected, order)

    def _fits(self, key: frozenset[int]) -> bool:
        """Whether a triplet is one of those that are wanted, of objects that all know."""
        return key <= self._allowed and (self._held is None or self._held in key)

    def _ranked(self, order: str) -> list[int]:
        """Give the rows of the pool in an order, the best first; found once."""
        if order not in self._rank:
            p, q = self._chances
            if order == "agreeing":
                sure = torch.minimum(p.amax(1), q.amax(1))
                rows = ((p.argmax(1) == q.argmax(1)) & (sure > CONFIDENT)).nonzero()[:, 0]
                rows = rows[torch.randperm(len(rows), generator=self._generator)]
            else:
                rows = alignment.divergent(self.triplets, p, q, count=RANKED)
            self._rank[order] = rows.tolist()
        return self._rank[order]

    def _random(self, seen: set[frozenset[int]]) -> Triplet:
        for _ in range(50):
            triplet = self._row(self._draw(len(self.triplets)))
            if frozenset(triplet) not in seen:
                break
        return triplet

    def _mistake(self, answers: Sequence[Answer]) -> Triplet | None:
        """Give a triplet that was answered, last, otherwise than the first agent does."""
        last = {frozenset(answer.shown): answer for answer in answers}
        asked = [answer for key, answer in last.items() if self._fits(key)]
        if not asked or not self._agents:
            return None
        shown = torch.tensor([answer.shown for answer in asked])
        takes = self._agents[0].probabilities(shown).argmax(1)
        odd = torch.tensor([answer.shown.index(answer.odd) for answer in asked])
        wrong = (takes != odd).nonzero()[:, 0].tolist()
        return asked[wrong[self._draw(len(wrong))]].shown if wrong else None

    def _least_asked(self, answers: Sequence[Answer], taken: Tensor) -> Triplet | None:
        """Give a triplet whose pairs were asked least; None among too many objects."""
        if len(self._known) > MOST_COUNTED:
            return None
        own = torch.tensor([answer.shown for answer in answers]).reshape(-1, 3).long()
        place = torch.full((len(self._objects),), -1)
        place[self._known] = torch.arange(len(self._known))
        asked = place[torch.cat([taken.long().reshape(-1, 3), own])]
        asked = asked[(asked >= 0).all(1)]
        held = None if self._held is None else int(place[self._held])
        found = choices.least_asked(
            asked, len(self._known), holding=held, generator=self._generator
        )
        one, two, three = (int(self._known[n]) for n in found)
        return one, two, three

    def _row(self, row: int) -> Triplet:
        one, two, three = self.triplets[row].tolist()
        return one, two, three

    def _draw(self, below: int) -> int:
        return int(torch.randint(below, (1,), generator=self._generator))
