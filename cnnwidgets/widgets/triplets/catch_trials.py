"""Triplets whose odd one out is beyond doubt: who misses it did not look."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cnnwidgets.widgets.triplets.agents import Agent
from cnnwidgets.widgets.triplets.objects import Objects

SURE = 0.8
"""A model of people takes the expected one out at least so probably."""
TRIES = 50

Triplet = tuple[int, int, int]


class CatchTrials:
    """Draws two objects of the same categories, and one of none of these.

    Parameters
    ----------
    objects : all; `known` : numbers of those that may be shown; `held` : in every triplet, or None.
    agents : the first model of people among them has to be sure, too.
    """

    def __init__(
        self,
        objects: Objects,
        known: Sequence[int],
        *,
        held: int | None,
        agents: Sequence[Agent],
        generator: torch.Generator,
    ) -> None:
        self._groups, self._held, self._generator = objects.groups, held, generator
        self._people = next((agent for agent in agents if agent.is_people), None)
        self._alike: dict[tuple[str, ...], list[int]] = {}
        for number in known:
            # What has no category may well be like the two.
            if self._groups[number]:
                self._alike.setdefault(self._groups[number], []).append(number)
        self._known = [number for alike in self._alike.values() for number in alike]

    def draw(self) -> Triplet | None:
        """Give the two and then the odd one; None where there is none, or 50 draws were unsure."""
        held = self._held
        if len(self._alike) < 2 or (held is not None and not self._groups[held]):
            return None
        for _ in range(TRIES):
            trio = self._odd_is(held) if held is not None and self._below(2) else self._pair_of()
            if trio is not None and self._is_sure(trio):
                return trio
        return None

    def _pair_of(self) -> Triplet | None:
        """Give a pair, with the held one if there is one, and an odd one."""
        one = self._any(self._known) if self._held is None else self._held
        return self._trio(one, self._far(one))

    def _odd_is(self, odd: int) -> Triplet | None:
        far = self._far(odd)
        return self._trio(self._any(far), [odd]) if far else None

    def _trio(self, one: int, far: list[int]) -> Triplet | None:
        like = [number for number in self._alike[self._groups[one]] if number != one]
        return (one, self._any(like), self._any(far)) if like and far else None

    def _far(self, one: int) -> list[int]:
        """Give the objects of none of its categories, which have some of their own."""
        own = set(self._groups[one])
        return [
            number
            for groups, alike in self._alike.items()
            if own.isdisjoint(groups)
            for number in alike
        ]

    def _is_sure(self, trio: Triplet) -> bool:
        if self._people is None:
            return True
        return float(self._people.probabilities(torch.tensor([trio]))[0, 2]) > SURE

    def _any(self, numbers: Sequence[int]) -> int:
        return numbers[self._below(len(numbers))]

    def _below(self, count: int) -> int:
        return int(torch.randint(count, (1,), generator=self._generator))
