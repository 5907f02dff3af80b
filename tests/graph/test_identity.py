"""Two passes have one identity only if they compute the same."""

import copy
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

from cnnwidgets.graph import ReadOut, Twin, identity, record
from tests.graph.networks import Residual, small

PICTURE = torch.randn(1, 3, 32, 32)


def of(module: nn.Module, picture: torch.Tensor = PICTURE) -> str:
    return identity(record(module, picture))


def test_the_same_network_and_its_copy_are_one() -> None:
    for build in (small, Residual):
        module = build().eval()
        assert of(module) == of(module) == of(copy.deepcopy(module))
        assert of(module, torch.randn(1, 3, 32, 32)) == of(module)  # whatever the picture
        module.train()
        assert of(module) == of(copy.deepcopy(module).eval())


def test_another_weight_or_picture_size_is_another() -> None:
    module = small()
    other = copy.deepcopy(module)
    with torch.no_grad():
        other[3].bias[0] += 1e-3
    convolutions = nn.Sequential(*list(module)[:6])
    assert of(module) != of(other)
    assert of(convolutions) != of(convolutions, torch.randn(1, 3, 32, 36))


def test_what_the_weights_do_not_tell() -> None:
    """The same weights under another stride, activation, order, constant, or hook."""

    class Shifted(nn.Module):
        def __init__(self, convolution: nn.Module, constant: torch.Tensor) -> None:
            super().__init__()
            self.convolution, self.constant = convolution, [constant]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.convolution(x - self.constant[0])

    convolution = nn.Conv2d(3, 4, 3)
    strided = copy.deepcopy(convolution)
    strided.stride = (2, 2)
    heard = copy.deepcopy(convolution)
    heard.register_forward_hook(lambda _, __, output: output * 2)
    watched = copy.deepcopy(convolution)
    watched.register_forward_hook(lambda *_: None)
    networks = [
        nn.Sequential(convolution, nn.ReLU()),
        nn.Sequential(convolution, nn.ReLU6()),
        nn.Sequential(nn.ReLU(), convolution),
        nn.Sequential(strided, nn.ReLU()),
        nn.Sequential(heard, nn.ReLU()),
        Shifted(convolution, torch.ones(3, 1, 1)),
        Shifted(convolution, torch.ones(3, 1, 1) * 2),
    ]
    identities = [of(network) for network in networks]
    assert len(set(identities)) == len(networks)
    assert of(nn.Sequential(watched, nn.ReLU())) == identities[0]  # computes the same


def test_shared_weights_and_read_outs_count() -> None:
    class Twice(nn.Module):
        def __init__(self, second: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
            self.second = second

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu((self.b if self.second else self.a)(self.a(x)))

    assert of(Twice(True)) != of(Twice(False))
    module = small()
    read_out = ReadOut("mine", "3", torch.ones(2, 6), torch.zeros(2))
    model = SimpleNamespace(twin=Twin(module, [read_out]))
    assert identity(record(model, PICTURE)) != of(module)
