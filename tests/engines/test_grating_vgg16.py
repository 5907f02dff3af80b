"""The real VGG16 against stored numbers of the slow way, and SqueezeNet against the slow way."""

import copy
from math import pi

import pytest
import torch
from safetensors.torch import load_file

from cnnwidgets.engines.gratings import TuningAccumulator
from cnnwidgets.models import load_model
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.stored_weights import in_cache
from tests.engines.slow_gratings import (
    RESPONSIVE,
    STORED,
    STORED_GRATINGS,
    STORED_LAYERS,
    harmonics,
    middle_responses,
)


def assert_alike(ours: torch.Tensor, wanted: torch.Tensor, within: float) -> None:
    """Compare [gratings, unit]: nearly all units, by their own largest response."""
    peak = wanted.amax(0)
    known = peak > RESPONSIVE * wanted.max()
    error = ((ours - wanted).abs().amax(0) / peak)[known]
    assert known.sum() > 20
    assert (error < within).double().mean() > 0.95


def test_vgg16_is_as_the_slow_way_found_it() -> None:
    if in_cache(find_network("vgg16")) is None:
        pytest.skip("the weights of vgg16 are not in the cache; make weights fetches them")
    stored = load_file(STORED)
    sweep = TuningAccumulator(load_model("vgg16", device="cpu"), STORED_LAYERS)
    sweep.update(STORED_GRATINGS)
    for name, tuning in sweep.result().items():
        for measure in ("f0", "f1"):
            ours = getattr(tuning, measure).flatten(0, 1)[list(STORED_GRATINGS)]
            assert_alike(ours, stored[f"{name} {measure}"].double(), 0.05)


def test_squeezenet_is_as_the_slow_way_finds_it() -> None:
    model = load_model("squeezenet1_1", device="cpu")
    layers = ["features.0", "features.3.expand3x3", "features.6.expand3x3"]
    stimuli = [(0.0, 0.1), (pi / 3, 0.1), (pi / 3, 0.04)]
    module = copy.deepcopy(model.module).eval()
    scale = {"mean": model.mean, "std": model.std}
    slow = middle_responses(module, layers, stimuli, 32, **scale)
    sweep = TuningAccumulator(model, layers, orientations=[0, pi / 3], frequencies=[0.04, 0.1])
    sweep.update([1, 2, 3])
    for name, tuning in sweep.result().items():
        for wanted, found in zip(harmonics(slow[name]), (tuning.f0, tuning.f1), strict=True):
            assert_alike(found.flatten(0, 1)[[1, 3, 2]], wanted, 0.05)
