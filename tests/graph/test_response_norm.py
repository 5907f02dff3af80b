"""Local response normalisation: its whole derivative for saliency, nothing under other rules."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from tests.graph.reference import Reference, agree

FORMS = {
    "module": nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0),
    "even size": nn.LocalResponseNorm(4, alpha=0.9),
    "function": lambda x: F.local_response_norm(x, 3, 0.3, beta=0.5),
}


class Normalised(nn.Module):
    """Two convolutions, each rectified, normalised and pooled, as in the first AlexNet."""

    def __init__(self, norm: object) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 5, stride=2), nn.Conv2d(8, 6, 3, padding=1)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.norm(F.relu(self.first(x))), 3, 2)  # type: ignore[operator]
        return self.norm(F.relu(self.second(x)))  # type: ignore[operator]


def last_of(made: object) -> str:
    return list(made.layers)[-1]  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
def test_saliency_is_the_gradient(form: str) -> None:
    net, picture = Normalised(FORMS[form]), 2 * torch.randn(1, 3, 31, 31)
    made = record(net, picture)
    for unit in [(0, 3, 3), (5, 0, 0), (2, 5, 1)]:
        x = picture.double().requires_grad_()
        wanted = torch.autograd.grad(copy.deepcopy(net).double()(x)[(0, *unit)], x)[0][0]
        found = reconstruct(made, last_of(made), [unit], rule="saliency")
        assert agree(found.images[0], wanted)
        assert found.by_autograd == ()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "saliency"])
def test_other_rules_leave_it_out(form: str, rule: str) -> None:
    net, picture = Normalised(FORMS[form]), 2 * torch.randn(1, 3, 31, 31)
    made, reference = record(net, picture), Reference(_Bypassed(net), picture)
    for unit in [(0, 3, 3), (5, 0, 0)]:
        found = reconstruct(made, last_of(made), [unit], rule=rule)
        assert agree(found.images[0], reference.image("", unit, RULES[rule]))


class _Normalise(torch.autograd.Function):
    """Normalises forward, and lets everything pass as it is on the way back."""

    @staticmethod
    def forward(ctx: object, x: Tensor, norm: object) -> Tensor:
        return norm(x)  # type: ignore[operator]

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _Bypassed(nn.Module):
    def __init__(self, net: Normalised) -> None:
        super().__init__()
        self.first, self.second, self._norm = net.first, net.second, [net.norm]

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(_Normalise.apply(F.relu(self.first(x)), self._norm[0]), 3, 2)
        return _Normalise.apply(F.relu(self.second(x)), self._norm[0])


def test_units_keep_their_fields() -> None:
    made = record(Normalised(nn.LocalResponseNorm(5)), torch.randn(1, 3, 31, 31))
    assert made.layer("norm").field == made.layer(":relu").field
    assert made.layer("norm").field.size == (5, 5)


def test_what_the_network_writes_afterwards_does_not_matter() -> None:
    class Writing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            y = F.local_response_norm(x, 5, alpha=0.5)
            x.zero_()
            return y

    net, picture = Writing(), torch.randn(1, 3, 9, 9)
    x = picture.clone().requires_grad_()
    wanted = torch.autograd.grad(F.local_response_norm(net.conv(x), 5, alpha=0.5)[0, 2, 3, 3], x)[
        0
    ][0]
    found = reconstruct(record(net, picture), ":div", [(2, 3, 3)], rule="saliency")
    assert agree(found.images[0], wanted)
