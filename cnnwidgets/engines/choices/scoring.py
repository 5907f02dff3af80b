"""How well a model predicts choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from cnnwidgets.engines.choices.choosing import logits
from cnnwidgets.engines.choices.triplets import (
    Array,
    as_columns,
    as_logits,
    as_temperature,
    rows,
)
from cnnwidgets.engines.shares import wilson

Ties = Literal["share", "wrong", "first"]
TIES: tuple[Ties, ...] = ("share", "wrong", "first")
EQUAL = 1e-12
"""Logits whose relative difference is not more are a tie."""


@dataclass(frozen=True)
class Accuracy:
    """Share of choices that a model predicts.

    Attributes
    ----------
    share : 0..1; chance is 1/3.
    interval : Wilson's 95 %, the two ends; it takes the choices for independent.
    count : of the choices.
    ties : in how many of them the choice is among several that the model finds best.
    """

    share: float
    interval: tuple[float, float]
    count: int
    ties: int


def accuracy(triplets: Array, embedding: Array, *, ties: Ties = "share") -> Accuracy:
    """Give the share of choices in which the pair left has the largest dot product.

    Parameters
    ----------
    triplets : integers [M, 3], the odd one in column 2.
    embedding : [n, D], a row an object.
    ties : what counts where t pairs, among them the one left, are equally similar (to 1e-12 of
        their size): "share" 1 / t, as a random choice among them gets; "wrong" 0, as VICE has it;
        "first" 1, as where the first of them is taken and the pair left stands first. On sparse
        embeddings, in which many similarities are 0, the three differ much.

    Raises
    ------
    ValueError
        As in `choices.logits`; or `ties` is unknown.
    """
    return accuracy_of_logits(logits(triplets, embedding), ties=ties)


def accuracy_of_logits(logits: Array, *, odd: int | Array = 2, ties: Ties = "share") -> Accuracy:
    """Give the same from logits [M, 3]; `odd` is the chosen column, one for all or integers [M].

    Raises
    ------
    ValueError
        The logits are no [M, 3] or hold NaN, `odd` is no column, or `ties` is unknown.
    """
    if ties not in TIES:
        raise ValueError(f"ties is one of {', '.join(TIES)}, got {ties!r}")
    found = as_logits(logits)
    columns = as_columns(odd, len(found))
    right, tied = 0.0, 0
    for part in rows(len(found)):
        drive = found[part].double()
        best = drive.amax(1, keepdim=True)
        equal = best - drive <= EQUAL * drive.abs().amax(1, keepdim=True)
        hit, among = _chosen(equal, columns, part), equal.sum(1)
        tied += int((hit & (among > 1)).sum())
        if ties == "share":
            right += float((hit / among).sum())
        else:
            right += float((hit & ((among == 1) | (ties == "first"))).sum())
    low, high = wilson(right, len(found)).tolist()
    return Accuracy(right / len(found), (low, high), len(found), tied)


def cross_entropy(triplets: Array, embedding: Array, temperature: float = 1.0) -> float:
    """Give the mean of -log of the probability of what was chosen, nats; chance is log 3 = 1.0986.

    Parameters
    ----------
    triplets : integers [M, 3], the odd one in column 2.
    embedding : [n, D], a row an object.
    temperature : of the model's probabilities.

    Raises
    ------
    ValueError
        As in `choices.logits` and `choices.probabilities`.
    """
    return cross_entropy_of_logits(logits(triplets, embedding), temperature)


def cross_entropy_of_logits(
    logits: Array, temperature: float = 1.0, *, odd: int | Array = 2
) -> float:
    """Give the same from logits [M, 3]; `odd` is the chosen column, one for all or integers [M].

    Raises
    ------
    ValueError
        The logits are no [M, 3] or hold NaN, `odd` is no column, or the temperature is not above 0.
    """
    found, scale = as_logits(logits), as_temperature(temperature)
    columns = as_columns(odd, len(found))
    total = 0.0
    for part in rows(len(found)):
        surprise = -(found[part].double() / scale).log_softmax(1)
        total += float(_chosen(surprise, columns, part).sum())
    return total / len(found)


def _chosen(values: Tensor, columns: int | Tensor, part: slice) -> Tensor:
    """Give the values [m] of the chosen columns."""
    if isinstance(columns, int):
        return values[:, columns]
    return values.gather(1, columns[part, None])[:, 0]
