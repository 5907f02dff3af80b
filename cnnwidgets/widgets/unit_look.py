"""The unit explorer's question and its answer: all that is drawn of one unit in one picture."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.deconv import Reconstruction, reconstruct
from cnnwidgets.engines.precision import preview_dtype
from cnnwidgets.engines.responses import BestClasses, LayerResponse, best_classes, layer_response
from cnnwidgets.graph import Layer, Record, record
from cnnwidgets.models import VisionModel
from cnnwidgets.views.display import grey_contrast, salient_contrast

SLOW = 0.02  # seconds of a reconstruction from which previews take the quicker number type
RECORDS_KEPT = 4  # pictures one goes back to without a new pass


@dataclass(frozen=True)
class Question:
    """What is asked: all that the controls say."""

    picture: int
    layer: str
    unit: int
    position: tuple[int, int] | None
    rule: str
    colour: bool


@dataclass(frozen=True)
class Scales:
    """What the brightest tones stand for; kept while a slider moves, so that frames compare.

    They belong to a layer, a rule and a way of showing colour; `contrast` is in units of the
    reconstruction, `response` the largest value of the map.
    """

    layer: str
    rule: str
    colour: bool
    contrast: float
    response: float

    def fit(self, question: Question) -> bool:
        """Tell whether an answer to this question may be drawn on these scales.

        Those of a silent unit fit no other.
        """
        return min(self.contrast, self.response) > 0 and (self.layer, self.rule, self.colour) == (
            question.layer,
            question.rule,
            question.colour,
        )


@dataclass(frozen=True, eq=False)
class UnitLook:
    """The answer.

    Attributes
    ----------
    shown : uint8 [H, W, 3], what the network was shown.
    layer : with kind, shape and field at this size.
    reconstruction : of the unit at its position; `tones` : uint8 [h, w, 3], as it is drawn, within
        `seen` (top, left, bottom, right), the part of its field inside the picture.
    activation : [h, w] the unit's map; None in a vector layer.
    response : peaks of all units; classes : None without a head.
    """

    question: Question
    name: str
    shown: NDArray[np.uint8]
    layer: Layer
    reconstruction: Reconstruction
    tones: NDArray[np.uint8]
    seen: tuple[int, int, int, int]
    activation: NDArray[np.float32] | None
    response: LayerResponse
    classes: BestClasses | None
    scales: Scales
    seconds: float

    @property
    def place(self) -> tuple[int, int] | None:
        """(row, column) of the unit; None in a vector layer."""
        _, *place = self.reconstruction.units[0]
        return (place[0], place[1]) if place else None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The unit's field, unclipped."""
        top, left, bottom, right = self.reconstruction.boxes[0].tolist()
        return top, left, bottom, right

    @property
    def value(self) -> float:
        """The unit's response at its position."""
        return float(self.reconstruction.responses[0])

    @property
    def silent(self) -> bool:
        """Whether the unit answers nowhere in the picture."""
        return self.value == 0 and (self.activation is None or not self.activation.any())

    @property
    def overhang(self) -> dict[str, int]:
        """By how many pixels the field leaves the picture, for each side where it does."""
        top, left, bottom, right = self.box
        height, width = self.shown.shape[:2]
        beyond = {"top": -top, "left": -left, "bottom": bottom - height, "right": right - width}
        return {side: pixels for side, pixels in beyond.items() if pixels > 0}


@dataclass
class _Recorded:
    """A picture that was run once, and what was asked of it: of the last layer only."""

    shown: NDArray[np.uint8]
    record: Record
    classes: BestClasses | None
    response: LayerResponse | None = None


class UnitLooks:
    """Answers questions about one network and one set of pictures; keeps the last few records.

    Only the scheduler's worker calls it.
    """

    def __init__(self, model: VisionModel, images: ImageSet) -> None:
        self.model, self.images = model, images
        self._kept: OrderedDict[int, _Recorded] = OrderedDict()
        self._slow_layer = ""  # the last one whose exact answer took too long for a slider

    def answer(
        self, question: Question, scales: Scales | None, progress: Callable[[int, int], None]
    ) -> UnitLook:
        """Look at a unit.

        Parameters
        ----------
        scales : those to draw on, for a preview; None takes the answer's own, for an exact one.
        progress : told between the steps; it may raise to end the work.

        Raises
        ------
        ValueError, NotImplementedError, OSError
            The picture cannot be read, or the layer cannot be walked back from.
        """
        started = time.perf_counter()
        kept = self._recorded(question.picture)
        recorded, shown = kept.record, kept.shown
        progress(1, 3)
        if kept.response is None or kept.response.layer != question.layer:
            kept.response = layer_response(recorded, question.layer)
        progress(2, 3)
        unit = (question.unit, *(question.position or ()))
        made = self._reconstructed(recorded, question, unit, coarse=scales is not None)
        activation = recorded.activation(question.layer)[0, question.unit]
        mapped = activation.float().cpu().numpy() if activation.dim() == 2 else None
        seen, tones, used = self._drawn(made, question, shown.shape[:2], scales, mapped)
        return UnitLook(
            question=question,
            name=self.images.names[question.picture],
            shown=shown,
            layer=recorded.layer(question.layer),
            reconstruction=made,
            tones=tones,
            seen=seen,
            activation=mapped,
            response=kept.response,
            classes=kept.classes,
            scales=used,
            seconds=time.perf_counter() - started,
        )

    def _reconstructed(
        self, recorded: Record, question: Question, unit: tuple[int, ...], *, coarse: bool
    ) -> Reconstruction:
        layer, rule = question.layer, question.rule
        if coarse and layer == self._slow_layer:
            quick = preview_dtype(recorded.picture.device)
            return reconstruct(recorded, layer, [unit], rule=rule, dtype=quick)
        started = time.perf_counter()
        made = reconstruct(recorded, layer, [unit], rule=rule)
        if time.perf_counter() - started > SLOW:
            self._slow_layer = layer
        return made

    def forget(self) -> None:
        """Let go of all records."""
        self._kept.clear()

    def _recorded(self, picture: int) -> _Recorded:
        kept = self._kept.pop(picture, None)
        if kept is None or not kept.record.is_current():
            shown = self.model.crop([self.images.images[picture]])[0]
            made = record(self.model, self.model.preprocess([shown]))
            classes = best_classes(made, self.model.labels) if self.model.has_head else None
            kept = _Recorded(_as_rgb(shown), made, classes)
        self._kept[picture] = kept
        while len(self._kept) > RECORDS_KEPT:
            self._kept.popitem(last=False)
        return kept

    def _drawn(
        self,
        made: Reconstruction,
        question: Question,
        extent: tuple[int, ...],
        scales: Scales | None,
        activation: NDArray[np.float32] | None,
    ) -> tuple[tuple[int, int, int, int], NDArray[np.uint8], Scales]:
        top, left, bottom, right = made.boxes[0].tolist()
        seen = (max(0, top), max(0, left), min(extent[0], bottom), min(extent[1], right))
        image = made.images[0, :, seen[0] : seen[2], seen[1] : seen[3]].float().numpy()
        fixed = scales if scales is not None and scales.fit(question) else None
        contrast = salient_contrast if question.colour else grey_contrast
        tones, limit = contrast(image, fixed.contrast if fixed else None)
        peak = float(activation.max()) if activation is not None else float(made.responses[0])
        used = fixed or Scales(
            question.layer, question.rule, question.colour, limit, max(peak, 0.0)
        )
        return seen, tones, used


def _as_rgb(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
