"""An explorer in which a model of people and a network are chosen, to be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets as t

from cnnwidgets.engines.choices import MEASURES
from cnnwidgets.views import words
from cnnwidgets.widgets.explorer import GO_ON, Explorer
from cnnwidgets.widgets.scheduler import Lane, process_lane
from cnnwidgets.widgets.triplets.agents import Setting, Source
from cnnwidgets.widgets.triplets.parties import Parties
from cnnwidgets.widgets.triplets.picture_looking import PictureLooking


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
        self._looking = PictureLooking(
            lane or process_lane(),
            self._sources,
            self._request,
            self._say_if_shown,
            self._look_failed,
        )

    def wait(self, timeout: float | None = None) -> None:
        """Block until what was asked is shown, and the networks have looked at all pictures.

        Raises
        ------
        TimeoutError
            It is not there after `timeout` seconds; the work goes on.
        """
        super().wait(timeout)
        while self._looking.name:
            self._looking.wait(timeout)
            super().wait(timeout)

    def stop(self) -> None:
        """End what runs, also a network's look at the pictures; what is there stays."""
        super().stop()
        self._looking.stop()

    def close(self) -> None:
        """Stop, and free everything; twice is harmless."""
        if looking := getattr(self, "_looking", None):
            looking.close()
        super().close()

    def _sources(self) -> tuple[Source | None, Source | None]:
        named = self._parties.sources
        return named.get(self.people), named.get(self.network)

    def _settings(self) -> tuple[Setting, Setting]:
        """Give how the choices of the two are made; the first has no layer to choose."""
        first, _ = self._sources()
        other = Setting(first.layer if first else "", self.measure)
        return other, Setting(self.layer, self.measure)

    def _looking_state(self, until: str) -> dict[str, Any]:
        """Give the status line's state while a network looks, with what holds until then."""
        state = self._looking.state(until)
        return {**state, "buttons": [*state["buttons"], *self.exports]}

    def _why_silent(self, source: Source) -> str:
        """Say of one who should say something why nothing comes, "" where it does."""
        name = words.shortened(source.name)
        return "" if source.ready() else f"{name} is still looking at the pictures."

    def _say_if_shown(self) -> None:
        if self._shown is not None and not self.error:
            self._say_shown()

    def _look_failed(self, error: BaseException | str) -> None:
        if isinstance(error, str):
            self._status.show(
                state="stopped", headline=error, text="", done=0, total=0, buttons=[GO_ON]
            )
        else:
            self._fail(error)

    def _actions(self) -> dict[str, Callable[[], None]]:
        def go_on() -> None:
            self._looking.follow()
            self._ask(self._question())

        return {**super()._actions(), "go on": go_on}

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
