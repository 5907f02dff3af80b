"""Whose choices are compared: a model of people, networks, features that were given."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.data import Things
from cnnwidgets.engines import choices
from cnnwidgets.engines.choices import Measure
from cnnwidgets.engines.stages import stages
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress
from cnnwidgets.views import words
from cnnwidgets.widgets.triplets.network_features import NetworkFeatures
from cnnwidgets.widgets.triplets.objects import Objects
from cnnwidgets.widgets.unit_words import layer_label

TRIPLETS = 20_000
"""Random triplets from which a temperature is found."""


@dataclass(frozen=True)
class Setting:
    """How a network's choices are made.

    Attributes
    ----------
    layer : its name; `measure` : of similarity, as in `choices.space`.
    temperature : in units of the automatic one's: 1 is as sure as people are.
    """

    layer: str = ""
    measure: Measure = "dot"
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class Agent:
    """Somebody who takes out one of three: by dot products of rows, and softmax.

    Attributes
    ----------
    name : as it is chosen; `title` : for sentences ("model of people").
    embedding : float32 [n, D], a row an object, 0 where it is not known; `known` : bool [n].
    temperature : of the softmax.
    labels : a name a dimension; `kinds` : of each, or ().
    """

    name: str
    title: str
    embedding: Tensor
    known: Tensor
    temperature: float
    labels: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def is_people(self) -> bool:
        """Whether it is a model of people, not a network."""
        return self.title != self.name

    def probabilities(self, triplets: Tensor) -> Tensor:
        """Give [M, 3]: how probably each object of a triplet is taken out."""
        return choices.probabilities(choices.logits(triplets, self.embedding), self.temperature)

    def knows(self, triplet: Sequence[int]) -> bool:
        """Tell whether it can choose among these."""
        return bool(self.known[list(triplet)].all())

    def tops(self, dimension: int, count: int = 4) -> list[int]:
        """Give the objects that are highest on a dimension, highest first; none where all are 0."""
        best = self.embedding[:, dimension].topk(min(count, len(self.embedding)))
        found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [number for number, value in found if value > 0]


class Source(Protocol):
    """What an agent is made from."""

    name: str
    layers: tuple[tuple[str, str], ...]
    """(label, name) of what can be chosen among; () for nothing."""
    layer: str
    """The one to begin with."""

    def agent(self, setting: Setting, progress: Progress) -> Agent:
        """Give the agent of a setting; the scheduler's worker asks."""

    def ready(self) -> bool:
        """Tell whether an agent can be had at once, without a look at all pictures."""

    def prepare(self, progress: Progress) -> None:
        """Look at all pictures."""

    def state(self) -> Hashable:
        """Give what tells the agents made now from those made when its weights were others."""


class PeopleSource:
    """The embedding that was found from people's choices among the THINGS objects."""

    layers: tuple[tuple[str, str], ...] = ()
    layer = ""

    def __init__(self, things: Things, objects: Objects) -> None:
        self.name = f"SPoSE {len(things.labels)}, THINGS"
        row_of = {name: row for row, name in enumerate(things.ids)}
        rows = torch.tensor([row_of.get(name, -1) for name in objects.ids])
        self._known = rows >= 0
        embedding = torch.from_numpy(np.array(things.embedding, np.float32))
        self._embedding = embedding[rows.clamp_min(0)] * self._known[:, None]
        self._labels, self._kinds = things.labels, things.kinds
        self.dimensions, self.folder = len(things.labels), things.folder

    def agent(self, setting: Setting, progress: Progress) -> Agent:
        """Give the model of people; a setting is a network's alone."""
        return Agent(
            self.name,
            "model of people",
            self._embedding,
            self._known,
            1.0,
            self._labels,
            self._kinds,
        )

    @property
    def knows(self) -> int:
        """How many of the objects it knows."""
        return int(self._known.sum())

    def ready(self) -> bool:
        """It always is."""
        return True

    def prepare(self, progress: Progress) -> None:
        """There is nothing to do."""

    def state(self) -> Hashable:
        """It never changes."""
        return None


