"""The reverse walk through every way of building, under all eight rules, against float64."""

import copy
import random
from collections.abc import Callable

import pytest
import torch
from torch import nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from tests.graph import architectures as a
from tests.graph.networks import lively
from tests.graph.random_networks import RandomGraph
from tests.graph.reference import Reference, agree

# The network, the shape of its picture, and the calls that autograd has to reverse.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], set[str]]] = {
    "functional": (a.Functional, (3, 27, 31), set()),
    "pyramid": (a.Pyramid, (3, 22, 25), {"expand"}),
    "hourglass": (a.Hourglass, (3, 16, 20), {"conv2d", "slice", "upsample_nearest2d"}),
    "recurrent": (a.Recurrent, (3, 14, 15), set()),
    "scales": (a.Scales, (3, 12, 14), {"upsample_bilinear2d"}),
    "preactivated": (a.Preactivated, (3, 16, 18), {"slice", "constant_pad_nd"}),
    "inverted": (a.Inverted, (3, 19, 22), set()),
    "shuffled": (a.Shuffled, (3, 12, 13), {"split", "view", "transpose"}),
    "dense": (a.Dense, (3, 12, 14), set()),
    "parametrized": (a.Parametrized, (3, 11, 12), set()),
    "unshuffled": (a.Unshuffled, (3, 12, 14), {"pixel_unshuffle", "pixel_shuffle"}),
    "flipped": (a.Flipped, (3, 15, 16), {"conv2d", "max_pool2d", "cat"}),
    "one channel": (a.letters, (1, 28, 30), set()),
    "five channels": (a.five_bands, (5, 12, 13), set()),
}


def _compare(net: nn.Module, picture: torch.Tensor, tolerance: float) -> set[str]:
    """Compare some units of every layer; give the kinds of calls that went by autograd."""
    made, reference, dice = record(net, picture), Reference(net, picture), random.Random(0)
    by_autograd: set[str] = set()
    compared = 0
    # A pool over a stack of pictures goes by autograd, which knows only the maximum's place.
    rules = [name for name, rule in RULES.items() if rule.switch or not isinstance(net, a.Flipped)]
    for layer in made.layers.values():
        if layer.name not in reference.outputs and layer.name != list(made.layers)[-1]:
            continue
        name = layer.name if layer.name in reference.outputs else ""
        units = [tuple(dice.randrange(n) for n in layer.shape) for _ in range(2)]
        for rule in rules:
            found = reconstruct(made, layer.name, units, rule=rule, dtype=picture.dtype)
            by_autograd |= set(found.by_autograd)
            for unit, image in zip(units, found.images, strict=True):
                wanted = reference.image(name, unit, RULES[rule])
                assert agree(image, wanted, tolerance), (layer.name, unit, rule)
                compared += bool(wanted.any())
    assert compared > len(rules)
    return {name.rpartition(":")[2].partition("#")[0] for name in by_autograd}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_it(name: str) -> None:
    build, shape, rare = NETWORKS[name]
    net, picture = build().eval(), torch.randn(1, *shape)
    net(picture)  # lazy layers learn their sizes
    lively(net)
    assert rare <= _compare(net, picture, 1e-6)
    _compare(copy.deepcopy(net).double(), picture.double(), 1e-12)


@pytest.mark.parametrize("seed", range(16))
def test_random_graphs(seed: int) -> None:
    torch.manual_seed(seed)
    picture = torch.randn(1, 3, 17, 20)
    _compare(RandomGraph(seed, picture).eval(), picture, 1e-6)
