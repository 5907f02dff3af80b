"""The reverse walk on real networks: held against autograd, captum and a float64 derivation."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from captum.attr import NeuronDeconvolution, NeuronGuidedBackprop
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record, reverse
from tests.graph.conftest import Case
from tests.graph.reference import canvas, difference

TOLERANCE = 1e-6  # of the largest value

RULE_NAMES = ["deconvnet", "saliency", "guided"]


def _convolutions(case: Case) -> list[str]:
    """Four convolutions, from the first to the last."""
    names = [name for name, layer in case.record.layers.items() if layer.kind == "Conv2d"]
    return [names[0], names[len(names) // 3], names[2 * len(names) // 3], names[-1]]


def _units(case: Case, layer: str) -> list[tuple[int, int, int]]:
    """A corner, the strongest place of the most active channel, and another place."""
    channels, rows, columns = case.record.layer(layer).shape
    activation = case.record.activation(layer)[0]
    strongest = torch.unravel_index(activation.argmax(), activation.shape)
    return [
        (channels - 1, 0, columns - 1),
        tuple(map(int, strongest)),
        (channels // 2, rows // 2, columns // 3),
    ]


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_it_equals_the_float64_derivation(real: Case, rule: str) -> None:
    for layer in _convolutions(real):
        units = _units(real, layer)
        found = reconstruct(real.record, layer, units, rule=rule)
        for unit, image in zip(units, found.images, strict=True):
            wanted = real.reference.image(layer, unit, RULES[rule])
            assert difference(image, wanted) < TOLERANCE, (layer, unit)


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_in_float64_it_is_exact(real: Case, rule: str) -> None:
    """So the walk makes no error of its own: what float32 shows is only rounding."""
    for layer in _convolutions(real):
        unit = _units(real, layer)[1]
        windows = reverse(real.record, layer, [unit], RULES[rule], dtype=torch.float64)
        wanted = real.reference.image(layer, unit, RULES[rule])
        assert difference(canvas(windows, real.picture)[0], wanted) < 1e-13


def test_saliency_is_the_gradient(real: Case) -> None:
    for layer in _convolutions(real):
        units = _units(real, layer)
        found = reconstruct(real.record, layer, units, rule="saliency")
        for unit, image in zip(units, found.images, strict=True):
            wanted = _gradient(real.module, real.picture, layer, unit)
            assert difference(image, wanted) < TOLERANCE, (layer, unit)


@pytest.mark.parametrize(
    ("rule", "method"), [("deconvnet", NeuronDeconvolution), ("guided", NeuronGuidedBackprop)]
)
def test_it_equals_captum(real: Case, rule: str, method: type) -> None:
    for layer in _convolutions(real)[1:]:
        units = _units(real, layer)[1:]
        found = reconstruct(real.record, layer, units, rule=rule)
        with _captums_warnings():
            theirs = method(real.module, real.module.get_submodule(layer))
            for unit, image in zip(units, found.images, strict=True):
                wanted = theirs.attribute(real.picture.clone().requires_grad_(), unit)
                assert difference(image, wanted[0].detach()) < TOLERANCE, (layer, unit)


def test_the_rules_differ(real: Case) -> None:
    layer = _convolutions(real)[-1]
    unit = _units(real, layer)[1]
    images = [reconstruct(real.record, layer, [unit], rule=rule).images for rule in RULE_NAMES]
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        assert difference(images[i], images[j]) > 0.1


def test_the_window_holds_everything(real: Case) -> None:
    """Inside it is the full map's result (above); outside exactly zero, and there is an outside."""
    for layer in _convolutions(real)[:3]:
        units = _units(real, layer)
        found = reconstruct(real.record, layer, units)
        for image, box in zip(found.images, found.boxes.tolist(), strict=True):
            top, left, bottom, right = (max(0, edge) for edge in box)
            inside = torch.zeros_like(image, dtype=torch.bool)
            inside[:, top:bottom, left:right] = True
            assert not inside.all()
            assert (image[~inside] == 0).all()
            assert (image[inside] != 0).any()


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_batch_of_units_equals_a_loop(real: Case, rule: str) -> None:
    layer = _convolutions(real)[1]
    units = [*_units(real, layer), _units(real, layer)[0], (0, 1, 1), (1, 1, 1)]
    together = reconstruct(real.record, layer, units, rule=rule)
    for k, unit in enumerate(units):
        alone = reconstruct(real.record, layer, [unit], rule=rule)
        assert difference(together.images[k], alone.images[0]) < TOLERANCE
        assert torch.equal(together.boxes[k], alone.boxes[0])
        assert together.responses[k] == alone.responses[0]


def test_a_channels_last_picture_is_recorded_as_the_network_sees_it(alexnet: Case) -> None:
    """Another layout flips values that are almost zero, and with them whole branches of a walk."""
    picture = alexnet.picture.to(memory_format=torch.channels_last)
    made = record(alexnet.module, picture)
    with torch.no_grad():
        assert torch.equal(made.output, alexnet.module(picture))
    found = reconstruct(made, "features.10", [(7, 5, 5)], rule="saliency")
    wanted = _gradient(alexnet.module, picture, "features.10", (7, 5, 5))
    assert difference(found.images[0], wanted) < TOLERANCE


def _gradient(module: nn.Module, picture: Tensor, layer: str, unit: tuple[int, ...]) -> Tensor:
    """The gradient as a user would take it: in float32, on the network itself."""
    heard: list[Tensor] = []
    x = picture.clone(memory_format=torch.preserve_format).requires_grad_()
    part = module.get_submodule(layer)
    hook = part.register_forward_hook(lambda m, i, output: heard.append(output.clone()))
    try:
        module(x)
    finally:
        hook.remove()
    return torch.autograd.grad(heard[0][(0, *unit)], x)[0][0]


@contextmanager
def _captums_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting (forward, )?backward hooks", UserWarning)
        yield
