"""Gratings, and how all units of a network are tuned to their orientation and spatial frequency."""

from cnnwidgets.engines.gratings.population import Population, all_units, by_layer
from cnnwidgets.engines.gratings.stimuli import COLOURS, NYQUIST, Grating, grating, render
from cnnwidgets.engines.gratings.sweep import TuningAccumulator, tuning
from cnnwidgets.engines.gratings.tuning import TUNED, Tuning
from cnnwidgets.engines.gratings.units import (
    Series,
    contrast_response,
    phase_tuning,
    respond,
    size_tuning,
)
from cnnwidgets.engines.shares import wilson

__all__ = [
    "COLOURS",
    "NYQUIST",
    "TUNED",
    "Grating",
    "Population",
    "Series",
    "Tuning",
    "TuningAccumulator",
    "all_units",
    "by_layer",
    "contrast_response",
    "grating",
    "phase_tuning",
    "render",
    "respond",
    "size_tuning",
    "tuning",
    "wilson",
]
