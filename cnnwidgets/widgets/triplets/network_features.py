"""What a network says of all pictures of a set: found in the background, kept between sessions."""

from __future__ import annotations

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.features import Features, FeaturesAccumulator
from cnnwidgets.engines.stages import stages
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.picture_pass import PicturePass

MOST_VALUES = 40_000_000
"""Values of all layers and pictures (160 MB); beyond, only the layers one would ask for first."""


class NetworkFeatures(PicturePass[Features]):
    """The features of a set of pictures in the layers of a network.

    Only the scheduler's worker calls it.

    The features of pictures that could not be read are NaN.

    Attributes
    ----------
    layers : those that are looked at, in execution order.
    """

    kind = Features
    form = "features 1"

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        self.layers = _layers(model, len(images))
        super().__init__(model, images, self.layers, "ask again")

    @property
    def ready(self) -> bool:
        """Whether the network as it is has looked at all pictures."""
        return self.result is not None and self.is_current()

    @property
    def state(self) -> str | None:
        """The fingerprint of the network as it looked at the pictures; None before."""
        return self._made.fingerprint if self._made is not None else None

    def _collector(self) -> FeaturesAccumulator:
        return FeaturesAccumulator(self.model, self.layers)

    def _finished(self, found: FeaturesAccumulator) -> Features:
        return found.result(self.total)


def _layers(model: VisionModel, pictures: int) -> list[str]:
    """Give the layers to look at: all, or of a large network and many pictures a few."""
    layers = model.layers
    if pictures * sum(layer.units for layer in layers.values()) <= MOST_VALUES:
        return list(layers)
    first = {*stages(model).values(), model.penultimate or "", list(layers)[-1]}
    return [name for name in layers if name in first]
