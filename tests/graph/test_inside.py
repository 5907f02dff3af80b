"""The pass without padding: what it gives stands in the whole pass at the same positions."""

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.graph import any_size, place_bound, record, visit_inside
from cnnwidgets.models import load_model, wrap_model
from tests.as_found import model_as_found
from tests.graph.random_networks import random_network


class Branches(nn.Module):
    """Strided, dilated, grouped and padded branches that are added and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.wide = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=2)
        self.norm = nn.BatchNorm2d(8).eval()
        self.edge = nn.ZeroPad2d((1, 2, 2, 1))
        self.tall = nn.Conv2d(8, 8, (4, 4))
        self.mean = nn.AvgPool2d(2, divisor_override=3)
        self.last = nn.Conv2d(16, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu_(self.stem(x))
        x = self.pool(x)
        wide = self.norm(self.wide(x))
        wide += x
        tall = self.tall(self.edge(x))
        return torch.relu(self.last(self.mean(torch.cat([wide, tall], 1))))


def inside(made, pictures, layers):
    found = {}

    def take(name, part, corner):
        found[name] = (part.clone(), corner)

    visit_inside(made, pictures, layers, take)
    return found


def assert_parts(module, pictures, layers, free_of) -> None:
    """Compare with hooks on a whole pass, and see that no free position is missing."""
    whole = {}
    hooks = [
        module.get_submodule(name).register_forward_hook(
            lambda _module, _given, answer, name=name: whole.__setitem__(name, answer.clone())
        )
        for name in layers
    ]
    with torch.no_grad():
        module(pictures)
    for hook in hooks:
        hook.remove()
    made = record(module, pictures[:1])
    assert any_size(made, layers)
    found = inside(made, pictures, layers)
    assert set(found) == set(layers)
    for name, (part, (row, column)) in found.items():
        rows, columns = part.shape[2:]
        wanted = whole[name][:, :, row : row + rows, column : column + columns]
        scale = wanted.abs().max()
        torch.testing.assert_close(part, wanted, rtol=0, atol=float(2e-6 * scale))
        assert (row, column, row + rows, column + columns) == free_of(made, name)


def exactly_free(made, name):
    layer = made.layer(name)
    return layer.field.free_positions(*layer.shape[1:])


@pytest.mark.parametrize("size", [(61, 75), (64, 64), (50, 93)])
def test_branches(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = Branches().eval()
    module.norm.running_mean.normal_()
    pictures = torch.randn(3, 3, *size)
    layers = ["stem", "pool", "wide", "tall", "mean", "last"]
    with model_as_found(module):
        assert_parts(module, pictures, layers, exactly_free)


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int) -> None:
    torch.manual_seed(seed)
    module = random_network(seed).double().eval()
    pictures = torch.randn(2, 3, 23, 26, dtype=torch.float64)
    made = record(module, pictures[:1])
    free = [name for name in made.layers if exactly_free(made, name)]
    # An in-place rectifier writes over what a hook of the call before has seen: compare its own.
    layers = [n for n in free if not getattr(next_part(module, n), "inplace", False)]
    assert layers
    assert_parts(module, pictures, layers, exactly_free)


def next_part(module: nn.Sequential, name: str) -> nn.Module | None:
    return dict(module.named_children()).get(str(int(name) + 1))


def test_channels_last_pictures_stay_as_they_are() -> None:
    torch.manual_seed(0)
    module = Branches().eval()
    pictures = torch.randn(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    kept = pictures.clone()
    made = record(module, pictures[:1])
    one = inside(made, pictures, ["last"])["last"][0]
    assert torch.equal(pictures, kept)
    other = inside(made, pictures.contiguous(), ["last"])["last"][0]
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", ["features.0", "features.2", "features.3", "features.8"]),
        ("squeezenet1_1", ["features.0", "features.3.squeeze", "features.6.expand3x3"]),
    ],
)
def test_embedded_networks(name: str, layers: list[str]) -> None:
    model = load_model(name, device="cpu")
    assert_parts(model.module, torch.randn(2, 3, 224, 224), layers, exactly_free)


def test_other_sizes_than_the_recorded_one() -> None:
    torch.manual_seed(0)
    module = Branches().eval()
    made = record(module, torch.randn(1, 3, 64, 64))
    pictures = torch.randn(1, 3, 90, 71)
    found, (part, corner) = inside(made, pictures, ["last"]), (None, None)
    part, corner = found["last"]
    with torch.no_grad():
        whole = module(pictures)
        joined = torch.relu(part)
    rows, columns = part.shape[2:]
    wanted = whole[:, :, corner[0] : corner[0] + rows, corner[1] : corner[1] + columns]
    torch.testing.assert_close(joined, wanted, rtol=0, atol=1e-5)


def test_a_picture_smaller_than_the_field_is_refused() -> None:
    module = Branches().eval()
    made = record(module, torch.randn(1, 3, 64, 64))
    with pytest.raises(ValueError, match="too small"):
        inside(made, torch.randn(1, 3, 12, 64), ["last"])


def test_what_reads_a_whole_map_is_not_of_any_size() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 2))
    made = record(
        wrap_model(module, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3),
        torch.rand(1, 3, 32, 32),
    )
    assert any_size(made, ["0"]) and not any_size(made, ["0", "2"])


def test_raising_leaves_everything_as_it_was() -> None:
    module = Branches().eval()
    pictures = torch.randn(1, 3, 64, 64)
    made = record(module, pictures)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with model_as_found(module), pytest.raises(KeyboardInterrupt):
        visit_inside(made, pictures, ["pool"], stop)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.ZeroPad2d(1), nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3)),
        nn.Sequential(nn.Identity(), nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3)),
    ],
)
def test_pictures_that_a_call_would_write_stay_as_they_are(module: nn.Module) -> None:
    pictures = torch.randn(1, 3, 12, 12)
    kept = pictures.clone()
    made = record(module, pictures)
    found = inside(made, pictures, ["2"])
    assert torch.equal(pictures, kept) and "2" in found


def test_the_picture_may_be_a_layer_itself() -> None:
    module = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3))
    pictures = torch.randn(2, 3, 12, 12)
    found = inside(record(module, pictures[:1]), pictures, ["0", "1"])
    assert torch.equal(found["0"][0], pictures) and found["0"][1] == (0, 0)


def test_an_average_over_clipped_windows_is_whole_in_a_larger_picture() -> None:
    module = nn.AvgPool2d(5, stride=2, padding=2, count_include_pad=False)
    net = nn.Sequential(nn.Conv2d(3, 2, 1), module)
    made = record(net, torch.randn(1, 3, 4, 4))
    pictures = torch.randn(1, 3, 20, 20)
    part, (row, column) = inside(made, pictures, ["1"])["1"]
    rows, columns = part.shape[2:]
    with torch.no_grad():
        wanted = net(pictures)[:, :, row : row + rows, column : column + columns]
    torch.testing.assert_close(part, wanted)


class Placed(nn.Module):
    """Adds a map of positions, so that a unit is another function at each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.position = nn.Parameter(torch.randn(1, 4, 30, 30))
        self.scale = nn.Parameter(torch.randn(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x) * self.scale + self.position)


def test_maps_of_positions_bind_to_a_place() -> None:
    made = record(Placed(), torch.randn(1, 3, 32, 32))
    assert any_size(made, ["conv"]) and not place_bound(made, ["conv"])
    assert place_bound(made, [":relu"]) and not any_size(made, [":relu"])
    with pytest.raises(ValueError, match="do not fit pictures of any size"):
        inside(made, torch.randn(1, 3, 32, 32), [":relu"])
