"""Our passes leave the network as found, and do not mind the conditions they are called in."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.models import wrap_model
from tests.graph.networks import Residual, small
from tests.graph.reference import difference

AsFound = Callable[[nn.Module], AbstractContextManager[None]]


class Restless(nn.Module):
    """Everything that a pass could disturb: batch norm, dropout, noise, an overwritten input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.read = nn.Conv2d(4, 2, 3)
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        x *= 0.5
        x = self.drop(F.relu(self.norm(self.conv(x)), inplace=True))
        if self.fails:
            raise ArithmeticError("planted")
        x = x + 0.1 * torch.rand(x.shape) + torch.rand_like(x)
        return self.read(F.dropout(x, 0.1, training=True))


@pytest.fixture
def restless() -> Restless:
    net = Restless().train()
    net.read.weight.grad = torch.ones_like(net.read.weight)
    return net


def _everything(net: nn.Module, picture: Tensor) -> None:
    made = record(net, picture)
    made.activation("norm")
    reconstruct(made, "norm", [1], rule="guided")
    model = wrap_model(net, input_shape=(3, 9, 9), mean=[0] * 3, std=[1] * 3)
    model.run(torch.cat([picture, picture]), ["conv", "drop"])
    model.run(picture, ":relu")
    model.run_from("norm", made.activation("norm"))
    assert model.layers
    model.attach("sum", at="norm", weight=torch.ones(1, 4)).run(picture, ["sum", "norm"])


@pytest.mark.parametrize("train", [False, True])
def test_the_model_is_left_as_found(
    restless: Restless, model_as_found: AsFound, train: bool
) -> None:
    restless.train(train)
    wrap_model(restless, input_shape=(3, 9, 9), mean=[0] * 3, std=[1] * 3)  # sets threads once
    picture = torch.randn(1, 3, 9, 9)
    before = picture.clone()
    with model_as_found(restless):
        _everything(restless, picture)
    assert torch.equal(picture, before)


def test_the_model_is_left_as_found_after_an_error_in_its_forward(
    restless: Restless, model_as_found: AsFound
) -> None:
    model = wrap_model(restless, input_shape=(3, 9, 9), mean=[0] * 3, std=[1] * 3)
    assert model.layers
    restless.fails = True
    with model_as_found(restless), pytest.raises(ArithmeticError, match="planted"):
        record(restless, torch.zeros(1, 3, 9, 9))
    with model_as_found(restless), pytest.raises(ArithmeticError, match="planted"):
        model.run(torch.zeros(1, 3, 9, 9), "read")
    restless.fails = False
    assert "read" in model.run(torch.zeros(1, 3, 9, 9), "read")
    assert not model.twin.module._forward_hooks


CONDITIONS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "plain": contextlib.nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "anomaly": torch.autograd.detect_anomaly,
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection:UserWarning")
@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_callers_conditions_do_not_matter(condition: str, model_as_found: AsFound) -> None:
    net, picture = small().train(), torch.randn(1, 3, 32, 32)
    wanted = record(net, picture)
    with CONDITIONS[condition](), model_as_found(net):
        made = record(net, picture)
        activation = made.activation("3")
        images = reconstruct(made, "3", [(0, 3, 3), (5, 0, 6)], rule="saliency").images
    assert torch.equal(made.output, wanted.output)
    assert torch.equal(activation, wanted.activation("3"))
    assert torch.equal(
        images, reconstruct(wanted, "3", [(0, 3, 3), (5, 0, 6)], rule="saliency").images
    )
    for tensor in (made.output, made.picture, activation, images):
        assert tensor.dtype == torch.float32
        assert not tensor.is_inference()
        assert not tensor.requires_grad


def test_a_picture_made_in_inference_mode() -> None:
    with torch.inference_mode():
        picture = torch.randn(1, 3, 32, 32)
    assert record(small(), picture).activation("0").shape == (1, 8, 16, 16)


def test_a_picture_that_asks_for_a_gradient_gets_none() -> None:
    picture = torch.randn(1, 3, 32, 32, requires_grad=True)
    made = record(small(), picture)
    assert not made.output.requires_grad
    assert picture.grad is None


def test_the_output_is_the_networks_own_in_eval_mode() -> None:
    for net in (small(), Residual()):
        picture = torch.randn(1, 3, 32, 32)
        made = record(net.train(), picture)
        with torch.no_grad():
            assert torch.equal(made.output, net.eval()(picture))


def test_the_users_hooks_run_and_stay(model_as_found: AsFound) -> None:
    net, seen = small(), []
    net[0].register_forward_hook(lambda module, inputs, output: seen.append(module))
    net[1].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 3,))
    picture = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        wanted = net(picture)
    with model_as_found(net):
        made = record(net, picture)
        assert torch.equal(made.output, wanted)
        assert torch.equal(made.activation("9"), wanted)
    assert len(seen) >= 2
    assert seen[0] is net[0]
    assert all(module is not net[0] for module in seen[1:])
    # The hook that multiplies is part of the network, so it is carried back too.
    x = picture.clone().requires_grad_()
    gradient = torch.autograd.grad(net[:4](x)[0, 2, 3, 3], x)[0]
    found = reconstruct(made, "3", [(2, 3, 3)], rule="saliency").images
    assert difference(found, gradient) < 1e-6


def test_hooks_of_all_modules_by_the_user_stay() -> None:
    seen: list[nn.Module] = []
    handle = nn.modules.module.register_module_forward_hook(lambda m, i, o: seen.append(m))
    try:
        assert list(record(small(), torch.zeros(1, 3, 32, 32)).layers) == [
            str(i) for i in range(10)
        ]
        assert len(nn.modules.module._global_forward_hooks) == 1
    finally:
        handle.remove()
    assert seen


def test_networks_that_catch_every_exception_cannot_swallow_our_stop() -> None:
    class Wary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.register_buffer("passes", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            try:
                self.passes += 1
                return self.conv(x)
            except Exception:  # noqa: BLE001 - as some networks do
                return x

    net = Wary()
    model = wrap_model(net, input_shape=(3, 9, 9), mean=[0] * 3, std=[1] * 3)
    assert model.run(torch.zeros(1, 3, 9, 9), "conv")["conv"].shape == (1, 4, 7, 7)
    assert net.passes == 0


def test_a_network_that_writes_its_own_buffers_does_not_write_the_users(
    model_as_found: AsFound,
) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.register_buffer("passes", torch.zeros(()))
            self.register_buffer("mean", torch.zeros(4))
            self.register_buffer("deviation", torch.ones(4))
            self.register_buffer("last", torch.zeros(1, 4, 7, 7))

        def forward(self, x: Tensor) -> Tensor:
            self.passes += 1
            self.last[:, 1:3].copy_(self.conv(x)[:, 1:3])
            return F.batch_norm(self.conv(x), self.mean, self.deviation, training=True)

    net, picture = Counting(), torch.randn(1, 3, 9, 9)
    with model_as_found(net):
        made = record(net, picture)
        assert torch.equal(record(net, picture).output, made.output)
        reconstruct(made, "conv", [1])
        model = wrap_model(net, input_shape=(3, 9, 9), mean=[0] * 3, std=[1] * 3)
        model.run(picture, "conv")
    assert made.is_current()
    with pytest.raises(NotImplementedError, match=":batch_norm"):
        reconstruct(made, "", [0])
