"""What explorers about units look at together: a picture, a layer, a unit, a position."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import traitlets as t

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import Layer, record
from cnnwidgets.models import VisionModel


class Selection(t.HasTraits):
    """The unit that is being looked at. Share one between explorers and they move together.

    Parameters
    ----------
    model, images : the network and the pictures; they stay.
    state : values of the traits. Without a layer, one in the network's middle is chosen, and
        without a unit the layer's most active one in the picture.

    Raises
    ------
    TraitError
        A value does not exist in this network or set of pictures; the sentence says what does.
    TypeError
        For a keyword that is no trait.
    """

    picture = t.Int(0)
    """Index of the picture in `images`."""
    layer = t.Unicode()
    """Name of the layer, as in `model.layers`."""
    unit = t.Int(0)
    """Channel of the layer (or entry, of a vector layer)."""
    position: Any = t.Tuple(t.Int(), t.Int(), default_value=None, allow_none=True)
    """(row, column) in the layer's map; None is the unit's strongest place in the picture."""

    def __init__(self, model: VisionModel, images: ImageSet, **state: Any) -> None:
        unknown = sorted(set(state) - set(self.trait_names()))
        if unknown:
            raise TypeError(f"Selection has no trait {', '.join(unknown)}")
        if not len(images):
            raise ValueError("a selection needs at least one picture, got an empty set")
        self.model, self.images, self._choosing = model, images, True
        self._found: Layer | None = None
        state.setdefault("layer", default_layer(model))
        if "unit" not in state:
            # A wrong value is told by its trait below, an unreadable picture when it is shown.
            with suppress(ValueError, IndexError, TypeError, OSError, NotImplementedError):
                shown = images.images[state.get("picture", 0)]
                first = record(model, model.preprocess([shown]))
                state["unit"] = int(layer_response(first, state["layer"]).order[0])
        super().__init__(**state)
        self._choosing = False

    @property
    def current_layer(self) -> Layer:
        """The chosen layer with its kind, shape and field."""
        if self._found is None or self._found.name != self.layer:
            self._found = self.model.layer(self.layer)
        return self._found

    def choose(self, **state: Any) -> None:
        """Set several traits at once; what is wrong changes nothing.

        Without a position, the unit stands at its strongest place.

        Raises
        ------
        TraitError
            As when the traits are set one by one.
        """
        unknown = sorted(set(state) - set(self.trait_names()))
        if unknown:
            raise TypeError(f"Selection has no trait {', '.join(unknown)}")
        self._choosing = True
        try:
            with self.hold_trait_notifications():
                if "layer" in state:
                    self.layer = self._check_layer({"value": state["layer"]})
                    self.unit = min(self.unit, self.current_layer.units - 1)
                self.picture = state.get("picture", self.picture)
                self.unit = state.get("unit", self.unit)
                self.position = state.get("position")
        finally:
            self._choosing = False

    @t.validate("picture")
    def _check_picture(self, proposal: Any) -> int:
        number, count = proposal["value"], len(self.images)
        if not 0 <= number < count:
            raise t.TraitError(f"there are {count} pictures, 0 to {count - 1}; {number} was asked")
        return int(number)

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        try:
            self.model.layer(proposal["value"])
        except ValueError as error:
            raise t.TraitError(str(error)) from None
        return str(proposal["value"])

    @t.validate("unit")
    def _check_unit(self, proposal: Any) -> int:
        number, count = proposal["value"], self.current_layer.units
        if not 0 <= number < count:
            raise t.TraitError(
                f"{self.layer} has {count} units, 0 to {count - 1}; {number} was asked"
            )
        return int(number)

    @t.validate("position")
    def _check_position(self, proposal: Any) -> tuple[int, int] | None:
        value, layer = proposal["value"], self.current_layer
        if value is None:
            return None
        if not layer.spatial:
            raise t.TraitError(
                f"{self.layer} is a vector, its units have no position; {value} was asked"
            )
        for name, number, count in zip(("rows", "columns"), value, layer.shape[1:], strict=True):
            if not 0 <= number < count:
                raise t.TraitError(
                    f"{self.layer} has {count} {name}, 0 to {count - 1}; {number} was asked"
                )
        return value[0], value[1]

    @t.observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if not self._choosing:
            self.choose(unit=min(self.unit, self.current_layer.units - 1))

    @t.observe("unit", "picture")
    def _unit_changed(self, _: Any) -> None:
        if not self._choosing:
            self.position = None


def default_layer(model: VisionModel) -> str:
    """Give the layer with the largest fields of at most half the picture: parts, not scenes.

    Of layers with the same field it is the one with most units, and of these the last.
    """
    half = min(model.input_shape[1:]) / 2
    spatial = [layer for layer in model.layers.values() if layer.spatial and not layer.field.whole]
    parts = [layer for layer in spatial if max(layer.field.size) <= half]
    ranked = sorted(
        parts or spatial or model.layers.values(),
        key=lambda layer: (max(layer.field.size), layer.units),
    )
    return ranked[-1].name
