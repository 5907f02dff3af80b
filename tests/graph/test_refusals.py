"""Rare calls: what is linear goes by autograd, of what bends there is the gradient, by name.

Never a plain gradient under another name.
"""

import copy
import re
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, named_rule, record
from tests.graph.networks import Step, lively
from tests.graph.reference import agree


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


def _concatenated_with_a_constant(x: Tensor) -> Tensor:
    return torch.cat([x[:, :2] * 1, torch.ones(1, 2, *x.shape[2:])], 1)


def _channels_in_two_parts(x: Tensor) -> Tensor:
    one, other = x.chunk(2, 1)
    return torch.cat([other, 2 * one], 1)


def _by_hand(x: Tensor) -> Tensor:
    return x * (x > 0)


def _chosen(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.1 * x)


class _ChannelsLast(nn.Module):
    """A matrix on channels, which stand last meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.matrix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


# Linear in the picture: one reverse, whatever the rule.
LINEAR: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "negation of what is taken away": (lambda x: 1 - x, ":rsub"),
    "transposed convolution": (nn.ConvTranspose2d(4, 4, 3, padding=1), "function:conv2d"),
    "reflected padding": (nn.ReflectionPad2d(1), "function:reflection_pad2d"),
    "negative padding": (nn.ZeroPad2d((-1, 0, 0, 0)), "function:constant_pad_nd"),
    "upsampling": (nn.Upsample(scale_factor=2), "function:upsample_nearest2d"),
    "smooth upsampling": (
        nn.Upsample(scale_factor=2, mode="bilinear"),
        "function:upsample_bilinear2d",
    ),
    "one that takes a slice": (lambda x: x[:, :, 1:, :-1], ":slice"),
    "transposition": (lambda x: x.transpose(2, 3), ":transpose"),
    "turned over": (lambda x: x.flip(2), ":flip"),
    "shuffled channels": (nn.ChannelShuffle(2), "function:"),
    "broadcast sum": (lambda x: x + x.mean((2, 3), keepdim=True), ":add"),
    "scaled sum": (lambda x: torch.add(x, x, alpha=2), ":add"),
    "difference of maps": (lambda x: x - 3 * x.flip(3), ":sub"),
    "concatenation of rows": (lambda x: torch.cat([x, x], 2), ":cat"),
    "concatenation with a constant": (_concatenated_with_a_constant, ":cat"),
    "channels in two parts": (_channels_in_two_parts, ":split"),
    "a matrix on channels last": (_ChannelsLast(), "function:permute"),
    "a factor for each place": (lambda x: x * torch.arange(12.0), ":mul"),
}

# Neither linear nor a rectifier or max pool of ours: the gradient is all that is defined.
BENDING: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "gelu": (F.gelu, ":gelu"),
    "silu": (nn.SiLU(), "function:silu"),
    "silu in place": (nn.SiLU(inplace=True), "function:silu"),
    "leaky relu": (lambda x: F.leaky_relu(x, 0.1), ":leaky_relu"),
    "attention": (_attention, ":(mul|softmax)"),
    "scaled attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x.flip(2)),
        ":scaled_dot_product_attention",
    ),
    "two maps multiplied": (lambda x: x * x.flip(2), ":mul"),
    "gate": (lambda x: x * torch.sigmoid(x), ":mul"),
    "square": (lambda x: x**2, ":pow"),
    "exponential": (torch.exp, ":exp"),
    "computed kernel": (_computed_kernel, ":conv2d"),
    "group norm": (nn.GroupNorm(2, 4), "function:native_group_norm"),
    "batch norm of the picture's own": (
        nn.BatchNorm2d(4, track_running_stats=False),
        "function:batch_norm",
    ),
    "larger of two": (lambda x: torch.maximum(x, -x), ":maximum"),
    "pool of absolute values": (nn.LPPool2d(2, 2), "function:"),
    "rectifier by hand": (_by_hand, ":mul"),
    "leaky rectifier by hand": (_chosen, ":where"),
    "saturation far out": (lambda x: 50 * torch.tanh(x / 50), ":tanh"),
}

REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "dropout that is always on": (
        lambda x: F.dropout(x, 0.5, training=True),
        "(:mul|random numbers)",
    ),
    "circular padding": (
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        "overwritten through a view",
    ),
    "places of maxima": (
        lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float(),
        ":max_pool2d.*whole numbers",
    ),
    "write through a view": (_write_through_a_view, "overwritten through a view"),
    "write into a constant": (_fill_a_constant, "overwritten through a view"),
    "write to a view of what is kept": (
        _write_a_view_of_what_is_kept,
        "overwritten through a view",
    ),
}

OTHERS = {**LINEAR, **BENDING, **REFUSED}


def _net_and_picture(function: Callable[[Tensor], Tensor]) -> tuple[Step, Tensor]:
    return Step(function), torch.randn(1, 3, 12, 12)


def _gradient(net: nn.Module, picture: Tensor, unit: tuple[int, ...]) -> Tensor:
    """[C, H, W] in float64, of the whole network as it stands."""
    double = copy.deepcopy(net).double()
    x = picture.double().requires_grad_()
    return torch.autograd.grad(double.eval()(x)[(0, *unit)], x)[0][0]


@pytest.mark.parametrize("call", LINEAR)
def test_what_is_linear_has_one_reverse_under_every_rule(call: str) -> None:
    function, name = LINEAR[call]
    net, picture = _net_and_picture(function)
    if call == "a factor for each place":
        assert picture.shape[-1] == 12
    made = record(net, picture)
    units = [(1, 3, 3), (0, 0, 5)]
    wanted = torch.stack([_gradient(net, picture, unit) for unit in units])
    for rule in RULES:
        found = reconstruct(made, "after", units, rule=rule)
        assert agree(found.images, wanted)
        assert any(re.search(name, done) for done in found.by_autograd)


@pytest.mark.parametrize("call", BENDING)
def test_of_what_bends_there_is_the_gradient_and_nothing_else(call: str) -> None:
    function, name = BENDING[call]
    net, picture = _net_and_picture(function)
    made = record(net, picture)
    units = [(1, 3, 3), (0, 0, 5)]
    found = reconstruct(made, "after", units, rule="saliency")
    wanted = torch.stack([_gradient(net, picture, unit) for unit in units])
    assert agree(found.images, wanted, 2e-6)
    assert any(re.search(name, done) for done in found.by_autograd)
    for rule in RULES:
        if named_rule(rule).mask and not named_rule(rule).rectify:
            continue
        with pytest.raises(
            NotImplementedError,
            match=f"^Step makes a call between the picture and 'after' that only the gradient .*"
            f"{name}.*'saliency', or choose a layer before it",
        ):
            reconstruct(made, "after", units, rule=rule)


def test_an_adaptive_max_pool_has_switches() -> None:
    net, picture = _net_and_picture(nn.AdaptiveMaxPool2d(4))
    made = record(net, picture)
    wanted = _gradient(net, picture, (1, 2, 2))
    for rule in RULES:
        if named_rule(rule).switch:
            assert agree(reconstruct(made, "after", [(1, 2, 2)], rule=rule).images[0], wanted)
        else:
            with pytest.raises(NotImplementedError, match="only a rule with switches reverses"):
                reconstruct(made, "after", [(1, 2, 2)], rule=rule)


@pytest.mark.parametrize(
    "bend",
    [
        lambda x: x.clamp(-100, 100),
        lambda x: x.clamp(max=100),
        lambda x: F.leaky_relu(x, 0.9995),
        lambda x: F.hardshrink(x, 0.001),
    ],
)
def test_what_bends_far_out_or_hardly_at_all_is_not_taken_for_linear(
    bend: Callable[[Tensor], Tensor],
) -> None:
    net, picture = _net_and_picture(bend)
    with torch.no_grad():
        net.before.weight.mul_(300)
    made = record(net, picture)
    found = reconstruct(made, "after", [(1, 3, 3)], rule="saliency")
    assert agree(found.images[0], _gradient(net, picture, (1, 3, 3)))
    with pytest.raises(NotImplementedError, match="only the gradient"):
        reconstruct(made, "after", [(1, 3, 3)])


def test_a_mask_that_is_filled_in_the_picture_s_size_is_a_constant() -> None:
    def masked(x: Tensor) -> Tensor:
        mask = x.new_zeros(x.shape[2:])
        mask[2:5] = 1
        return x + mask

    net, picture = _net_and_picture(masked)
    made = record(net, picture)
    found = reconstruct(made, "after", [(1, 3, 3)], rule="guided")
    assert agree(found.images[0], _gradient(net, picture, (1, 3, 3)))


@pytest.mark.parametrize("call", REFUSED)
def test_it_is_refused_by_name(call: str) -> None:
    function, name = REFUSED[call]
    net, picture = _net_and_picture(function)
    made = record(net, picture)
    for rule in RULES:
        with pytest.raises(
            NotImplementedError,
            match=f"^Step makes a call .*'after' that (no rule|only the gradient) reverses.*{name}",
        ):
            reconstruct(made, "after", [(1, 3, 3)], rule=rule)


def test_what_is_linear_at_small_values_only_is_not_taken_for_it() -> None:
    net, picture = _net_and_picture(lambda x: x.clamp(-3, 3))
    made = record(net, 0.01 * picture)
    with pytest.raises(NotImplementedError, match="only the gradient"):
        reconstruct(made, "after", [(1, 3, 3)])


def test_the_values_that_autograd_needs_are_counted_and_kept() -> None:
    net, picture = _net_and_picture(F.gelu)
    made = record(net, picture)
    reconstruct(made, "after", [(1, 3, 3)], rule="saliency")
    held = made.nbytes
    reconstruct(made, "after", [(0, 5, 3)], rule="saliency")
    assert made.nbytes == held >= picture.nbytes + 4 * 12 * 12 * 4


@pytest.mark.parametrize("call", OTHERS)
def test_what_comes_before_it_is_still_carried_back(call: str) -> None:
    net = Step(OTHERS[call][0])
    image = reconstruct(record(net, torch.randn(1, 3, 12, 12)), "before", [(1, 5, 5)]).images[0]
    assert torch.equal(image[:, 4:7, 4:7], net.before.weight[1].detach())


@pytest.mark.parametrize("call", OTHERS)
def test_activations_pass_through_it(call: str) -> None:
    net, picture = Step(OTHERS[call][0]), torch.randn(1, 3, 12, 12)
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


@pytest.mark.parametrize("rule", ["deconvnet", "saliency", "TFF"])
def test_the_first_dimension_need_not_be_the_picture(rule: str) -> None:
    class Stacked(nn.Module):
        """Two groups of channels pass through the same layers, side by side."""

        def __init__(self) -> None:
            super().__init__()
            self.before, self.shared = nn.Conv2d(3, 4, 3), nn.Conv2d(2, 3, 3)
            self.norm, self.after = nn.BatchNorm2d(3), nn.Conv2d(6, 5, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.before(x)
            y = self.norm(self.shared(x.reshape(2, 2, *x.shape[2:])))
            y = F.avg_pool2d(torch.cat([y, 2 * y], 1)[:, :3], 2)
            return self.after(y.reshape(1, 6, *y.shape[2:]))

    net, picture = lively(Stacked()), torch.randn(1, 3, 16, 16)
    found = reconstruct(record(net, picture), "after", [(1, 2, 2)], rule=rule)
    assert agree(found.images[0], _gradient(net, picture, (1, 2, 2)))


def test_a_matrix_of_pieces_of_the_picture() -> None:
    class Pieces(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.one, self.other = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x).flatten(2).permute(2, 0, 1).reshape(36, 1, 2, 2)
            return self.other(self.one(x.transpose(2, 3).contiguous().view(36, 4))[:1])

    net, picture = Pieces(), torch.randn(1, 3, 8, 8)
    found = reconstruct(record(net, picture), "other", [2], rule="guided")
    assert agree(found.images[0], _gradient(net, picture, (2,)))


def test_a_network_of_functions_only_has_layers() -> None:
    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(F.conv2d(x, self.weight))

    assert list(record(Functions(), torch.zeros(1, 3, 8, 8)).layers) == [":conv2d", ":relu"]
