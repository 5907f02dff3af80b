"""The strongest pictures of all units: found in the background, kept between sessions."""

from __future__ import annotations

from collections import OrderedDict

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.top_images import (
    Peak,
    TopImages,
    TopImagesAccumulator,
)
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.picture_pass import PicturePass

INDEXES_KEPT = 2
"""Networks one goes back to without a look at the pictures, or where a search goes on."""


class UnitIndex(PicturePass[TopImages]):
    """The top pictures of every unit of a network in a set of pictures.

    Of a network with read-outs it is that of the read-outs alone: the other layers' is the plain
    network's. Only the scheduler's worker calls it. What is asked inside `build`, at its
    `progress`, gets the best so far.

    Attributes
    ----------
    result : once all have been looked through; else None.
    """

    kind = TopImages
    form = "1"

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        layers = [read_out.name for read_out in model.read_outs]
        super().__init__(model, images, layers, "choose a unit")

    @property
    def at_once(self) -> int | None:
        """How many pictures are taken at a time, once a batch did not fit into memory."""
        return self._found.at_once if self._found is not None else None

    def best(self, layer: str, unit: int) -> list[Peak]:
        """Give a unit's strongest pictures so far, strongest first.

        Raises
        ------
        ValueError
            The layer is not in the index.
        """
        so_far = self.result
        if so_far is None and self._found is not None and self._found.count:
            so_far = self._found.result()
        if so_far is None:
            return []
        return so_far.best(self._listed(layer, so_far), unit)

    def _collector(self) -> TopImagesAccumulator:
        return TopImagesAccumulator(self.model, self._looked_at or None)

    def _finished(self, found: TopImagesAccumulator) -> TopImages:
        return found.result()

    def _listed(self, layer: str, so_far: TopImages) -> str:
        """Give the listed layer that is the same tensor: other containers resolve by name, too."""
        if layer in so_far.layers or self._made is None:
            return layer
        value = self._made.value_of(layer)
        same = [name for name in so_far.layers if self._made.value_of(name) == value]
        return same[0] if same else layer


class UnitIndexes:
    """The indexes of the networks that were asked last, in one set of pictures."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._kept: OrderedDict[VisionModel, UnitIndex] = OrderedDict()

    def of(self, model: VisionModel) -> UnitIndex:
        """Give the index of a network; it is built by whoever asks for it."""
        index = self._kept.pop(model, None) or UnitIndex(model, self._images)
        self._kept[model] = index
        while len(self._kept) > INDEXES_KEPT:
            self._kept.popitem(last=False)[1].forget()
        return index

    def forget(self) -> None:
        """Let go of everything."""
        for index in self._kept.values():
            index.forget()
        self._kept.clear()
