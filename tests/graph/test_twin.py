"""The copy that our passes run: it follows the network's weights and structure."""

import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import StaleRecordError, Twin, record
from cnnwidgets.models import wrap_model
from tests.graph.networks import Residual, small
from tests.graph.reference import difference


def _picture() -> Tensor:
    return torch.randn(1, 3, 32, 32)


def test_it_shares_every_tensor_and_is_in_eval_mode() -> None:
    net = Residual().train()
    copied = Twin(net).module
    assert copied is not net
    for own, theirs in zip(copied.parameters(), net.parameters(), strict=True):
        assert own is theirs
    for own, theirs in zip(copied.buffers(), net.buffers(), strict=True):
        assert own is theirs
    assert not any(part.training for part in copied.modules())
    assert all(part.training for part in net.modules())


def _step(net: nn.Sequential) -> None:
    with torch.no_grad():
        net[3].weight.add_(0.1)


def _optimise(net: nn.Sequential) -> None:
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    net(_picture()).sum().backward()
    optimiser.step()


def _exchange(net: nn.Sequential) -> None:
    net[3] = nn.Conv2d(8, 6, 3, padding=1)


def _exchange_a_rectifier(net: nn.Sequential) -> None:
    net[4] = nn.Identity()


def _assign(net: nn.Sequential) -> None:
    state = {name: tensor.clone() * 1.5 for name, tensor in small().state_dict().items()}
    net.load_state_dict(state, assign=True)


def _swap_data(net: nn.Sequential) -> None:
    net[9].weight.data = net[9].weight.data * 2


CHANGES: dict[str, Callable[[nn.Sequential], object]] = {
    "a weight is written": _step,
    "an optimiser's step": _optimise,
    "a part is exchanged": _exchange,
    "a part without weights is exchanged": _exchange_a_rectifier,
    "a part is appended": lambda net: net.append(nn.ReLU()),
    "weights are loaded": lambda net: net.load_state_dict(small().state_dict()),
    "weights are assigned": _assign,
    "half and back": lambda net: net.half().float(),
    "double and back": lambda net: net.double().float(),
    "data is swapped": _swap_data,
    "a setting is changed": lambda net: setattr(net[5], "kernel_size", 3),
    "a hook is added": lambda net: net[4].register_forward_hook(lambda m, i, o: 2 * o),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_followed(change: str) -> None:
    net, picture = small(), _picture()
    model = wrap_model(net, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)
    made = record(model, picture)
    assert made.is_current()
    reconstruct(made, "3", [1])
    layers = dict(model.layers)
    CHANGES[change](net)

    assert not made.is_current()
    message = "the weights of Sequential changed after this picture was recorded; record it again"
    with pytest.raises(StaleRecordError, match=message):
        reconstruct(made, "3", [(1, 2, 2)])
    with pytest.raises(StaleRecordError, match="record it again"):
        made.activation("7")

    again = record(model, picture)
    with torch.no_grad():
        wanted = net.eval()(picture)
    assert torch.equal(again.output, wanted)
    assert torch.equal(model.run(picture, "9")["9"], net[:10](picture))
    x = picture.clone().requires_grad_()
    gradient = torch.autograd.grad(net[:4](x)[0, 2, 3, 3], x)[0]
    found = reconstruct(again, "3", [(2, 3, 3)], rule="saliency").images
    assert difference(found, gradient) < 1e-6
    if "setting" in change:
        assert model.layers["6"].shape == (54,) == layers["6"].shape
        assert model.layers["5"].field.size != layers["5"].field.size
    assert set(layers) <= set(model.layers)


def test_training_it_meanwhile_is_no_matter() -> None:
    """As an explorer does: a stale record is made anew."""
    net = Residual().train()
    model = wrap_model(net, input_shape=(3, 16, 16), mean=[0] * 3, std=[1] * 3)
    optimiser = torch.optim.SGD(net.parameters(), 0.01)
    picture = torch.randn(1, 3, 16, 16)
    made = record(model, picture)
    for _ in range(5):
        optimiser.zero_grad()
        net(torch.randn(4, 3, 16, 16)).pow(2).sum().backward()
        optimiser.step()
        with pytest.raises(StaleRecordError):
            reconstruct(made, "fire", [(1, 3, 3)])
        made = record(model, picture)
        assert reconstruct(made, "fire", [(1, 3, 3)]).images.any()
        assert all(part.training for part in net.modules())
    with torch.no_grad():
        assert torch.equal(made.output, net.eval()(picture))


def test_the_fingerprint_tells_weights_apart() -> None:
    net = small()
    twin, other = Twin(net), Twin(small())
    first = twin.fingerprint()
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert first == Twin(net).fingerprint() != other.fingerprint()
    with torch.no_grad():
        net[9].bias[0] += 1e-3
    second = twin.fingerprint()
    assert second != first
    with torch.no_grad():
        net[9].bias[0] = torch.nextafter(net[9].bias[0], torch.tensor(10.0))
    assert twin.fingerprint() not in (first, second)
    other.original.load_state_dict(net.state_dict())
    assert other.fingerprint() == twin.fingerprint()
    assert Twin(small().half()).fingerprint() != Twin(small().bfloat16()).fingerprint()


def test_weights_that_are_written_during_every_pass_are_taken_from_a_snapshot() -> None:
    net, picture = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)), _picture()

    def write(part: nn.Module, inputs: object) -> None:
        with torch.no_grad():
            net[1].weight.mul_(1.01)

    net[0].register_forward_pre_hook(write)
    made = record(net, picture)
    assert made.is_current()
    _check_consistent(made, net)


