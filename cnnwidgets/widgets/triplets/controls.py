"""The triplet stepper's rows of controls: who is compared, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Any

import ipywidgets
import traitlets as t

from cnnwidgets.views import layout
from cnnwidgets.widgets.triplets.agent_controls import AgentControls
from cnnwidgets.widgets.triplets.parties import Parties

COLDEST, HOTTEST, PER_DOUBLING = -3, 3, 4
"""The temperature's slider: from 1/8 to 8 times the automatic one, four steps a doubling."""


class TripletControls:
    """People, network, layer, order, Next; beneath, the filter, the measure, the temperature.

    Parameters
    ----------
    owner : has the traits of these names, with which they are linked.
    parties : who can be chosen, and the objects that one can filter by.
    orders : what the next triplet can be.
    next_asked : called when Next is pressed.

    Attributes
    ----------
    row, second : the rows.
    """

    def __init__(
        self,
        owner: t.HasTraits,
        parties: Parties,
        orders: Sequence[str],
        next_asked: Callable[[], None],
    ) -> None:
        self._owner, self._agents = owner, AgentControls(owner, parties)
        self.temperature = ipywidgets.IntSlider(
            min=COLDEST * PER_DOUBLING, max=HOTTEST * PER_DOUBLING, readout=False
        )
        self.reading = ipywidgets.Label()
        self.order = ipywidgets.Dropdown(options=list(orders))
        objects = parties.objects
        self.wanted = ipywidgets.Combobox(
            options=[*objects.categories, *objects.names],
            placeholder="an object or a category",
            continuous_update=False,
        )
        self.button = ipywidgets.Button(description="Next →", button_style="primary")
        self.button.tooltip = "The next triplet (N)"
        self.button.on_click(lambda _: next_asked())
        self.temperature.observe(self._temperature_chosen, "value")
        for name in ("order", "wanted"):
            t.link((owner, name), (getattr(self, name), "value"))
        people, network, layer, measure = self._agents.fields
        self.row = layout.controls_row(
            people,
            network,
            layer,
            layout.labelled("next triplet", self.order, flex="1 1 110px"),
            layout.labelled("\N{NO-BREAK SPACE}", self.button, flex="0 0 88px"),
        )
        self.second = layout.controls_row(
            layout.labelled("only with", self.wanted, flex="2 1 200px"),
            measure,
            layout.labelled("temperature", self.temperature, self.reading, flex="1 1 160px"),
        )

    def follow(self) -> None:
        """Show what was chosen, whoever chose it."""
        owner: Any = self._owner
        self._agents.follow()
        self.temperature.value = _step(owner.temperature)
        self.temperature.disabled = not owner.network
        self.reading.value = f"× {owner.temperature:.3g}"

    def _temperature_chosen(self, change: Any) -> None:
        owner: Any = self._owner
        if _step(owner.temperature) != change["new"]:
            doublings = change["new"] / PER_DOUBLING
            owner.temperature = 2 ** max(COLDEST, min(HOTTEST, doublings))


def _step(temperature: float) -> int:
    """Give the slider's place nearest to a temperature."""
    place = round(log2(temperature) * PER_DOUBLING)
    return max(COLDEST * PER_DOUBLING, min(HOTTEST * PER_DOUBLING, place))
