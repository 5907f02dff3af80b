"""What a class and a network find alike: the work behind the class board."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.engines import alignment, choices
from cnnwidgets.engines.alignment import RSA
from cnnwidgets.engines.alignment.rsa import Method
from cnnwidgets.engines.choices import Ceiling
from cnnwidgets.results import Progress
from cnnwidgets.widgets.triplets.agents import Agent, Setting, Source
from cnnwidgets.widgets.triplets.class_agreement import Agreement, agreement
from cnnwidgets.widgets.triplets.class_files import Reading
from cnnwidgets.widgets.triplets.class_order import ordered
from cnnwidgets.widgets.triplets.known_agents import KnownAgents
from cnnwidgets.widgets.triplets.objects import Objects

MOST = 32
"""Objects in the matrices: more would have no names beside them. Those with the most answers."""
EXACT, CONTEXTS = 400, 64
"""Objects up to which similarity is over all third objects; beyond, over so many of them."""
TWICE = 10
"""Pairs asked twice or more from which a correlation is told: below, one answer decides it."""
FEW = 20
"""Resamples of the ceiling's interval, which is not shown here."""


@dataclass(frozen=True)
class BoardQuestion:
    """Whom to compare, on which answers.

    Attributes
    ----------
    people, network : names of the two sources, "" for nobody; `other`, `setting` : of these.
    method : of the correlation.
    serial : of the reading; `reading` : the answers.
    ready : which of the two need not be waited for; only tells questions apart.
    """

    people: str
    network: str
    other: Setting
    setting: Setting
    method: Method
    serial: int
    ready: tuple[bool, bool]
    reading: Reading = field(compare=False)


@dataclass(frozen=True, eq=False)
class BoardLook:
    """What is known of a class. Each person's first answer to a triplet counts, no repeat of it.

    Attributes
    ----------
    question : as it was asked.
    occurring : how many objects the answers hold; `shown` : numbers of those in the matrices, in
        their order; `names` : theirs; `breaks` : where another category begins.
    order : the order in words.
    similarity : float64 [n, n] of the class, NaN where a pair was never asked; `counts` : int64
        [n, n], answers that showed both.
    network : float64 [n, n] of the network among the objects that occur, or None.
    limits : of both matrices' colours.
    asked : pairs asked at least once, and all pairs, of the objects that occur.
    agreements : of the answers with the first agent and with the network; None for no answer.
    ceiling : None where no triplet was answered by two people.
    rsa : of the two matrices over the pairs that were asked, or None; `why` : then says why.
    """

    question: BoardQuestion
    occurring: int
    shown: tuple[int, ...]
    names: tuple[str, ...]
    breaks: tuple[int, ...]
    order: str
    similarity: Tensor
    counts: Tensor
    network: Tensor | None
    limits: tuple[float, float]
    asked: tuple[int, int]
    agreements: tuple[Agreement | None, Agreement | None]
    ceiling: Ceiling | None
    rsa: RSA | None
    why: str


