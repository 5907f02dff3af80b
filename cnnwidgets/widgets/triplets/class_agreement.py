"""How well an agent predicts the answers of many people."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from cnnwidgets.engines import choices
from cnnwidgets.engines.choices import Accuracy
from cnnwidgets.engines.shares import middle
from cnnwidgets.widgets.triplets.agents import Agent

RESAMPLES = 1000


class Agreement(NamedTuple):
    """The share of the answers that an agent predicts.

    Attributes
    ----------
    agent : who; `accuracy` : over the answers about objects that it knows.
    sittings : in how many these were given. Of one, the interval is Wilson's; of more, 95 % of
        resamples of whole sittings, since the answers of one person are not independent.
    """

    agent: Agent
    accuracy: Accuracy
    sittings: int


def agreement(
    agent: Agent | None, triplets: NDArray[np.int64], people: NDArray[np.int32]
) -> Agreement | None:
    """Compare an agent with answers.

    Parameters
    ----------
    triplets : [M, 3], the odd one in column 2; `people` : [M], the number of each answer's sitting.

    Returns
    -------
    None where there is no agent, or no answer about objects that it knows.
    """
    rows = torch.from_numpy(triplets)
    known = agent.known[rows].all(1) if agent is not None else torch.zeros(0)
    if agent is None or not bool(known.any()):
        return None
    drives = choices.logits(rows[known], agent.embedding)
    whole, persons = choices.accuracy_of_logits(drives), torch.from_numpy(people)[known]
    numbers = persons.unique()
    if len(numbers) > 1:
        parts = [choices.accuracy_of_logits(drives[persons == number]) for number in numbers]
        whole = replace(whole, interval=_resampled(parts))
    return Agreement(agent, whole, len(numbers))


def _resampled(parts: list[Accuracy]) -> tuple[float, float]:
    """Give the ends of the interval, from sittings drawn with replacement."""
    count = torch.tensor([part.count for part in parts], dtype=torch.float64)
    right = count * torch.tensor([part.share for part in parts], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(parts), (RESAMPLES, len(parts)), generator=generator)
    low, high = middle(right[drawn].sum(1) / count[drawn].sum(1)).tolist()
    return low, high
