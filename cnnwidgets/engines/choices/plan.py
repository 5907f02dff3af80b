"""How many triplets a class can answer, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, comb
from numbers import Integral


@dataclass(frozen=True)
class Plan:
    """What so many pictures, people and trials come to.

    Attributes
    ----------
    pictures, people, trials : as asked; `trials` are those of one person.
    """

    pictures: int
    people: int
    trials: int

    @property
    def triplets(self) -> int:
        """How many different triplets the pictures make."""
        return comb(self.pictures, 3)

    @property
    def answers(self) -> int:
        """Of all people together."""
        return self.people * self.trials

    @property
    def per_triplet(self) -> float:
        """Answers a triplet, on average."""
        return self.answers / self.triplets

    @property
    def per_pair(self) -> float:
        """Answers to triplets that hold a given pair of pictures, on average."""
        return 3 * self.answers / comb(self.pictures, 2)

    @property
    def per_picture(self) -> float:
        """Answers to triplets that hold a given picture, on average."""
        return 3 * self.answers / self.pictures

    @property
    def share_seen(self) -> float:
        """Share of the triplets asked at least once where those asked least come next, 0..1."""
        return min(1.0, self.per_triplet)

    @property
    def share_seen_at_random(self) -> float:
        """Share expected where each person gets random triplets, none of them twice, 0..1."""
        return 1 - (1 - min(1.0, self.trials / self.triplets)) ** self.people

    @property
    def trials_for_all(self) -> int:
        """Trials that each person needs for all triplets to be asked once."""
        return ceil(self.triplets / self.people)

    @property
    def sentence(self) -> str:
        """All of it in plain words."""
        people = "1 person" if self.people == 1 else f"{self.people:,} people"
        trials = "1 trial" if self.trials == 1 else f"{self.trials:,} trials"
        triplets = "1 triplet" if self.triplets == 1 else f"{self.triplets:,} triplets"
        each = "" if self.people == 1 else " each"
        verb = "answers" if self.people == 1 else "answer"
        return (
            f"{self.pictures:,} pictures make {triplets}; {people} with {trials}{each}"
            f" {verb} {self.answers:,}: {self._coverage}."
        )

    @property
    def _coverage(self) -> str:
        times = self.per_triplet
        if 0.95 <= times < 1.05:
            return "each triplet about once"
        if times >= 1:
            return f"each triplet about {times:.3g} times"
        share = f"{100 * times:.2g} %" if times < 0.1 else f"{100 * times:.0f} %"
        needed = f"{self.trials_for_all:,} trials{' each' if self.people > 1 else ''}"
        return f"{share} of the triplets once; all of them once would take {needed}"


def plan(pictures: int, people: int, trials: int) -> Plan:
    """Plan a class: what comes of so many pictures, people, and trials a person.

    Raises
    ------
    ValueError
        There are less than 3 pictures, or less than one person or trial, or one is no whole number.
    """
    if not all(isinstance(number, Integral) for number in (pictures, people, trials)):
        raise ValueError(
            f"pictures, people and trials are whole numbers: got {pictures}, {people} and {trials}"
        )
    if pictures < 3:
        raise ValueError(f"a triplet takes at least 3 pictures, got {pictures}")
    if people < 1 or trials < 1:
        raise ValueError(f"at least one person with one trial: got {people} and {trials}")
    return Plan(int(pictures), int(people), int(trials))
