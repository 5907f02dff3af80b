"""What is known about a network before its weights are there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from torch import nn


class Source(Protocol):
    """A place that weights can be fetched from.

    Attributes
    ----------
    title : what it is called; `licence` : of the weights.
    file : what they are called in the cache.
    whole : whether the classifier is among them.
    by_hand : what a user does where this machine cannot fetch them.
    """

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def whole(self) -> bool: ...  # noqa: D102
    @property
    def by_hand(self) -> str: ...  # noqa: D102

    def fetch(self, path: Path) -> None:
        """Fetch the weights to a path, whole and right or not at all."""
        ...


@dataclass(frozen=True)
class Network:
    """A named network.

    Attributes
    ----------
    name : for `load_model`; `title` : for people.
    build : makes its module, without weights.
    input_shape : (C, H, W); `mean`, `std` : a number a channel, for pictures in 0..1.
    labels : of its classes.
    sources : where weights can be fetched, the first to be tried first.
    embedded : what of its weights comes with cnnwidgets, if any.
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: tuple[str, ...]
    sources: tuple[Source, ...]
    embedded: Literal["", "whole", "convolutions"] = ""
