"""The reverse walk through difficult graphs, under all eight rules, against float64."""

import itertools
import random

import pytest
import torch

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import Rule, record
from tests.graph.conftest import Case
from tests.graph.networks import Residual
from tests.graph.random_networks import random_network
from tests.graph.reference import Reference, agree, difference

TOLERANCE = 1e-6
ALL_RULES = [Rule(*switches) for switches in itertools.product([False, True], repeat=3)]


def _random_units(shape: tuple[int, ...], count: int, dice: random.Random) -> list[tuple[int, ...]]:
    return [tuple(dice.randrange(n) for n in shape) for _ in range(count)]


@pytest.mark.parametrize("rule", ALL_RULES, ids=str)
def test_the_stress_network(stress: Case, rule: Rule) -> None:
    dice = random.Random(0)
    layers = [layer for layer in stress.record.layers.values() if ":" not in layer.name]
    assert len(layers) > 18
    for layer in layers:
        units = _random_units(layer.shape, 3, dice)
        found = reconstruct(stress.record, layer.name, units, rule=rule)
        for unit, image in zip(units, found.images, strict=True):
            wanted = stress.reference.image(layer.name, unit, rule)
            assert agree(image, wanted), (layer.name, unit)


def test_windows_of_the_stress_network_hold_everything(stress: Case) -> None:
    """Each image is compared over the whole canvas, so what lies outside its box must be zero."""
    for name in ("dilated", "grouped", "uneven", "average_padded"):
        rows, columns = stress.record.layer(name).shape[1:]
        for unit in [(0, 0, 0), (1, rows - 1, columns - 1), (2, rows // 2, 0)]:
            found = reconstruct(stress.record, name, [unit], rule="saliency")
            top, left, bottom, right = (max(0, edge) for edge in found.boxes[0].tolist())
            outside = found.images[0].clone()
            outside[:, top:bottom, left:right] = 0
            assert outside.abs().max() == 0


def test_reused_in_place_rectifiers_and_residuals() -> None:
    net, picture = Residual(), torch.randn(1, 3, 20, 22)
    made, reference = record(net, picture), Reference(net, picture)
    for layer in ("stem", "blocks.0.relu", "blocks.0.relu#2", "blocks.1", "fire", "head.2"):
        for rule in ALL_RULES:
            unit = (3, 4, 5) if made.layer(layer).spatial else (3,)
            image = reconstruct(made, layer, [unit], rule=rule).images[0]
            wanted = reference.image(layer, unit, rule)
            assert agree(image, wanted), (layer, rule)


@pytest.mark.parametrize("seed", range(24))
def test_random_networks(seed: int) -> None:
    torch.manual_seed(seed)
    dice = random.Random(seed)
    net, picture = random_network(seed), torch.randn(1, 3, 23, 26)
    made, reference = record(net, picture), Reference(net, picture)
    compared = 0
    for layer in list(made.layers.values())[-4:]:
        units = _random_units(layer.shape, 3, dice)
        rule = dice.choice(ALL_RULES)
        found = reconstruct(made, layer.name, units, rule=rule)
        for unit, image in zip(units, found.images, strict=True):
            wanted = reference.image(layer.name, unit, rule)
            assert agree(image, wanted), (layer.name, unit, rule)
            compared += bool(wanted.any())
    assert compared


def test_units_of_one_call_may_lie_anywhere(stress: Case) -> None:
    """K windows have one size, so those at the borders are moved: nothing may be lost by that."""
    rows, columns = stress.record.layer("uneven").shape[1:]
    corners = [
        (0, 0, 0),
        (1, rows - 1, 0),
        (2, 0, columns - 1),
        (3, rows - 1, columns - 1),
        (0, 2, 5),
    ]
    for rule in ("deconvnet", "saliency", "guided"):
        together = reconstruct(stress.record, "uneven", corners, rule=rule)
        for k, unit in enumerate(corners):
            alone = reconstruct(stress.record, "uneven", [unit], rule=rule)
            assert difference(together.images[k], alone.images[0]) < TOLERANCE
