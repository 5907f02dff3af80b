"""What no rule reverses is refused by name: never a plain gradient under another name."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from tests.graph.networks import Step


def _attention(x: Tensor) -> Tensor:
    return torch.softmax(x.flatten(2), 2).view(x.shape) * x


def _computed_kernel(x: Tensor) -> Tensor:
    return F.conv2d(x, x[:, :, :3, :3].expand(4, -1, -1, -1), padding=1)


def _write_through_a_view(x: Tensor) -> Tensor:
    x[:, 0] += 1
    return x


def _fill_a_constant(x: Tensor) -> Tensor:
    buffer = torch.zeros(x.shape)
    buffer[:, 0] = 2 * x[:, 0]
    return x + buffer


def _write_a_view_of_what_is_kept(x: Tensor) -> Tensor:
    flat = x.view(1, -1)
    flat.relu_()
    return x * 2


REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "gelu": (F.gelu, ":gelu"),
    "attention": (_attention, ":(mul|softmax)"),
    "two maps multiplied": (lambda x: x * x.flip(2), ":mul"),
    "gate": (lambda x: x * torch.sigmoid(x), ":mul"),
    "square": (lambda x: x**2, ":pow"),
    "exponential": (torch.exp, ":exp"),
    "negation of what is taken away": (lambda x: 1 - x, ":rsub"),
    "transposed convolution": (nn.ConvTranspose2d(4, 4, 2), "function:conv2d"),
    "computed kernel": (_computed_kernel, ":conv2d"),
    "circular padding": (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), "function:conv2d"),
    "reflected padding": (nn.ReflectionPad2d(1), "function:reflection_pad2d"),
    "negative padding": (nn.ZeroPad2d((-1, 0, 0, 0)), "function:constant_pad_nd"),
    "upsampling": (nn.Upsample(scale_factor=2), "function:upsample_nearest2d"),
    "local response normalisation": (nn.LocalResponseNorm(2), "function:"),
    "group norm": (nn.GroupNorm(2, 4), "function:native_group_norm"),
    "batch norm of the picture's own": (
        nn.BatchNorm2d(4, track_running_stats=False),
        "function:batch_norm",
    ),
    "dropout that is always on": (lambda x: F.dropout(x, 0.5, training=True), ":"),
    "one that takes a slice": (lambda x: x[:, :, 1:, :-1], ":slice"),
    "transposition": (lambda x: x.transpose(2, 3), ":transpose"),
    "shuffled channels": (nn.ChannelShuffle(2), "function:"),
    "broadcast sum": (lambda x: x + x.mean((2, 3), keepdim=True), ":add"),
    "scaled sum": (lambda x: torch.add(x, x, alpha=2), ":add"),
    "difference of maps": (lambda x: x - F.relu(x), ":sub"),
    "rounded quotient": (lambda x: torch.div(x, 3, rounding_mode="floor"), ":div"),
    "larger of two": (lambda x: torch.maximum(x, -x), ":maximum"),
    "concatenation of rows": (lambda x: torch.cat([x, x], 2), ":cat"),
    "concatenation with a constant": (
        lambda x: torch.cat([x[:, :2] * 1, torch.ones(1, 2, *x.shape[2:])], 1),
        ":cat",
    ),
    "pool of absolute values": (nn.LPPool2d(2, 2), "function:"),
    "places of maxima": (
        lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(),
        ":max_pool2d",
    ),
    "adaptive max pool": (nn.AdaptiveMaxPool2d(4), "function:adaptive_max_pool2d"),
    "write through a view": (_write_through_a_view, "overwritten through a view"),
    "write into a constant": (_fill_a_constant, "overwritten through a view"),
    "write to a view of what is kept": (
        _write_a_view_of_what_is_kept,
        "overwritten through a view",
    ),
}


@pytest.mark.parametrize("call", REFUSED)
def test_it_is_refused_by_name(call: str) -> None:
    function, name = REFUSED[call]
    made = record(Step(function), torch.randn(1, 3, 12, 12))
    for rule in ("saliency", "deconvnet", "guided"):
        with pytest.raises(
            NotImplementedError,
            match=f"^Step makes a call that no rule reverses .*'after': .*{name}",
        ):
            reconstruct(made, "after", [(1, 3, 3)], rule=rule)


@pytest.mark.parametrize("call", REFUSED)
def test_what_comes_before_it_is_still_carried_back(call: str) -> None:
    net = Step(REFUSED[call][0])
    image = reconstruct(record(net, torch.randn(1, 3, 12, 12)), "before", [(1, 5, 5)]).images[0]
    assert torch.equal(image[:, 4:7, 4:7], net.before.weight[1].detach())


@pytest.mark.parametrize("call", REFUSED)
def test_activations_pass_through_it(call: str) -> None:
    net, picture = Step(REFUSED[call][0]), torch.randn(1, 3, 12, 12)
    torch.manual_seed(5)
    made = record(net, picture)
    torch.manual_seed(5)
    with torch.no_grad():
        wanted = net.eval()(picture)
    if made.output is not None:
        assert torch.equal(made.output, wanted)
    torch.manual_seed(5)
    assert torch.equal(made.activation("after"), wanted)


def test_branches_that_do_not_meet_the_unknown_are_carried_back() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.side = nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return self.side(x) + F.gelu(x)

    made = record(Net(), torch.randn(1, 3, 8, 8))
    assert reconstruct(made, "side", [(0, 2, 2)]).images.any()
    with pytest.raises(NotImplementedError, match="':gelu'"):
        reconstruct(made, ":add", [(0, 2, 2)])


def test_a_write_that_torch_cannot_see_is_an_error() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            x.detach().numpy()[:] *= 2
            return x + 1

    with pytest.raises(
        RuntimeError, match=r"Hidden changes tensors where torch cannot see it .*torch call"
    ):
        record(Hidden(), torch.randn(1, 3, 8, 8))


def test_a_layer_that_does_not_depend_on_the_picture() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.zeros = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + self.zeros(torch.ones(x.shape))

    made = record(Constant(), torch.randn(1, 3, 8, 8))
    assert "zeros" not in made.layers
    with pytest.raises(ValueError, match="layer 'zeros' is not in Constant"):
        reconstruct(made, "zeros", [(0, 1, 1)])
    assert reconstruct(made, ":add", [(0, 1, 1)]).images.any()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (torch.zeros(3, 8, 8), r"\[1, channels, height, width\], got \[3, 8, 8\]"),
        (torch.zeros(2, 3, 8, 8), r"got \[2, 3, 8, 8\]"),
        ("chelsea", "got str"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "floating point numbers, got torch.uint8"),
    ],
)
def test_what_is_no_picture_is_told(picture: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record(nn.Conv2d(3, 1, 3), picture)


def test_nan_is_told_with_its_cause() -> None:
    net, picture = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)), torch.randn(1, 3, 8, 8)
    with pytest.raises(ValueError, match="NaN or infinity: the picture itself"):
        record(net, torch.full_like(picture, torch.nan))
    with torch.no_grad():
        net[1].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity: its '1.weight' holds NaN or infinity"):
        record(net, picture)
    with torch.no_grad():
        net[1].weight.fill_(1e38)
        net[0].weight.fill_(1e38)
    with pytest.raises(ValueError, match="NaN or infinity: a layer overflows"):
        record(net, picture)


def test_what_is_no_network_is_told() -> None:
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module .*got str"):
        record("vgg16", torch.zeros(1, 3, 8, 8))