class FeatureSource:
    """Features that somebody brings, [n, D], in the order of the objects; NaN where one is not."""

    layers: tuple[tuple[str, str], ...] = ()
    layer = ""

    def __init__(self, name: str, features: Any, objects: Objects) -> None:
        self.name = name
        given = np.asarray(getattr(features, "values", features))  # of a table, or of a file
        if given.dtype.kind not in "fiu":
            raise TypeError(
                f"the features of {words.shortened(name)} must be numbers; got {given.dtype}"
            )
        found = torch.from_numpy(np.array(given, np.float32))
        if found.dim() != 2 or len(found) != len(objects):
            raise ValueError(
                f"the features of {words.shortened(name)} must be [{len(objects)}, dimensions], a "
                f"row an object; got {list(found.shape)}"
            )
        self._features = found
        if not bool(self._features.isfinite().all(1).sum() >= 3):
            raise ValueError(f"{words.shortened(name)} has features of fewer than three objects")

    def agent(self, setting: Setting, progress: Progress) -> Agent:
        """Give the agent whose similarities are those of the features."""
        labels = tuple(f"dimension {d}" for d in range(self._features.shape[1]))
        return _from_features(self.name, self._features, labels, setting, rectify=False)

    def ready(self) -> bool:
        """It always is."""
        return True

    def prepare(self, progress: Progress) -> None:
        """There is nothing to do."""

    def state(self) -> Hashable:
        """It never changes."""
        return None


class NetworkSource:
    """A network, by the features of its layers."""

    def __init__(self, model: VisionModel, objects: Objects) -> None:
        assert objects.images is not None
        self.name, self.model = model.name, model
        self.features = NetworkFeatures(model, objects.images)
        self.layers = tuple(_layer_choices(model, self.features.layers))
        self.layer = model.penultimate or stages(model).get("late") or self.features.layers[-1]

    def agent(self, setting: Setting, progress: Progress) -> Agent:
        """Give the agent of a layer; the first time all pictures are looked at, or read."""
        features = self.features.build(progress).of(setting.layer)
        labels = self._labels(setting.layer)
        return _from_features(self.name, features, labels, setting, rectify=True)

    def ready(self) -> bool:
        """Tell whether all pictures have been looked at by the network as it is."""
        return self.features.ready

    def prepare(self, progress: Progress) -> None:
        """Look at all pictures, or go on with that."""
        self.features.build(progress)

    def state(self) -> Hashable:
        """Give the fingerprint of the weights that looked at the pictures last."""
        return self.features.state

    def _labels(self, layer: str) -> tuple[str, ...]:
        model, units = self.model, self.model.layer(layer).units
        if model.labels is not None and len(model.labels) == units == model.classes:
            return tuple(model.labels)
        return tuple(f"unit {unit}" for unit in range(units))


def _from_features(
    name: str, features: Tensor, labels: tuple[str, ...], setting: Setting, *, rectify: bool
) -> Agent:
    known = features.isfinite().all(1)
    embedding = torch.zeros_like(features)
    embedding[known] = choices.space(features[known], measure=setting.measure, rectify=rectify)
    numbers = known.nonzero()[:, 0]
    generator = torch.Generator().manual_seed(0)
    count = min(TRIPLETS, comb(len(numbers), 3))
    triplets = numbers[choices.sample(len(numbers), count, generator=generator).long()]
    own = choices.automatic_temperature(choices.logits(triplets, embedding))
    return Agent(name, name, embedding, known, own * setting.temperature, labels)


def _layer_choices(model: VisionModel, layers: Sequence[str]) -> list[tuple[str, str]]:
    named = {name: stage for stage, name in stages(model).items()}
    if model.penultimate:
        named.setdefault(model.penultimate, "features")
    first = [(f"{stage} · {name}", name) for name, stage in named.items() if name in layers]
    rest = [(layer_label(model.layers[name]), name) for name in layers if name not in named]
    return first + rest
