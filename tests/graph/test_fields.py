"""Fields: against the support of the gradient, and by planted truths."""

import copy

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.graph import Field, record
from tests.graph.networks import Residual

NETWORKS = {
    "plain": nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3)),
    "padded": nn.Sequential(
        nn.Conv2d(3, 2, 5, 2, 2), nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 2, 3, 1, 1)
    ),
    "uneven stride": nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), (2, 1), (1, 2)), nn.Conv2d(4, 4, (2, 3), (1, 3), groups=2)
    ),
    "ceil": nn.Sequential(
        nn.Conv2d(3, 2, 3, 2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2)
    ),
    "residual": Residual(),
}


def _with_ones(net: nn.Module) -> nn.Module:
    """Weights 1, biases 0, average pools in place of max pools, nothing rectified away."""
    ones = copy.deepcopy(net).double().eval()
    for part in ones.modules():
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d):
                pool = nn.AvgPool2d(
                    child.kernel_size, child.stride, child.padding, ceil_mode=child.ceil_mode
                )
                setattr(part, name, pool)
    with torch.no_grad():
        for name, weight in ones.named_parameters():
            weight.fill_(float("bias" not in name))
    return ones


def _support(
    net: nn.Module, layer: str, position: tuple[int, int], picture: Tensor
) -> tuple[int, ...]:
    """Bounding box of the pixels that have a gradient to any channel."""
    heard: list[Tensor] = []
    part = net.get_submodule(layer.partition("#")[0])
    hook = part.register_forward_hook(lambda m, i, output: heard.append(output.clone()))
    x = picture.clone().requires_grad_()
    net(x)
    hook.remove()
    value = heard[int(layer.partition("#")[2] or 1) - 1]
    rows, columns = torch.nonzero(
        torch.autograd.grad(value[0, :, *position].sum(), x)[0][0, 0]
    ).unbind(1)
    return (int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_fields_are_the_support_of_the_gradient(name: str) -> None:
    net = NETWORKS[name]
    height, width = 31, 37
    layers = record(net, torch.zeros(1, 3, height, width)).layers
    ones, picture = _with_ones(net), torch.ones(1, 3, height, width, dtype=torch.double)
    checked = 0
    for layer in layers.values():
        if ":" in layer.name or not layer.spatial:
            continue
        rows, columns = layer.shape[1:]
        for row, column in {
            (0, 0),
            (rows // 2, columns // 2),
            (rows - 1, columns - 1),
            (0, columns - 1),
        }:
            top, left, bottom, right = layer.field.box(row, column)
            clipped = (max(0, top), max(0, left), min(height, bottom), min(width, right))
            assert _support(ones, layer.name, (row, column), picture) == clipped, (
                layer,
                row,
                column,
            )
            checked += 1
    assert checked >= 8


def test_fields_of_dilated_windows_hold_the_support_tightly() -> None:
    """A dilated window has holes, so at a border the support may be smaller than the box."""
    net = nn.Sequential(
        nn.Conv2d(3, 2, 3, dilation=3, padding=3), nn.Conv2d(2, 2, (2, 3), dilation=(4, 2))
    )
    layers = record(net, torch.zeros(1, 3, 41, 43)).layers
    ones, picture = _with_ones(net), torch.ones(1, 3, 41, 43, dtype=torch.double)
    assert layers["1"].field == Field((11, 11), (1, 1), (-3, -3), (41, 43))
    assert _support(ones, "1", (12, 13), picture) == layers["1"].field.box(12, 13)


def test_what_touches_padding() -> None:
    """With ones everywhere a unit that sees padding gives less than those that see none."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3, 1, 1), nn.AvgPool2d(2))
    ones = _with_ones(net)
    made = record(net, torch.zeros(1, 1, 26, 31))
    for layer in made.layers.values():
        part = ones[: int(layer.name) + 1]
        with torch.no_grad():
            values = part(torch.ones(1, 1, 26, 31, dtype=torch.double))[0, 0]
        rows, columns = values.shape
        touches = [[layer.field.touches_padding(y, x) for x in range(columns)] for y in range(rows)]
        assert torch.equal(torch.tensor(touches), values < values.max())
        top, left, bottom, right = layer.field.free_positions(rows, columns)
        free = torch.zeros_like(values, dtype=torch.bool)
        free[top:bottom, left:right] = True
        assert torch.equal(~free, values < values.max())


def test_no_position_may_be_free_of_padding() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 9, 1, 4), nn.Conv2d(1, 1, 9, 1, 4))
    field = record(net, torch.zeros(1, 1, 12, 12)).layers["1"].field
    assert field.free_positions(12, 12) is None


def test_what_sees_the_whole_picture() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.AdaptiveAvgPool2d(2),
        nn.Conv2d(4, 2, 1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    layers = record(net, torch.zeros(1, 3, 20, 24)).layers
    assert not layers["0"].field.whole
    for name in "1234":
        field = layers[name].field
        assert field.whole
        assert field.box(1, 1) == field.box(0, 0) == (0, 0, 20, 24)
        assert not field.touches_padding(0, 0)
    padded = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1))
    assert record(padded, torch.zeros(1, 3, 20, 24)).layers["1"].field.touches_padding(0, 0)
    later = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Conv2d(3, 4, 3, padding=1))
    assert record(later, torch.zeros(1, 3, 20, 24)).layers["1"].field.touches_padding(0, 0)


def test_branches_join_to_the_box_of_both() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Conv2d(3, 2, (7, 3), padding=(3, 1))
            self.shifted = nn.Conv2d(3, 2, 3, padding=(2, 1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.wide(x), self.shifted(x)[:, :, :-2]], 1)

    layers = record(Branches(), torch.zeros(1, 3, 20, 24)).layers
    assert layers["wide"].field.start == (-3, -1)
    assert layers["shifted"].field.start == (-2, -1)
    # The slice is not known, so nothing is said of what follows but that it sees everything.
    assert layers[":cat"].field == Field.of_anything((20, 24))
    one, other = layers["wide"].field, layers["shifted"].field
    assert one.joined(other) == Field((7, 3), (1, 1), (-3, -1), (20, 24))
    assert Field((3, 3), (1, 1), (2, -5), (9, 9)).joined(
        Field((2, 8), (1, 1), (-1, 0), (9, 9))
    ) == Field((6, 13), (1, 1), (-1, -5), (9, 9))
    assert one.joined(Field((3, 3), (2, 2), (0, 0), (20, 24))) == Field.of_anything((20, 24))


def test_a_map_of_one_position_that_is_spread_over_another_is_seen_everywhere() -> None:
    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, (20, 24))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv(x)

    field = record(Gain(), torch.zeros(1, 3, 20, 24)).layers[":add"].field
    assert field.box(5, 5) == (0, 0, 20, 24)
