"""The real VGG16 against stored numbers of the slow way, and SqueezeNet against the slow way."""

import copy
from math import pi

import pytest
from safetensors.torch import load_file
from torch import Tensor

from cnnwidgets.engines.gratings import TuningAccumulator
from cnnwidgets.models import load_model
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.stored_weights import in_cache
from tests.engines.slow_gratings import (
    STORED,
    STORED_GRATINGS,
    STORED_LAYERS,
    harmonics,
    middle_responses,
)

RESPONSIVE = 0.01  # of the strongest unit: few gratings, so weaker ones may be seen by chance


def assert_alike(f0: Tensor, f1: Tensor, wanted: tuple[Tensor, Tensor]) -> None:
    """Compare [gratings, unit]: nearly all units within 5 % of their own largest mean response."""
    peak = wanted[0].amax(0)
    known = peak > RESPONSIVE * peak.max()
    assert known.sum() > 20
    for ours, slow in zip((f0, f1), wanted, strict=True):
        error = ((ours - slow).abs().amax(0) / peak)[known]
        assert (error < 0.05).double().mean() > 0.95


def test_vgg16_is_as_the_slow_way_found_it() -> None:
    if in_cache(find_network("vgg16")) is None:
        pytest.skip("the weights of vgg16 are not in the cache; make weights fetches them")
    stored = load_file(STORED)
    sweep = TuningAccumulator(load_model("vgg16", device="cpu"), STORED_LAYERS)
    sweep.update(STORED_GRATINGS)
    for name, tuning in sweep.result().items():
        ours = [x.flatten(0, 1)[list(STORED_GRATINGS)] for x in (tuning.f0, tuning.f1)]
        slow = [stored[f"{name} {measure}"].double() for measure in ("f0", "f1")]
        assert_alike(*ours, (slow[0], slow[1]))


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
        ours = [x.flatten(0, 1)[[1, 3, 2]] for x in (tuning.f0, tuning.f1)]
        assert_alike(*ours, harmonics(slow[name]))
