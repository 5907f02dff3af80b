"""What to cite for what the explorers of triplets show now."""

from __future__ import annotations

from collections.abc import Iterable

from cnnwidgets.data.credits import credits_of
from cnnwidgets.data.things import LICENCE
from cnnwidgets.widgets.citations import Citation, citation, grounds
from cnnwidgets.widgets.triplets.agents import FeatureSource, NetworkSource, PeopleSource, Source
from cnnwidgets.widgets.triplets.objects import Objects


def of_triplets(
    objects: Objects,
    sources: Iterable[Source | None],
    shown: Iterable[int],
    *,
    revealed: bool,
) -> Citation:
    """Give what to cite for a triplet.

    Parameters
    ----------
    sources : who is compared; None for nobody.
    shown : the numbers of the objects that are shown.
    revealed : what they take out is shown; before, these are pictures and no more.
    """
    agents, said = _agents(sources)
    found = [*grounds.CHOICES, *agents, *grounds.SHARES] if revealed else []
    given = [*said, *_pictures(objects, shown)] if revealed else _pictures(objects, shown)
    return citation([*found, *_objects(objects)], given)


def of_board(
    objects: Objects,
    sources: Iterable[Source | None],
    *,
    compared: bool,
    by_wilson: bool,
) -> Citation:
    """Give what to cite for the similarities of a class.

    Parameters
    ----------
    compared : the correlation with a network is shown.
    by_wilson : intervals of shares are Wilson's; else they are of drawn sittings.
    """
    agents, said = _agents(sources)
    found = grounds.ALIKE if compared else grounds.ALIKE[:1]
    shares = grounds.SHARES if by_wilson else []
    return citation([*found, *agents, *shares, *_objects(objects)], said)


def _agents(sources: Iterable[Source | None]) -> tuple[list[tuple[str, str]], list[str]]:
    found: list[tuple[str, str]] = []
    said: list[str] = []
    for source in sources:
        if isinstance(source, PeopleSource):
            found += grounds.PEOPLE[source.dimensions]
            said.append(f"{source.name}: {LICENCE}.")
        elif isinstance(source, NetworkSource):
            network, told = grounds.of_network(source.model)
            found += network
            said += told
        elif isinstance(source, FeatureSource):
            said.append(f"The features {source.name}: cite whose they are.")
    return found, said


def _objects(objects: Objects) -> list[tuple[str, str]]:
    """Objects of THINGS are known by the code that makes them, embedded ones by their table."""
    known = ("load_things", 'load_images("objects")')
    if any(line in (objects.source or "") for line in known):
        return [("names of objects", "hebart2019")]
    return []


def _pictures(objects: Objects, shown: Iterable[int]) -> tuple[str, ...]:
    return () if objects.images is None else credits_of(objects.images, shown)