class BoardDesk:
    """Answers questions about a class; what is costly is kept. Only the worker calls it."""

    def __init__(self, objects: Objects, sources: Mapping[str, Source]) -> None:
        self._objects, self.agents = objects, KnownAgents(sources)
        self._alike: tuple[Agent, bytes, Tensor] | None = None

    def answer(self, question: BoardQuestion, progress: Progress) -> BoardLook:
        """Give what can be said now; a network that has not looked at the pictures is left out."""
        merged = question.reading.merged
        triplets = merged.triplets(repeats=False).astype(np.int64)
        people = merged.people(repeats=False)
        occurring, flat = np.unique(triplets, return_inverse=True)
        rows = flat.reshape(-1, 3)
        first = self.agents.of(question.people, question.other, progress)
        second = self.agents.of(question.network, question.setting, progress)
        empirical, counts = _class(rows, len(occurring))
        alike = self._network(second, occurring, progress)
        kept = _kept(counts, second.known.numpy()[occurring] if second else None)
        inner = _part(alike, kept)
        kept, breaks, order = ordered(self._objects, occurring, kept, inner)
        shown = tuple(occurring[kept].tolist())
        network = _part(alike, kept)
        similarity = _part(empirical, kept)
        assert similarity is not None
        pairs = counts[kept][:, kept]
        similarity = similarity.masked_fill(pairs == 0, math.nan).fill_diagonal_(1)
        found, why = _correlation(similarity, pairs, network, question.method, progress)
        upper = counts.triu(1)
        return BoardLook(
            question,
            len(occurring),
            shown,
            tuple(self._objects.names[number] for number in shown),
            breaks,
            order,
            similarity,
            pairs,
            network,
            _limits(similarity, network),
            (int((upper > 0).sum()), math.comb(len(occurring), 2)),
            (agreement(first, triplets, people), agreement(second, triplets, people)),
            _ceiling(triplets),
            found,
            why,
        )

    def forget(self) -> None:
        """Let go of everything."""
        self.agents.forget()
        self._alike = None

    def _network(
        self, agent: Agent | None, occurring: NDArray[np.int64], progress: Progress
    ) -> Tensor | None:
        """Give the network's similarities [m, m] of all that occur; NaN for what it knows not."""
        if agent is None:
            return None
        key = occurring.tobytes()
        if self._alike is None or self._alike[0] is not agent or self._alike[1] != key:
            self._alike = (agent, key, _similarity(agent, torch.from_numpy(occurring), progress))
        return self._alike[2]


def _class(rows: NDArray[np.int64], objects: int) -> tuple[Tensor, Tensor]:
    if not len(rows):
        return torch.zeros(0, 0, dtype=torch.float64), torch.zeros(0, 0, dtype=torch.int64)
    return alignment.empirical_similarity(rows, objects)


def _similarity(agent: Agent, occurring: Tensor, progress: Progress) -> Tensor:
    n = len(occurring)
    found = torch.full((n, n), math.nan, dtype=torch.float64)
    known = agent.known[occurring].nonzero()[:, 0]
    if len(known) >= 3:
        inner = alignment.similarity(
            agent.embedding[occurring[known]],
            temperature=agent.temperature,
            contexts=None if len(known) <= EXACT else CONTEXTS,
            generator=torch.Generator().manual_seed(0),
            progress=progress,
        )
        found[known[:, None], known] = inner
    return found


def _kept(counts: Tensor, known: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Give the objects with the most answers, of those that the network knows."""
    answers = counts.sum(1).numpy()
    order = np.argsort(-answers, kind="stable")
    if known is not None and int(known.sum()) >= 3:
        order = order[known[order]]
    kept: NDArray[np.int64] = np.sort(order[:MOST])
    return kept


def _part(matrix: Tensor | None, kept: NDArray[np.int64]) -> Tensor | None:
    if matrix is None:
        return None
    part = matrix[kept][:, kept]
    return None if len(kept) and bool(part.isnan().all()) else part


def _correlation(
    similarity: Tensor, counts: Tensor, network: Tensor | None, method: Method, progress: Progress
) -> tuple[RSA | None, str]:
    """Give the correlation of the two, or why there is none."""
    if network is None:
        return None, ""
    twice = int((counts.triu(1) >= 2).sum())
    if twice < TWICE or len(counts) < 4:
        return None, f"It takes {TWICE} pairs asked twice or more; there are {twice} so far."
    try:
        found = alignment.rsa(
            similarity, network, method=method, where=counts > 0, progress=progress
        )
    except ValueError as error:  # all answers alike, say
        return None, f"It cannot be had yet: {error}."
    return found, ""


def _limits(*matrices: Tensor | None) -> tuple[float, float]:
    """Give the tenths between which all values lie beside the diagonals."""
    values = [m[~torch.eye(len(m), dtype=torch.bool)] for m in matrices if m is not None]
    known = torch.cat(values) if values else torch.zeros(0)
    known = known[known.isfinite()]
    if not len(known):
        return 0.0, 1.0
    low, high = math.floor(10 * float(known.min())), math.ceil(10 * float(known.max()))
    return low / 10, max(low + 1, high) / 10


def _ceiling(triplets: NDArray[np.int64]) -> Ceiling | None:
    found = choices.noise_ceiling(triplets, resamples=FEW) if len(triplets) else None
    return found if found is not None and found.triplets else None
