"""ReLU6 in whole networks: it passes where 0 < x < 6, and the 6 matters."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.data import load_images
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from cnnwidgets.models import load_model
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.stored_weights import in_cache
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.graph.conftest import Case
from tests.graph.networks import lively
from tests.graph.places import convolutions, three_units
from tests.graph.reference import Reference, agree, difference, plain_gradient

FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "nn.ReLU6": nn.ReLU6(),
    "nn.Hardtanh": nn.Hardtanh(0, 6),
    "F.relu6": F.relu6,
    "F.hardtanh": lambda x: F.hardtanh(x, 0.0, 6.0),
    "clamp": lambda x: x.clamp(0, 6),
    "clip": lambda x: torch.clip(x, 0, 6),
    "clamp_": lambda x: x.clone().clamp_(0, 6),
}


class Applied(nn.Module):
    """One function, as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.end = function, nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.function(x))


class _Uncapped(torch.autograd.Function):
    """ReLU6 whose gradient has forgotten the ceiling."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(0, 6)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * (ctx.saved_tensors[0] > 0)


@pytest.fixture(scope="module")
def mobilenet() -> Case:
    """MobileNetV2 with random weights, and norms so strong that many values reach the ceiling."""
    torch.manual_seed(0)
    module = lively(import_torchvision().models.mobilenet_v2())
    with torch.no_grad():
        for name, norm in module.named_modules():
            if name.endswith("0.1"):  # convolution - norm - ReLU6
                norm.weight.mul_(4)
    return _case(module, torch.randn(1, 3, 64, 64))


@pytest.fixture(scope="module")
def trained() -> Case:
    """EfficientNet-Lite0 with ImageNet's weights, on the middle of a photograph."""
    if in_cache(find_network("efficientnet_lite0")) is None:
        pytest.skip(
            "the weights of efficientnet_lite0 are not in the cache; make weights fetches them"
        )
    model = load_model("efficientnet_lite0", device="cpu")
    whole = model.preprocess([load_images("photos")["chelsea"]])
    return _case(model.module, whole[:, :, 64:160, 64:160].clone())


@pytest.fixture(scope="module")
def mobilenet_in_float64(mobilenet: Case) -> Case:
    """The same, recorded and derived in float64."""
    return _in_float64(mobilenet)


@pytest.fixture(scope="module")
def trained_in_float64(trained: Case) -> Case:
    """The same, recorded and derived in float64."""
    return _in_float64(trained)


@pytest.mark.parametrize("form", FORMS)
def test_neither_0_nor_6_passes(form: str) -> None:
    picture = torch.tensor([-1.0, 0.0, 1e-6, 3.0, 5.999999, 6.0, 6.1]).reshape(1, 1, 1, 7)
    made = record(Applied(FORMS[form]), picture)
    passed = [
        bool(reconstruct(made, "end", [(0, 0, i)], rule="saliency").images.any()) for i in range(7)
    ]
    assert passed == [False, False, True, True, True, False, False]


@pytest.mark.parametrize("rule", RULES)
def test_mobilenet_equals_the_slow_derivation(mobilenet: Case, rule: str) -> None:
    for layer in convolutions(mobilenet.record)[:3]:
        _compare(mobilenet, layer, rule, 1e-6)


SLOW = {("mobilenet_in_float64", rule) for rule in ("deconvnet", "guided")}


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        pytest.param(case, rule, marks=[pytest.mark.slow] if (case, rule) in SLOW else [])
        for case in ("mobilenet_in_float64", "trained_in_float64")
        for rule in ("saliency", "deconvnet", "guided", "FFT")
    ],
)
def test_in_float64_it_is_exact_to_the_end(
    case: str, rule: str, request: pytest.FixtureRequest
) -> None:
    """So what float32 shows is rounding, as much of it as when autograd follows the same rule."""
    asked = request.getfixturevalue(case)
    for layer in convolutions(asked.record):
        _compare(asked, layer, rule, 1e-12)


@pytest.mark.parametrize("rule", ["saliency", "deconvnet", "guided"])
def test_a_trained_network_equals_the_slow_derivation(trained: Case, rule: str) -> None:
    """Batch norm's factors reach 75 here: at the end 3e-6 of deconvnet is rounding by itself."""
    for layer, tolerance in zip(
        convolutions(trained.record), (1e-6, 2e-6, 1e-5, 2e-5), strict=True
    ):
        _compare(trained, layer, rule, tolerance)


def test_the_ceiling_matters(mobilenet: Case) -> None:
    """The negative control: without it the gradient is another one."""
    capped = [
        float((mobilenet.record.activation(name) == 6).float().mean())
        for name, layer in mobilenet.record.layers.items()
        if layer.kind == "ReLU6"
    ]
    assert sum(share > 0.01 for share in capped) > 10
    layer = convolutions(mobilenet.record)[2]
    unit = three_units(mobilenet.record, layer)[1]
    found = reconstruct(mobilenet.record, layer, [unit], rule="saliency").images[0]
    uncapped = copy.deepcopy(mobilenet.module)
    for part in uncapped.modules():
        if isinstance(part, nn.ReLU6):
            part.forward = _Uncapped.apply
    wrong = plain_gradient(uncapped, mobilenet.picture, layer, unit)
    right = plain_gradient(mobilenet.module, mobilenet.picture, layer, unit)
    assert agree(found, right)
    assert difference(found, wrong) > 0.1


def _case(module: nn.Module, picture: Tensor) -> Case:
    return Case(module, picture, record(module, picture), Reference(module, picture))


def _in_float64(case: Case) -> Case:
    return _case(copy.deepcopy(case.module).double(), case.picture.double())


def _compare(case: Case, layer: str, rule: str, tolerance: float) -> None:
    units = three_units(case.record, layer)
    found = reconstruct(case.record, layer, units, rule=rule, dtype=case.picture.dtype)
    assert found.by_autograd == ()
    for unit, image in zip(units, found.images, strict=True):
        wanted = case.reference.image(layer, unit, RULES[rule])
        assert agree(image, wanted, tolerance), (layer, unit)
