"""The reverse walk on real networks: held against autograd and a float64 derivation."""

import pytest
import torch

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record, reverse
from tests.graph.conftest import Case
from tests.graph.places import convolutions, three_units
from tests.graph.reference import canvas, difference, plain_gradient

TOLERANCE = 1e-6  # of the largest value

RULE_NAMES = ["deconvnet", "saliency", "guided"]


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_it_equals_the_float64_derivation(real: Case, rule: str) -> None:
    for layer in convolutions(real.record):
        units = three_units(real.record, layer)
        found = reconstruct(real.record, layer, units, rule=rule)
        for unit, image in zip(units, found.images, strict=True):
            wanted = real.reference.image(layer, unit, RULES[rule])
            assert difference(image, wanted) < TOLERANCE, (layer, unit)


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_in_float64_it_is_exact(real: Case, rule: str) -> None:
    """So the walk makes no error of its own: what float32 shows is only rounding."""
    for layer in convolutions(real.record):
        unit = three_units(real.record, layer)[1]
        windows = reverse(real.record, layer, [unit], RULES[rule], dtype=torch.float64).windows
        wanted = real.reference.image(layer, unit, RULES[rule])
        assert difference(canvas(windows, real.picture)[0], wanted) < 1e-13


def test_saliency_is_the_gradient(real: Case) -> None:
    for layer in convolutions(real.record):
        units = three_units(real.record, layer)
        found = reconstruct(real.record, layer, units, rule="saliency")
        for unit, image in zip(units, found.images, strict=True):
            wanted = plain_gradient(real.module, real.picture, layer, unit)
            assert difference(image, wanted) < TOLERANCE, (layer, unit)


def test_the_rules_differ(real: Case) -> None:
    layer = convolutions(real.record)[-1]
    unit = three_units(real.record, layer)[1]
    images = [reconstruct(real.record, layer, [unit], rule=rule).images for rule in RULE_NAMES]
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        assert difference(images[i], images[j]) > 0.1


def test_the_window_holds_everything(real: Case) -> None:
    """Inside it is the full map's result (above); outside exactly zero, and there is an outside."""
    for layer in convolutions(real.record)[:3]:
        units = three_units(real.record, layer)
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
    layer = convolutions(real.record)[1]
    units = three_units(real.record, layer)
    units += [units[0], (0, 1, 1), (1, 1, 1)]
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
    wanted = plain_gradient(alexnet.module, picture, "features.10", (7, 5, 5))
    assert difference(found.images[0], wanted) < TOLERANCE
