"""The strongest pictures of all units: found in the background, kept between sessions."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from cnnwidgets.data import ImageSet
from cnnwidgets.data.kept_results import keep, kept
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.top_images import (
    Peak,
    TopImages,
    TopImagesAccumulator,
)
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress
from cnnwidgets.widgets.picture_pass import PicturePass, first_record, pass_key

FORM = "1"
"""Changes when the same network and pictures would give another index."""

INDEXES_KEPT = 2
"""Networks one goes back to without a look at the pictures, or where a search goes on."""


class UnitIndex(PicturePass):
    """The top pictures of every unit of a network in a set of pictures.

    Of a network with read-outs it is that of the read-outs alone: the other layers' is the plain
    network's. Only the scheduler's worker calls it. What is asked inside `build`, at its
    `progress`, gets the best so far.

    Attributes
    ----------
    result : once all have been looked through; else None.
    """

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        super().__init__(model, images)
        self._layers = [read_out.name for read_out in model.read_outs] or None
        self._found: TopImagesAccumulator | None = None
        self._key = ""
        self.result: TopImages | None = None

    @property
    def at_once(self) -> int | None:
        """How many pictures are taken at a time, once a batch did not fit into memory."""
        return self._found.at_once if self._found is not None else None

    def build(self, progress: Progress) -> TopImages:
        """Give the index: go on where the last one was stopped, or take the one that was kept.

        Raises
        ------
        ValueError, OSError
            No picture can be read.
        StaleRecordError
            The weights changed meanwhile.
        """
        try:
            if not self.is_current():
                self._begin(progress)
            if self.result is None:
                self._look_through(progress)
            self._check_current()
        except StaleRecordError:
            raise StaleRecordError(
                f"the weights of {self.model.name} changed while the pictures were looked "
                "through; choose a unit, and they are looked through again"
            ) from None
        assert self.result is not None
        return self.result

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

    def forget(self) -> None:
        """Let go of everything."""
        self._made = self._found = self.result = None

    def _begin(self, progress: Progress) -> None:
        """Start anew, with the index that was kept of this very network and these pictures."""
        made, key = first_record(self.model, self._images), self._key
        self._key = pass_key(FORM, made, self._layers or [], self._images, progress)
        if self.result is None or self._key != key:
            self.result, self._found, self.left_out, self.done = None, None, {}, 0
            if self._key and (found := kept(TopImages, self._key)):
                self.result, self.done = found, self.total
        self._made = made

    def _look_through(self, progress: Progress) -> None:
        found = self._found = self._found or TopImagesAccumulator(self.model, self._layers)
        size = pictures_at_once(self.model)
        while self.done < self.total:
            end = min(self.done + size, self.total)
            # Of a batch that was stopped a part may be in already.
            shown = self._shown(range(max(self.done, found.last + 1), end), progress)
            if shown:
                pictures = self.model.preprocess([*shown.values()])
                told = partial(progress, self.done, self.total)
                found.update(pictures, [*shown], between=told)
            self.done = end
            progress(self.done, self.total)
        self._check_current()  # else this would be kept as another network's
        self.result, self._found = found.result(), None
        if self._key and not self.left_out:
            keep(self.result, self._key)

    def _check_current(self) -> None:
        """Refuse to go on where the weights have changed, or will not stand still at all."""
        if not self.is_current():
            raise StaleRecordError

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
