"""Gratings on a GPU: the same numbers as on the CPU, from other batches."""

import copy

import pytest
import torch

from cnnwidgets.engines.gratings import (
    Grating,
    TuningAccumulator,
    contrast_response,
    phase_tuning,
    respond,
    size_tuning,
    tuning,
)
from cnnwidgets.models import load_model, wrap_model
from tests.gpu import DEVICE, TOLERANCE
from tests.graph.networks import small
from tests.graph.reference import difference

pytestmark = pytest.mark.gpu


def test_the_same_tuning_of_an_embedded_network() -> None:
    here, there = (load_model("alexnet", device=device) for device in ("cpu", DEVICE))
    layers = ["features.0", "features.3", "features.6", "features.10"]
    grid = {"orientations": 4, "frequencies": [0.03, 0.11, 0.25]}
    wanted, found = (tuning(model, layers, **grid) for model in (here, there))
    for name, one in found.items():
        assert one.provenance.device.startswith(DEVICE.type)
        assert one.provenance.weights == wanted[name].provenance.weights
        assert one.padded == wanted[name].padded
        for part in ("f0", "f1", "blank"):
            ours, theirs = getattr(one, part), getattr(wanted[name], part)
            assert ours.device.type == "cpu" and ours.dtype == torch.float64
            assert difference(ours, theirs) < TOLERANCE, (name, part)
        assert torch.equal(one.silent, wanted[name].silent)


def test_parts_from_both_devices_are_merged() -> None:
    module = small().eval()
    settings = {"input_shape": (3, 32, 32), "mean": (0.4,) * 3, "std": (0.2,) * 3}
    models = [wrap_model(net, **settings) for net in (module, copy.deepcopy(module).to(DEVICE))]
    grid = {"orientations": 3, "frequencies": [0.05, 0.2]}
    first, second = (TuningAccumulator(model, ["0", "7"], **grid) for model in models)
    first.update([0, 2, 4])
    second.update([1, 3, 5, 0])
    first.merge(second)
    wanted = tuning(models[0], ["0", "7"], **grid)
    for name, one in first.result().items():
        assert difference(one.f0, wanted[name].f0) < TOLERANCE
        assert difference(one.f1, wanted[name].f1) < TOLERANCE


def test_the_same_at_one_position() -> None:
    here, there = (load_model("squeezenet1_1", device=device) for device in ("cpu", DEVICE))
    one = Grating(orientation=0.7, frequency=0.12)
    for layer in ("features.3", "features.7"):
        ours, theirs = (respond(m, layer, [one], rectified=False) for m in (there, here))
        assert ours.device.type == "cpu"
        assert difference(ours, theirs) < TOLERANCE
        for measure in (phase_tuning, contrast_response, size_tuning):
            found, wanted = (measure(m, layer, one) for m in (there, here))
            assert difference(found.responses, wanted.responses) < TOLERANCE
