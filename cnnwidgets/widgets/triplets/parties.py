"""Who takes part: objects, models of people, networks, and what people were really asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import traitlets as t

from cnnwidgets.data import Things, load_things
from cnnwidgets.engines import choices
from cnnwidgets.engines.choices import Ceiling
from cnnwidgets.models import VisionModel, load_model
from cnnwidgets.views import words
from cnnwidgets.widgets.triplets.agents import FeatureSource, NetworkSource, PeopleSource, Source
from cnnwidgets.widgets.triplets.objects import Objects, objects_of

EMBEDDED = ("squeezenet1_1", "alexnet")
"""Networks that come with the package: there to compare before anything is fetched."""


@dataclass(frozen=True, eq=False)
class Parties:
    """Who is compared on what.

    Attributes
    ----------
    objects : what triplets are made of.
    people, networks : the sources of each kind, in the order they are offered.
    asked : for triplets that people were really asked, how often they took out each object.
    """

    objects: Objects
    people: tuple[Source, ...]
    networks: tuple[Source, ...]
    asked: Mapping[frozenset[int], Mapping[int, int]]

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """How well people agree with people in the triplets they were asked again and again."""
        rows = [
            [*(number for number in key if number != odd), odd]
            for key, counts in self.asked.items()
            for odd, count in counts.items()
            for _ in range(count)
        ]
        return choices.noise_ceiling(np.array(rows), resamples=1) if rows else None

    @property
    def sources(self) -> dict[str, Source]:
        """All of them by their names."""
        return {source.name: source for source in (*self.people, *self.networks)}

    @property
    def first_choice(self) -> tuple[str, str]:
        """Who stands in the first and in the second place at the beginning; "" for nobody."""
        names = [source.name for source in self.networks]
        if self.people:
            return self.people[0].name, names[0] if names else _name_at(self.people, 1)
        first, second = ["", "", *names][-2:] if len(names) < 2 else names[:2]
        return first, second

    def check(self, name: str) -> None:
        """Refuse who takes no part.

        Raises
        ------
        TraitError
            With the names of those who do.
        """
        if name not in self.sources:
            known = words.listing(self.sources, most=4) or "nobody"
            raise t.TraitError(f"{words.shortened(name)!r} takes no part; {known} can be chosen")


def _name_at(sources: Sequence[Source], number: int) -> str:
    return sources[number].name if len(sources) > number else ""


def parties_of(networks: Any, objects: Any, people: Any) -> Parties:
    """Bring together what a `TripletStepper` is given.

    Raises
    ------
    TypeError, ValueError, OSError
        It is something else, or does not fit together.
    """
    made = objects_of(objects)
    models = _models_of_people(people, objects)
    if networks is None:
        networks = [load_model(name) for name in EMBEDDED] if made.images is not None else []
    known = [PeopleSource(one, made) for one in models]
    return Parties(
        made,
        tuple(source for source in known if source.knows >= 3),
        tuple(_networks(networks, made)),
        _asked(models[0], made) if models else {},
    )


def _models_of_people(people: Any, objects: Any) -> list[Things]:
    """Give the models that were given; "auto" takes those that can be found here, or none."""
    if isinstance(people, str) and people == "auto":
        given = [objects] if isinstance(objects, Things) else []
        folder = objects.folder if given else None
        for dimensions in (49, 66):
            if not given or len(given[0].labels) != dimensions:
                with suppress(FileNotFoundError):  # either may be there without the other
                    given.append(load_things(folder, dimensions=dimensions))
        return given
    found = [] if people is None else [*people] if isinstance(people, list | tuple) else [people]
    for one in found:
        if not isinstance(one, Things):
            raise TypeError(
                f"people are Things, from cw.data.load_things(), or None; got {type(one).__name__}"
            )
    return found


def _name(network: Any) -> str:
    if isinstance(network, VisionModel):
        return network.name
    raise TypeError(
        f"networks are VisionModels, or features by their names: {{'CLIP': array}}; got "
        f"{type(network).__name__}"
    )


def _networks(networks: Any, objects: Objects) -> list[Source]:
    """Give the sources of `VisionModel`s, or of networks and features by their names."""
    given = networks if isinstance(networks, Mapping | list | tuple) else [networks]
    named = given if isinstance(given, Mapping) else {_name(one): one for one in given}
    if len(named) < len(given):
        raise ValueError("two networks have one name; give them names: {'first': ..., ...}")
    return [_source(name, one, objects) for name, one in named.items()]


def _source(name: str, network: Any, objects: Objects) -> Source:
    if not isinstance(network, VisionModel):
        return FeatureSource(name, network, objects)
    if objects.images is None:
        raise ValueError(f"{name} looks at pictures, and these objects are words; give features")
    return NetworkSource(network, objects)


def _asked(known: Things, objects: Objects) -> dict[frozenset[int], dict[int, int]]:
    """Give the triplets that people were really asked: how often each object was taken out."""
    if known.trials is None:
        return {}
    number_of = {name: number for number, name in enumerate(objects.ids)}
    here = np.array([number_of.get(name, -1) for name in known.ids])
    rows = here[known.trials.triplets]
    found: dict[frozenset[int], dict[int, int]] = {}
    for row in rows[(rows >= 0).all(1)].tolist():
        counts = found.setdefault(frozenset(row), {})
        counts[row[2]] = counts.get(row[2], 0) + 1
    return found
