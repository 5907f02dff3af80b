"""A triplet with what two agents take out of it, and why: the work behind the stepper."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.data.sittings import Answer
from cnnwidgets.engines import alignment
from cnnwidgets.results import Progress
from cnnwidgets.views import encoding, sprite
from cnnwidgets.widgets.triplets.agents import Agent, Setting, Source
from cnnwidgets.widgets.triplets.known_agents import KnownAgents
from cnnwidgets.widgets.triplets.objects import Objects
from cnnwidgets.widgets.triplets.pictures import TripletPictures
from cnnwidgets.widgets.triplets.pool import COLLECTING, Trial, TripletPool

ROWS = 16
"""Dimensions that have a row, the most relevant ones; the rest is below what a bar can show."""

POOLS_KEPT = 3
ATTEMPTS = 20
"""Triplets with unreadable pictures that are passed over before this is an error."""


@dataclass(frozen=True)
class Question:
    """Which triplet, and whom to compare.

    Attributes
    ----------
    number : of the trial; `trial` : the one that is shown, None for the next one.
    people, network : names of the two sources, "" for nobody.
    setting : of the network; `other` : of the first agent, where it is a network, too.
    order, wanted : how the next one is chosen, and among what.
    ready : whether each of the two can be had at once; only tells questions apart.
    answers, taken : so far, for the choice of the next one; they ask nothing new.
    """

    number: int
    trial: Trial | None
    people: str
    network: str
    setting: Setting
    other: Setting
    order: str
    wanted: str
    ready: tuple[bool, bool] = (True, True)
    answers: tuple[Answer, ...] = field(default=(), compare=False)
    taken: Any = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class AgentLook:
    """One agent before one triplet.

    Attributes
    ----------
    agent : who; `probabilities` : float [3], in the order shown; `takes` : column that it takes
        out.
    products : float32 [3, D], what each dimension adds to a column's logit over the temperature.
    relevance : float [D], signed, for what it takes out; `order` : the dimensions by its size.
    tops : for `DimensionRows`.
    """

    agent: Agent
    probabilities: tuple[float, float, float]
    takes: int
    products: NDArray[np.float32]
    relevance: Tensor
    order: list[int]
    tops: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TripletLook:
    """What is shown of a triplet: first the pictures; after the answer the rest.

    Attributes
    ----------
    question : as it was asked; `trial` : the triplet; `names` : of its objects, left to right.
    frames : their pictures, {} for words.
    agents : the looks of the first agent and of the network; None for one who does not know them,
        or has not looked at the pictures yet.
    asked : for each column how often real people took it out, or None.
    """

    question: Question
    trial: Trial
    names: tuple[str, ...]
    frames: tuple[encoding.Frame, ...]
    agents: tuple[AgentLook | None, AgentLook | None]
    asked: tuple[int, int, int] | None = None

    @cached_property
    def shown(self) -> tuple[AgentLook, ...]:
        """The looks that are there."""
        return tuple(look for look in self.agents if look is not None)


class TripletDesk:
    """Answers questions about triplets; what is costly is kept. Only the worker calls it.

    Parameters
    ----------
    objects : what triplets are made of.
    sources : all agents by their names.
    asked : for triplets (in no order) how often people took out each object; {} for none.
    seed : of the draws; None for others each time.
    repeats, catches : shares of repeats and catch trials in orders that collect answers.

    Attributes
    ----------
    agents : those that were compared last; `pictures` : of the objects.
    """

    def __init__(
        self,
        objects: Objects,
        sources: Mapping[str, Source],
        *,
        asked: Mapping[frozenset[int], Mapping[int, int]],
        seed: int | None,
        repeats: float,
        catches: float,
    ) -> None:
        self._objects, self.asked = objects, asked
        self._repeats, self._catches = repeats, catches
        self.pictures = TripletPictures(objects.images)
        self._generator = torch.Generator()
        self._generator.seed() if seed is None else self._generator.manual_seed(seed)
        self.agents = KnownAgents(sources)
        self._pools: OrderedDict[tuple[Any, ...], TripletPool] = OrderedDict()
        self._unusable: set[int] = set()
        self._prepared: TripletLook | None = None
        self._last: Trial | None = None

    def prepare(self, question: Question, progress: Progress) -> None:
        """Answer a question that is likely to come; if it does, the answer is there."""
        self._prepared = None
        self._prepared = self._answered(question, progress)

    def answer(self, question: Question, progress: Progress) -> TripletLook:
        """Give the triplet and the agents that can be had at once.

        Raises
        ------
        ValueError, OSError
            No triplet can be made, or the pictures cannot be read.
        """
        ready, self._prepared = self._prepared, None
        if ready is None or ready.question != question:
            ready = self._answered(self._drawn(question), progress)
        self._last = ready.trial
        return replace(ready, question=question)

    def _drawn(self, question: Question) -> Question:
        """Give a question whose triplet was drawn before with that triplet: one number, one trial.

        A question that is asked twice, as a preview and exactly, or once more with another network
        before the first answer is there, would else show one triplet and record another.
        """
        again = question.trial is None and self._last and self._last.number == question.number
        return replace(question, trial=self._last) if again else question

    def _answered(self, question: Question, progress: Progress) -> TripletLook:
        agents = [
            self.agents.of(question.people, question.other, progress),
            self.agents.of(question.network, question.setting, progress),
        ]
        trial, frames = self._trial_with_pictures(question, agents)
        looks = [self._look(agent, trial) if agent else None for agent in agents]
        names = tuple(self._objects.names[number] for number in trial.shown)
        asked = self.asked.get(trial.key)
        counts = tuple(asked.get(number, 0) for number in trial.shown) if asked else None
        return TripletLook(question, trial, names, frames, (looks[0], looks[1]), counts)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Let go of everything."""
        self.agents.forget()
        self._pools.clear()
        self._prepared = None
        self.pictures.forget()

    def _trial_with_pictures(
        self, question: Question, agents: list[Agent | None]
    ) -> tuple[Trial, tuple[encoding.Frame, ...]]:
        """Choose a triplet, or take the one that is shown; one with unreadable pictures is passed.

        The pictures of a set are read when they are shown, so only here it comes out.
        """
        last: Exception = ValueError("no triplet can be made of these pictures")
        for _ in range(ATTEMPTS):
            trial = question.trial or self._next(question, agents)
            try:
                return trial, tuple(self.pictures.frame(number) for number in trial.shown)
            except (OSError, ValueError) as error:
                last = error
                self._leave_out(trial)
            if question.trial is not None:
                break
        raise last

    def _leave_out(self, trial: Trial) -> None:
        readable = self.pictures.files(list(trial.shown))
        self._unusable |= set(trial.shown) - set(readable)
        self._pools.clear()

    def _next(self, question: Question, agents: list[Agent | None]) -> Trial:
        pool, order = self._pool(question, agents), question.order
        if order in COLLECTING:
            chance = float(torch.rand(1, generator=self._generator))
            found = None
            if chance < self._repeats:
                found = pool.repeat(question.number, question.answers, order)
            elif chance < self._repeats + self._catches:
                found = pool.catch(question.number, order)
            if found is not None:
                return found
        taken = torch.zeros(0, 3) if question.taken is None else torch.as_tensor(question.taken)
        return pool.next(order, question.number, question.answers, taken)

    def _pool(self, question: Question, agents: list[Agent | None]) -> TripletPool:
        there = [agent for agent in agents if agent is not None]
        key = (*(id(agent) for agent in there), question.wanted)
        pool = self._pools.pop(key, None)
        if pool is None:
            usable = [n for n in range(len(self._objects)) if n not in self._unusable]
            pool = TripletPool(
                self._objects,
                there,
                wanted=question.wanted,
                usable=usable,
                asked=self.asked,
                generator=self._generator,
            )
        self._pools[key] = pool
        while len(self._pools) > POOLS_KEPT:
            self._pools.popitem(last=False)
        return pool

    def _look(self, agent: Agent, trial: Trial) -> AgentLook | None:
        if not agent.knows(trial.shown):
            return None
        triplet = torch.tensor([trial.shown])
        chances = agent.probabilities(triplet)
        takes = int(chances[0].argmax())
        products = alignment.contributions(triplet, agent.embedding)[0] / agent.temperature
        relevance = alignment.relevance(
            triplet, agent.embedding, odd=takes, temperature=agent.temperature
        )[0]
        order = relevance.abs().argsort(descending=True, stable=True)[:ROWS].tolist()
        one, two, three = chances[0].tolist()
        return AgentLook(
            agent,
            (one, two, three),
            takes,
            products.float().numpy(),
            relevance,
            order,
            self._tops(agent, order),
        )

    def _tops(self, agent: Agent, order: list[int]) -> dict[str, Any]:
        tops = [agent.tops(dimension) for dimension in order]
        numbers = {number for row in tops for number in row}
        names = self._objects.names
        files = {names[n]: data for n, data in self.pictures.tiny(numbers).items()}
        return sprite.tiny_tops(order, [[names[n] for n in row] for row in tops], files)
