"""The unit explorer's answer to its question: all that is drawn of one unit in one picture."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.data import ImageSet
from cnnwidgets.engines.deconv import Reconstruction, placed_unit, reconstruct
from cnnwidgets.engines.memory import a_pass, fitted
from cnnwidgets.engines.precision import preview_dtype
from cnnwidgets.engines.responses import BestClasses, LayerResponse, best_classes, layer_response
from cnnwidgets.graph import Layer, Record, StaleRecordError, record
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Provenance
from cnnwidgets.views.display import grey_contrast, salient_contrast
from cnnwidgets.widgets.unit_question import Question, Scales

SLOW = 0.02  # seconds of a reconstruction from which previews take the quicker number type
MID_GREY = 128  # what stands for nothing, as in the drawings of signed values
RECORDS_KEPT = 4  # of networks and pictures one goes back to without a new pass
ATTEMPTS = 3  # at weights that stand still, before a snapshot of them is looked at


@dataclass(frozen=True, eq=False)
class UnitLook:
    """The answer.

    Attributes
    ----------
    shown : uint8 [H, W, 3], what the network was shown.
    layer : with kind, shape and field at this size.
    unit : (channel, row, column), or (index,) in a vector layer; `box` : its field, unclipped;
        `value` : its response there.
    reconstruction : of the unit at its position; None where the network refuses the rule, and
        `refusal` says why.
    tones : uint8 [h, w, 3], the reconstruction as it is drawn, within `seen` (top, left, bottom,
        right), the part of its field inside the picture.
    activation : [h, w] the unit's map; None in a vector layer.
    response : peaks of all units; classes : None without a head.
    """

    question: Question
    name: str
    shown: NDArray[np.uint8]
    layer: Layer
    unit: tuple[int, ...]
    box: tuple[int, int, int, int]
    value: float
    reconstruction: Reconstruction | None
    refusal: str
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
        _, *place = self.unit
        return (place[0], place[1]) if place else None

    @property
    def provenance(self) -> Provenance:
        """Where the reconstruction comes from, or the responses where there is none."""
        return (self.reconstruction or self.response).provenance

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
    """Answers questions about units in one set of pictures; keeps the last few records.

    Only the scheduler's worker calls it.
    """

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self._kept: OrderedDict[tuple[VisionModel, int], _Recorded] = OrderedDict()
        self._slow_layer = ""  # the last one whose exact answer took too long for a slider

    def answer(
        self, question: Question, scales: Scales | None, progress: Callable[[int, int], None]
    ) -> UnitLook:
        """Look at a unit: at one state of the weights, also while the network is being trained.

        Parameters
        ----------
        scales : those to draw on, for a preview; None takes the answer's own, for an exact one.
        progress : told between the steps; it may raise to end the work.

        Raises
        ------
        ValueError, NotImplementedError, OSError
            The picture cannot be read, or the layer's activation cannot be had.
        MemoryError
            It does not fit.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._look(self._recorded(question), question, scales, progress)
            except StaleRecordError:  # the weights changed meanwhile
                self._kept.pop((question.model, question.picture), None)
        still = self._run(question, SimpleNamespace(twin=question.model.twin.snapshot()))
        return self._look(still, question, scales, progress)

    def _look(
        self,
        kept: _Recorded,
        question: Question,
        scales: Scales | None,
        progress: Callable[[int, int], None],
    ) -> UnitLook:
        started = time.perf_counter()
        recorded, shown = kept.record, kept.shown
        progress(1, 3)
        if kept.response is None or kept.response.layer != question.layer:
            kept.response = layer_response(recorded, question.layer)
        progress(2, 3)
        unit = placed_unit(recorded, question.layer, (question.unit, *(question.position or ())))
        box = recorded.layer(question.layer).field.box(*(unit[1:] or (0, 0)))
        made, refusal = None, ""
        try:
            made = self._reconstructed(recorded, question, unit, coarse=scales is not None)
        except NotImplementedError as error:  # by this rule; all the rest can be shown
            refusal = str(error)
        answers = recorded.activation(question.layer)[0]
        activation = answers[question.unit]
        mapped = activation.float().cpu().numpy() if activation.dim() == 2 else None
        value = float(answers[unit])
        peak = float(mapped.max()) if mapped is not None else value
        seen, tones, used = self._drawn(made, box, question, shown.shape[:2], scales, peak)
        return UnitLook(
            question=question,
            name=self.images.names[question.picture],
            shown=shown,
            layer=recorded.layer(question.layer),
            unit=unit,
            box=box,
            value=value,
            reconstruction=made,
            refusal=refusal,
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

    def _recorded(self, question: Question) -> _Recorded:
        model, picture = question.model, question.picture
        kept = self._kept.pop((model, picture), None)
        # That of a snapshot is of weights that may be past.
        own = kept is not None and kept.record.twin is model.twin
        if kept is None or not own or not kept.record.is_current():
            kept = self._run(question, model)
        self._kept[model, picture] = kept
        while len(self._kept) > RECORDS_KEPT:
            self._kept.popitem(last=False)
        return kept

    def _run(self, question: Question, network: Any) -> _Recorded:
        model = question.model
        shown = model.crop([self.images.images[question.picture]])[0]
        made = fitted(
            lambda: record(network, model.preprocess([shown])),
            a_pass(model.name, shown.shape),
            model.device,
        )
        classes = best_classes(made, model.labels) if model.has_head else None
        return _Recorded(_as_rgb(shown), made, classes)

    def _drawn(
        self,
        made: Reconstruction | None,
        box: tuple[int, int, int, int],
        question: Question,
        extent: tuple[int, ...],
        scales: Scales | None,
        peak: float,
    ) -> tuple[tuple[int, int, int, int], NDArray[np.uint8], Scales]:
        top, left, bottom, right = box
        seen = (max(0, top), max(0, left), min(extent[0], bottom), min(extent[1], right))
        if made is None:
            nothing = np.full((seen[2] - seen[0], seen[3] - seen[1], 3), MID_GREY, np.uint8)
            limits = (0.0, max(peak, 0.0))
            return seen, nothing, Scales(question.layer, question.rule, question.colour, *limits)
        image = made.images[0, :, seen[0] : seen[2], seen[1] : seen[3]].float().numpy()
        fixed = scales if scales is not None and scales.fit(question) else None
        contrast = salient_contrast if question.colour else grey_contrast
        tones, limit = contrast(image, fixed.contrast if fixed else None)
        used = fixed or Scales(
            question.layer, question.rule, question.colour, limit, max(peak, 0.0)
        )
        return seen, tones, used


def _as_rgb(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
