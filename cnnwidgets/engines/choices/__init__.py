"""Odd-one-out choices: which triplets to ask, what a network takes out, how well that agrees."""

from cnnwidgets.engines.choices.asking import least_asked
from cnnwidgets.engines.choices.ceiling import Ceiling, noise_ceiling
from cnnwidgets.engines.choices.choosing import (
    MEASURES,
    Measure,
    automatic_temperature,
    choose,
    logits,
    logits_of_similarity,
    probabilities,
    space,
)
from cnnwidgets.engines.choices.plan import Plan, plan
from cnnwidgets.engines.choices.sampling import sample
from cnnwidgets.engines.choices.scoring import (
    Accuracy,
    accuracy,
    accuracy_of_logits,
    cross_entropy,
    cross_entropy_of_logits,
)

__all__ = [
    "MEASURES",
    "Accuracy",
    "Ceiling",
    "Measure",
    "Plan",
    "accuracy",
    "accuracy_of_logits",
    "automatic_temperature",
    "choose",
    "cross_entropy",
    "cross_entropy_of_logits",
    "least_asked",
    "logits",
    "logits_of_similarity",
    "noise_ceiling",
    "plan",
    "probabilities",
    "sample",
    "space",
]
