"""What explorers about units look at together: a network, a picture, a layer, a unit, a place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import traitlets as t

from cnnwidgets.data import ImageSet, load_images
from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import Layer, record
from cnnwidgets.models import VisionModel


class Selection(t.HasTraits):
    """The unit that is being looked at. Share one between explorers and they move together.

    Parameters
    ----------
    model, images : the network and the pictures. Pictures stay; the network may be exchanged for
        another one of the same input, such as one of its checkpoints.
    state : values of the traits. Without a layer, one in the network's middle is chosen, and
        without a unit the layer's most active one in the picture.

    Raises
    ------
    TraitError
        A value does not exist in this network or set of pictures; the sentence says what does.
    TypeError
        For a keyword that is no trait.
    """

    model: Any = t.Instance(VisionModel)
    """The network. Another one keeps layer, unit and position where it has them, too."""
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
        self.images, self._choosing = images, True
        self._found: tuple[VisionModel, Layer] | None = None
        state.setdefault("layer", default_layer(model))
        if "unit" not in state:
            # A wrong value is told by its trait below, an unreadable picture when it is shown.
            with suppress(ValueError, IndexError, TypeError, OSError, NotImplementedError):
                shown = images.images[state.get("picture", 0)]
                first = record(model, model.preprocess([shown]))
                state["unit"] = int(layer_response(first, state["layer"]).order[0])
        super().__init__(model=model, **state)
        self._choosing = False

    @property
    def current_layer(self) -> Layer:
        """The chosen layer with its kind, shape and field."""
        if self._found is None or (self._found[0], self._found[1].name) != (self.model, self.layer):
            self._found = self.model, self.model.layer(self.layer)
        return self._found[1]

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
                if "model" in state:
                    self.model = self._check_model({"value": state["model"]})
                if "layer" in state:
                    self.layer = self._check_layer({"value": state["layer"]})
                elif not self._has(self.layer):
                    self.layer, state = default_layer(self.model), {**state, "position": None}
                self.unit = min(self.unit, self.current_layer.units - 1)
                self.picture = state.get("picture", self.picture)
                self.unit = state.get("unit", self.unit)
                # Also the same place may be none of another network's.
                self.position = self._check_position({"value": state.get("position")})
        finally:
            self._choosing = False

    def _has(self, layer: str) -> bool:
        try:
            self.model.layer(layer)
        except ValueError:
            return False
        return True

    @t.validate("model")
    def _check_model(self, proposal: Any) -> VisionModel:
        model: Any = proposal["value"]
        if not isinstance(model, VisionModel):
            raise t.TraitError(f"the model must be a VisionModel, got {type(model).__name__}")
        before = self.model or model
        if model.input_shape != before.input_shape:
            raise t.TraitError(
                f"{model.name} takes pictures {list(model.input_shape)}, where {before.name} takes "
                f"{list(before.input_shape)}; make an explorer of its own"
            )
        return model

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

    @t.observe("model")
    def _model_changed(self, _: Any) -> None:
        if not self._choosing:
            try:
                self.choose(model=self.model, position=self.position)
            except t.TraitError:  # there is no such place in this network's layer
                self.choose(model=self.model)

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


def first_convolution(model: VisionModel) -> str:
    """Give the first convolution, or the first layer."""
    names = [layer.name for layer in model.layers.values() if layer.kind.startswith("Conv")]
    return (names or [*model.layers])[0]


def of_selection(name: str) -> property:
    """Give a property of an explorer that stands for a trait of its `selection`."""

    def read(self: Any) -> Any:
        return getattr(self.selection, name)

    def write(self: Any, value: Any) -> None:
        setattr(self.selection, name, value)

    return property(read, write, doc=f"The selection's {name}, see `Selection.{name}`.")


def new_or_shared(
    model: VisionModel, images: Any, shared: Selection | None, chosen: dict[str, Any]
) -> Selection:
    """Give a new selection, or the shared one moved to what is chosen.

    Parameters
    ----------
    model : what to start with; of the shared selection another checkpoint, perhaps.
    images : an `ImageSet`, what `load_images` takes, or None.
    """
    if shared is None:
        loaded = images if isinstance(images, ImageSet) else load_images(images or "photos")
        return Selection(model, loaded, **chosen)
    if images is not None and images is not shared.images:
        raise ValueError("the shared selection has pictures of its own; leave out images")
    if chosen:
        shared.choose(model=model, **chosen)
    shared.model = model
    return shared
