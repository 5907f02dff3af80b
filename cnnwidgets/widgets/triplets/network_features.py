"""What a network says of all pictures of a set: found in the background, kept between sessions."""

from __future__ import annotations

from cnnwidgets.data import ImageSet
from cnnwidgets.data.kept_results import keep, kept
from cnnwidgets.engines.features import Features, FeaturesAccumulator
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.stages import stages
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress
from cnnwidgets.widgets.picture_pass import PicturePass, first_record, pass_key

FORM = "features 1"
"""Changes when the same network and pictures would give other features."""

MOST_VALUES = 40_000_000
"""Values of all layers and pictures (160 MB); beyond, only the layers one would ask for first."""


class NetworkFeatures(PicturePass):
    """The features of a set of pictures in the layers of a network.

    Only the scheduler's worker calls it.

    The features of pictures that could not be read are NaN.

    Attributes
    ----------
    layers : those that are looked at, in execution order.
    """

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        super().__init__(model, images)
        self.layers = _layers(model, len(images))
        self._found = FeaturesAccumulator(model, self.layers)
        self._result: Features | None = None
        self._key = ""

    @property
    def result(self) -> Features | None:
        """The features, once the network as it is has looked at all pictures; else None."""
        return self._result if self.is_current() else None

    @property
    def state(self) -> str | None:
        """The fingerprint of the network as it looked at the pictures; None before."""
        return self._made.fingerprint if self._made is not None else None

    def build(self, progress: Progress) -> Features:
        """Give the features: go on where the last pass was stopped, or take what was kept.

        Raises
        ------
        ValueError, OSError
            No picture can be read.
        StaleRecordError
            The weights changed meanwhile.
        """
        if not self.is_current():
            self._begin(progress)
        if self._result is None:
            self._look_through(progress)
        if self._result is None or not self.is_current():
            raise StaleRecordError(
                f"the weights of {self.model.name} changed while the pictures were looked at; "
                "choose Next, and they are looked at again"
            )
        return self._result

    def _begin(self, progress: Progress) -> None:
        self._made, self._result = first_record(self.model, self._images), None
        self._found, self.done = FeaturesAccumulator(self.model, self.layers), 0
        self.left_out = {}
        self._key = pass_key(FORM, self._made, self.layers, self._images, progress)
        if self._key and (found := kept(Features, self._key)):
            self._result, self.done = found, self.total

    def _look_through(self, progress: Progress) -> None:
        size, found = pictures_at_once(self.model), self._found
        while self.done < self.total:
            end = min(self.done + size, self.total)
            # Of a batch that was stopped a part may be in already.
            numbers = [n for n in range(self.done, end) if n not in found.numbers]
            if shown := self._shown(numbers, progress):
                pictures = self.model.preprocess([*shown.values()])
                found.update(pictures, [*shown], between=lambda: progress(self.done, self.total))
            self.done = end
            progress(self.done, self.total)
        if self.is_current():  # else this would be kept as another network's
            self._result = found.result(self.total)
            if self._key and not self.left_out:
                keep(self._result, self._key)


def _layers(model: VisionModel, pictures: int) -> list[str]:
    """Give the layers to look at: all, or of a large network and many pictures a few."""
    layers = model.layers
    if pictures * sum(layer.units for layer in layers.values()) <= MOST_VALUES:
        return list(layers)
    first = {*stages(model).values(), model.penultimate or "", list(layers)[-1]}
    return [name for name in layers if name in first]
