"""The watch over networks sees every trace that a method could leave."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.as_found import model_as_found


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Linear(2, 1))


def _step(net: nn.Sequential) -> None:
    with torch.no_grad():
        net[0].weight.add_(1)


def _write_back(net: nn.Sequential) -> None:
    with torch.no_grad():
        net[0].weight.mul_(1)


TRACES: dict[str, Callable[[nn.Sequential], object]] = {
    "2: forward hooks": lambda net: net[2].register_forward_hook(print),
    "0: forward pre hooks": lambda net: net[0].register_forward_pre_hook(print),
    "2: backward hooks": lambda net: net[2].register_full_backward_hook(print),
    "2: training flag": lambda net: net[2].eval(),
    "2: forward": lambda net: setattr(net[2], "forward", torch.tanh),
    "2: attributes": lambda net: setattr(net[2], "seen", 1),
    "network: children": lambda net: net.__setitem__(2, nn.Tanh()),
    "parameter 0.weight: bytes": _step,
    "parameter 0.weight: version": _write_back,
    "parameter 3.bias: requires_grad": lambda net: net[3].bias.requires_grad_(False),
    "parameter 3.weight: gradient": lambda net: net[3](torch.ones(1, 2)).sum().backward(),
    "parameter 0.weight: hooks": lambda net: net[0].weight.register_hook(print),
    "buffer 1.running_mean: bytes": lambda net: net[1](torch.randn(2, 2, 4, 4)),
    "random state of torch": lambda net: torch.rand(1),
}


@pytest.mark.parametrize("what", TRACES)
def test_a_trace_in_the_network_is_named(what: str) -> None:
    net = _network()
    with pytest.raises(AssertionError, match=what), model_as_found(net):
        TRACES[what](net)


def test_traces_outside_the_network_are_named() -> None:
    handle = None
    with pytest.raises(AssertionError, match="_global_forward_hooks"), model_as_found(_network()):
        handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert handle is not None
    handle.remove()
    for setting, change, restore in [
        ("grad mode", lambda: torch.set_grad_enabled(False), lambda: torch.set_grad_enabled(True)),
        (
            "default dtype",
            lambda: torch.set_default_dtype(torch.float64),
            lambda: torch.set_default_dtype(torch.float32),
        ),
    ]:
        with pytest.raises(AssertionError, match=setting), model_as_found(_network()):
            change()
        restore()


def test_a_pure_pass_leaves_no_trace() -> None:
    net = _network().eval()
    with model_as_found(net):
        x = torch.zeros(1, 1, 5, 5, requires_grad=True)
        hook = net[2].register_forward_hook(lambda *_: None)
        torch.autograd.grad(net[:3](x).sum(), x)
        hook.remove()


def test_traces_are_named_when_the_block_raises() -> None:
    net = _network()
    with pytest.raises(AssertionError, match="2: training flag"), model_as_found(net):
        net[2].eval()
        raise KeyError("interrupted")
    with pytest.raises(KeyError), model_as_found(net):
        raise KeyError("interrupted, nothing left behind")
