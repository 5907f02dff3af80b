"""`run` and `run_from`, against plain hooks and the network itself, bit for bit."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.models import load_model
from tests.graph.networks import Residual, Step, small
from tests.graph.reference import difference
from tests.models.hearing import plainly, wrapped

AsFound = Callable[[nn.Module], AbstractContextManager[None]]


def test_run_is_bit_for_bit_the_plain_hook() -> None:
    """Also where an in-place rectifier overwrites what the hook heard."""
    for net, layers in [
        (small(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        (
            Residual(),
            [
                "stem",
                "blocks.0.conv1",
                "blocks.0.bn1",
                "blocks.1.conv2",
                "blocks",
                "fire",
                "head.2",
            ],
        ),
    ]:
        model, pictures = wrapped(net), torch.randn(3, 3, 32, 32)
        together = model.run(pictures, layers)
        assert list(together) == layers
        for layer in layers:
            wanted = plainly(net, pictures, layer)
            assert torch.equal(together[layer], wanted), layer
            assert torch.equal(model.run(pictures, layer)[layer], wanted), layer
        assert (together[layers[0]] < 0).any()


def test_run_gives_each_use_of_a_module() -> None:
    net, pictures = Residual(), torch.randn(2, 3, 32, 32)
    found = wrapped(net).run(pictures, ["blocks.0.relu#2", "blocks.0.relu"])
    assert torch.equal(found["blocks.0.relu"], plainly(net, pictures, "blocks.0.relu"))
    assert torch.equal(found["blocks.0.relu#2"], plainly(net, pictures, "blocks.0.relu", 2))
    assert not torch.equal(found["blocks.0.relu"], found["blocks.0.relu#2"])


def test_a_layer_that_is_overwritten_through_a_view_is_kept() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.flat, self.read = nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.read(F.relu_(self.flat(self.conv(x))))

    net, pictures = Flat(), torch.randn(2, 3, 32, 32)
    found = wrapped(net).run(pictures, ["conv", "flat", "read"])
    for layer in found:
        assert torch.equal(found[layer], plainly(net, pictures, layer))


def test_functional_layers_are_replayed() -> None:
    net, pictures = Residual().eval(), torch.randn(3, 3, 32, 32)
    found = wrapped(net).run(pictures, [":relu", "blocks.1:add", "fire:cat", "head.2", "stem"])
    with torch.no_grad():
        assert torch.equal(found[":relu"], F.relu(net.stem(pictures)))
        assert torch.equal(found["head.2"], net(pictures))
        assert torch.equal(found["stem"], net.stem(pictures))
    assert torch.equal(found["fire:cat"], plainly(net, pictures, "fire"))
    before = plainly(net, pictures, "blocks.1.conv2") + plainly(net, pictures, "blocks.0")
    assert torch.equal(found["blocks.1:add"], before)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.relu(x.view(x.shape)),
        lambda x: F.relu(x.flatten(1)).view(x.shape),
        lambda x: F.relu(F.gelu(x)),
        lambda x: F.relu(torch.cat([x, torch.ones(len(x), 1, *x.shape[2:])], 1)[:, 1:]),
        lambda x: F.relu(torch.softmax(x.flatten(2), 2).unflatten(2, x.shape[2:])),
        lambda x: F.relu(x.mul_(2)),
    ],
    ids=["view", "flatten", "gelu", "constant", "attention", "in place"],
)
def test_functional_layers_of_several_pictures_equal_those_of_each(
    function: Callable[[Tensor], Tensor],
) -> None:
    net, pictures = Step(function), torch.randn(3, 3, 9, 9)
    model = wrapped(net, 9)
    together = model.run(pictures, [":relu", "after"])
    with torch.no_grad():
        assert torch.allclose(together["after"], net(pictures), atol=1e-6)
    assert together[":relu"].any()
    for i in range(3):
        alone = model.run(pictures[i : i + 1], [":relu"])[":relu"]
        assert torch.allclose(together[":relu"][i : i + 1], alone, atol=1e-6)


def test_run_stops_at_the_last_layer_asked() -> None:
    calls: list[str] = []

    class Counted(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(self.name)
            return super().forward(x)

    net = nn.Sequential(*(Counted(3, 3, 1) for _ in range(5)))
    for name, part in net.named_children():
        part.name = name
    model = wrapped(net, 8)
    assert len(model.layers) == 5
    calls.clear()
    model.run(torch.zeros(2, 3, 8, 8), ["2", "0"])
    assert calls == ["0", "1", "2"]


def test_other_picture_sizes() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2),
        nn.ReLU(True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    model = wrapped(net)
    for height, width in [(32, 32), (20, 45), (9, 7), (64, 64), (33, 31), (20, 45)]:
        pictures = torch.randn(2, 3, height, width)
        found = model.run(pictures, ["0", "1", "4"])
        for layer in found:
            assert torch.equal(found[layer], plainly(net, pictures, layer))
    assert model.layers["0"].shape == (4, 15, 15)


def test_a_gradient_flows_if_it_is_asked_for() -> None:
    net = small()
    model = wrapped(net)
    for layer in ("0", "4", "9"):
        pictures = torch.randn(2, 3, 32, 32, requires_grad=True)
        found = model.run(pictures, [layer])[layer]
        gradient = torch.autograd.grad(found.sum(), pictures)[0]
        x = pictures.detach().clone().requires_grad_()
        wanted = torch.autograd.grad(net[: int(layer) + 1](x).sum(), x)[0]
        assert difference(gradient, wanted) < 1e-6
    functional = wrapped(Residual())
    pictures = torch.randn(2, 3, 32, 32, requires_grad=True)
    found = functional.run(pictures, ["blocks.0:add", ":relu"])
    assert torch.autograd.grad(found["blocks.0:add"].sum(), pictures)[0].any()
    assert not model.run(pictures.detach(), "4")["4"].requires_grad
    with torch.no_grad():
        assert not model.run(pictures, "4")["4"].requires_grad
    assert all(weight.grad is None for weight in net.parameters())


def test_a_network_that_overwrites_its_input_leaves_the_pictures() -> None:
    class Scaling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x[:, 0] *= 2
            x -= 0.5
            return self.conv(x)

    net = Scaling()
    for pictures in (torch.randn(2, 3, 9, 9), torch.randn(2, 3, 9, 9, requires_grad=True)):
        before = pictures.detach().clone()
        found = wrapped(net, 9).run(pictures, "conv")["conv"]
        assert torch.equal(pictures.detach(), before)
        assert torch.equal(found.detach(), plainly(net, before, "conv"))


def test_what_run_does_not_take() -> None:
    model = wrapped(small())
    for pictures in (torch.zeros(3, 32, 32), torch.zeros(1, 1, 32, 32), torch.zeros(0, 3, 32, 32)):
        with pytest.raises(ValueError, match=r"takes pictures \[N, 3, height, width\], got \["):
            model.run(pictures, "0")
    with pytest.raises(ValueError, match=r"layer 'feature.3' is not in Sequential"):
        model.run(torch.zeros(1, 3, 32, 32), ["0", "feature.3"])


def test_run_leaves_no_hook(model_as_found: AsFound) -> None:
    net = Residual().train()
    model, pictures = wrapped(net), torch.randn(4, 3, 32, 32)
    with model_as_found(net):
        for _ in range(3):
            model.run(pictures, ["fire", "blocks.0:add"])
            model.run(pictures, ["fire"])
    assert not any(part._forward_hooks for part in model.twin.module.modules())


def test_run_from_goes_on_as_the_network_would() -> None:
    net, pictures = small(), torch.randn(3, 3, 32, 32)
    model = wrapped(net)
    with torch.no_grad():
        wanted = net(pictures)
        for layer in ("0", "1", "2", "3", "6", "8", "9"):
            activation = net[: int(layer) + 1](pictures)
            kept = activation.clone()
            assert torch.allclose(model.run_from(layer, activation), wanted, atol=1e-6)
            assert torch.equal(activation, kept)
            silent = model.run_from(layer, torch.zeros_like(activation))
            assert torch.allclose(
                silent, net[int(layer) + 1 :](torch.zeros_like(activation)), atol=1e-6
            )
    for layer in ("blocks", "blocks.0", "fire", "blocks.1.relu#2", ":relu"):
        residual = wrapped(Residual())
        activation = residual.run(pictures, [layer])[layer]
        with torch.no_grad():
            wanted = residual.module.eval()(pictures)
        assert torch.allclose(residual.run_from(layer, activation), wanted, atol=1e-6)


def test_run_from_is_differentiable() -> None:
    net = small()
    activation = torch.randn(2, 6, 7, 7, requires_grad=True)
    found = torch.autograd.grad(wrapped(net).run_from("3", activation)[:, 1].sum(), activation)[0]
    wanted = torch.autograd.grad(net[4:](activation.clone())[:, 1].sum(), activation)[0]
    assert difference(found, wanted) < 1e-6


def test_run_from_refuses_what_would_be_wrong() -> None:
    model = wrapped(Residual())
    with pytest.raises(ValueError, match=r"'blocks.0.conv1' does not hold all .*another way leads"):
        model.run_from("blocks.0.conv1", torch.zeros(1, 4, 16, 16))
    with pytest.raises(ValueError, match=r"'fire' must be \[N, 6, 16, 16\], got \[1, 6, 8, 8\]"):
        model.run_from("fire", torch.zeros(1, 6, 8, 8))
    read = model.attach("sum", at="fire", weight=torch.ones(1, 6))
    with pytest.raises(ValueError, match="'sum' is a read-out: nothing runs from it"):
        read.run_from("sum", torch.zeros(1, 1, 16, 16))


def test_the_embedded_networks_read_bit_for_bit() -> None:
    model = load_model("alexnet", device="cpu")
    pictures = torch.randn(2, 3, 96, 96)
    found = model.run(pictures, ["features.0", "features.5", "features.10"])
    for layer in found:
        assert torch.equal(found[layer], plainly(model.module, pictures, layer))
