"""What is asked about a unit, and on which scales the answer is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from cnnwidgets.models import VisionModel


@dataclass(frozen=True)
class Question:
    """What is asked: all that the controls say."""

    model: VisionModel
    picture: int
    layer: str
    unit: int
    position: tuple[int, int] | None
    rule: str
    colour: bool


@dataclass(frozen=True)
class Scales:
    """What the brightest tones stand for; kept while a slider moves, so that frames compare.

    They belong to a layer, a rule and a way of showing colour, at whatever checkpoint; `contrast`
    is in units of the reconstruction, `response` the largest value of the map.
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
