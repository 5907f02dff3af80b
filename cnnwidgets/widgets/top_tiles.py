"""Tiles of the strip: a unit's field in one picture, over what the unit sees there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.memory import a_pass, fitted
from cnnwidgets.engines.responses import activation_of
from cnnwidgets.engines.top_images import Peak
from cnnwidgets.graph import Record, record
from cnnwidgets.models import VisionModel
from cnnwidgets.views import encoding, words
from cnnwidgets.views.display import grey_contrast, salient_contrast
from cnnwidgets.widgets.unit_look import Question

SIDE = 160  # px of a tile's frames at most: what a tile takes on a screen of twofold density
RECORDS_KEPT = 12  # units of a layer like the same pictures
RECORDS_BYTES = 192 * 2**20

Tile = dict[str, Any]


class TopTiles:
    """Makes the tiles of units in a set of pictures; keeps the last records of one network.

    Only the scheduler's worker calls it.
    """

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._model: VisionModel | None = None
        self._kept: OrderedDict[int, tuple[NDArray[np.uint8], Record]] = OrderedDict()

    def tile(self, question: Question, peak: Peak, progress: Callable[[int, int], None]) -> Tile:
        """Give the tile of the question's unit at its peak in a picture, as `TileStrip` takes it.

        Raises
        ------
        ValueError, NotImplementedError, OSError
            The picture cannot be read, or the layer cannot be walked back from.
        """
        shown, recorded = self._recorded(question.model, peak.picture, progress)
        spatial = recorded.layer(question.layer).spatial
        unit = (question.unit, *peak.position) if spatial else (question.unit,)
        activation_of(recorded, question.layer)  # a pass of its own, and kept
        progress(3, 4)
        made = reconstruct(recorded, question.layer, [unit], rule=question.rule)
        progress(4, 4)
        top, left, bottom, right = window = made.boxes[0].tolist()
        height, width = shown.shape[:2]
        seen = (max(0, top), max(0, left), min(height, bottom), min(width, right))
        inside = (slice(seen[0], seen[2]), slice(seen[1], seen[3]))
        contrast = salient_contrast if question.colour else grey_contrast
        tones, _ = contrast(made.images[0][(slice(None), *inside)].float().numpy())
        name, value = self._images.names[peak.picture], words.response(float(made.responses[0]))
        beyond = seen != tuple(window)
        edge = ", field reaches past the picture" if beyond else ""
        return {
            "crop": encoding.raw(encoding.shrunk(shown[inside], SIDE), seen),
            "seen": encoding.raw(encoding.shrunk(tones, SIDE), seen),
            "window": window,
            "value": value,
            "name": name,
            "beyond": beyond,
            "alt": f"{name}, response {value}{edge}.",
        }

    def forget(self) -> None:
        """Let go of all records."""
        self._kept.clear()
        self._model = None

    def _recorded(
        self, model: VisionModel, picture: int, progress: Callable[[int, int], None]
    ) -> tuple[NDArray[np.uint8], Record]:
        if model is not self._model:
            self.forget()
            self._model = model
        found = self._kept.pop(picture, None)
        # That of a snapshot is of weights that may be past.
        own = found is not None and found[1].twin is model.twin
        if found is None or not own or not found[1].is_current():
            shown = model.crop([self._images.images[picture]])[0]
            progress(1, 4)
            made = fitted(
                partial(record, model, model.preprocess([shown])),
                a_pass(model.name, shown.shape),
                model.device,
            )
            progress(2, 4)
            found = (np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown, made)
        self._kept[picture] = found
        while len(self._kept) > 1 and (
            len(self._kept) > RECORDS_KEPT or self._nbytes > RECORDS_BYTES
        ):
            self._kept.popitem(last=False)
        return found

    @property
    def _nbytes(self) -> int:
        return sum(made.nbytes for _, made in self._kept.values())
