"""An explorer in which a model of people and a network are chosen, to be compared."""

from __future__ import annotations

from typing import Any

import traitlets as t

from cnnwidgets.engines.choices import MEASURES
from cnnwidgets.widgets.explorer import Explorer
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.triplet_agents import Setting, Source
from cnnwidgets.widgets.triplet_parties import Parties


class AgentChoice(Explorer):
    """Base of explorers that compare agents: the traits that say whom, and what they stand for."""

    people = t.Unicode()
    """Who stands first: a model of people, another network, or "" for nobody."""
    network = t.Unicode()
    """The network that is compared; "" for none."""
    layer = t.Unicode()
    """Its layer; maps enter by their mean over all places."""
    measure = t.Enum(MEASURES, "cosine")
    """How alike two objects are to the network: see `engines.choices.space`."""

    def __init__(self, parties: Parties, *, lane: Lane | None = None, **state: Any) -> None:
        self._parties = parties
        first, second = parties.first_choice
        chosen = {"people": first, "network": second} | state
        source = parties.sources.get(chosen["network"])
        super().__init__(lane=lane, **({"layer": source.layer if source else ""} | chosen))

    def _sources(self) -> tuple[Source | None, Source | None]:
        named = self._parties.sources
        return named.get(self.people), named.get(self.network)

    def _settings(self) -> tuple[Setting, Setting]:
        """Give how the choices of the two are made; the first has no layer to choose."""
        first, _ = self._sources()
        other = Setting(first.layer, self.measure) if first and first.layer else Setting()
        return other, Setting(self.layer, self.measure)

    def _match_layer(self) -> None:
        """Take the network's own first layer where it has none of the chosen name."""
        _, source = self._sources()
        if source is None or self.layer not in {name for _, name in source.layers}:
            self.layer = source.layer if source else ""

    @t.validate("people", "network")
    def _check_source(self, proposal: Any) -> str:
        name = str(proposal["value"])
        if name:
            self._parties.check(name)
        return name