def test_weights_that_another_thread_writes_during_every_pass_are_taken_from_a_snapshot() -> None:
    ask, answer, stop = threading.Event(), threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            answer.clear()
            ask.set()
            answer.wait(10)
            return x

    net = nn.Sequential(nn.Conv2d(3, 4, 3), Waiting(), nn.Conv2d(4, 2, 3))

    def write() -> None:
        while not stop.is_set():
            if ask.wait(0.1):
                ask.clear()
                with torch.no_grad():
                    net[2].weight.mul_(1.01)
                    net[0].weight.mul_(0.99)
                answer.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = record(net, _picture())
        assert made.is_current()
        _check_consistent(made, net)
        with torch.no_grad():
            net[0].weight.zero_()
        assert made.is_current()
    finally:
        stop.set()
        writer.join()


def _check_consistent(made: object, net: nn.Sequential) -> None:
    """All that a linear network gives belongs to one and the same set of weights."""
    last = list(made.layers)[-1]
    shift = {unit: float(made.activation(last)[(0, *unit)]) for unit in [(0, 3, 3), (1, 5, 6)]}
    for unit, response in shift.items():
        image = reconstruct(made, last, [unit], rule="saliency").images
        first, second = (made.twin.original[i] for i in (0, -1))
        with torch.no_grad():
            offset = F.conv2d(
                first.bias.view(1, -1, 1, 1).expand(1, -1, 3, 3), second.weight, second.bias
            )
        carried = float((image * made.picture).sum()) + float(offset[0, unit[0]])
        assert carried == pytest.approx(response, rel=1e-4, abs=1e-5)
    assert made.fingerprint != Twin(net).fingerprint()


def test_a_network_with_a_part_that_is_called_module_or_twin() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = self.twin = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return 2 * self.module(x)

    net, picture = Scaled(), _picture()
    made = record(net, picture)
    with torch.no_grad():
        assert torch.equal(made.output, net(picture))
    assert list(made.layers) == ["module", ":mul"]


def test_computed_weights() -> None:
    """Weight and spectral norm compute the kernel in each pass; so do hooks of the old kind."""
    for norm in (parametrizations.weight_norm, parametrizations.spectral_norm):
        net, picture = (
            nn.Sequential(norm(nn.Conv2d(3, 4, 3)), nn.ReLU(), nn.Conv2d(4, 2, 3)),
            _picture(),
        )
        made = record(net, picture)
        x = picture.clone().requires_grad_()
        gradient = torch.autograd.grad(net.eval()(x)[0, 1, 3, 3], x)[0]
        found = reconstruct(made, "2", [(1, 3, 3)], rule="saliency").images
        assert difference(found, gradient) < 1e-6
        with torch.no_grad():
            net[0].parametrizations.weight.original0.mul_(
                2
            ) if norm is parametrizations.weight_norm else None
        assert made.is_current() == (norm is parametrizations.spectral_norm)


def test_tensors_in_plain_attributes_are_shared_too() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.offsets = [self.conv.weight * 0 + 1]  # no leaf: it cannot be copied

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + self.offsets[0].sum()

    net, picture = Masked(), _picture()
    with torch.no_grad():
        assert torch.equal(record(net, picture).output, net(picture))


def test_what_cannot_be_copied_is_told() -> None:
    net = small()
    net[1].lock = threading.Lock()
    with pytest.raises(
        TypeError, match=r"Sequential holds something that cannot be copied .*take it off"
    ):
        record(net, _picture())


def test_data_parallel_wrappers_are_networks_of_their_own() -> None:
    net, picture = small(), _picture()
    made = record(nn.DataParallel(net), picture)
    assert "module.3" in made.layers
    with torch.no_grad():
        assert torch.equal(made.output, net(picture))


def test_writes_that_leave_the_version_as_it_is_are_seen() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    twin = Twin(net)
    fused = torch.optim.Adam(net.parameters(), fused=True)

    def with_an_optimizer() -> None:
        net(torch.randn(2, 3, 8, 8)).sum().backward()
        fused.step()

    def through_data() -> None:
        net[0].weight.data.mul_(2)

    def by_batch_norm() -> None:
        versions = net[1].num_batches_tracked
        net.train()(torch.randn(2, 3, 8, 8))
        net[1].num_batches_tracked = versions

    for write in (with_an_optimizer, through_data, by_batch_norm):
        before, digest = twin.state(), twin.fingerprint()
        assert twin.state() == before
        write()
        assert twin.state() != before
        assert twin.fingerprint() != digest


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_kind_and_layout_have_a_state(dtype: torch.dtype) -> None:
    net = nn.Conv2d(3, 8, 3).to(dtype).to(memory_format=torch.channels_last)
    net.register_buffer("flag", torch.tensor(True))
    net.register_buffer("turned", torch.rand(4, 5).t()[::2])
    net.register_buffer("empty", torch.rand(0))
    net.register_buffer("spread", torch.rand(1).expand(10))
    twin = Twin(net)
    before = twin.state()
    assert twin.state() == before
    with torch.no_grad():
        net.weight.data *= 1.5
    assert twin.state() != before
