"""What dimensions stand for is followed through calls that only lay a value out anew."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from cnnwidgets.graph.axes import follow, is_map, standard
from tests.graph.networks import Step
from tests.graph.reference import Reference, agree

MAP = (1, 6, 4, 5)


def axes_after(name: str, shape: tuple[int, ...], after: tuple[int, ...], **arguments: object):
    before = standard(shape)
    assert before is not None
    return follow(name, arguments, before, shape, after)


def test_permutation_carries_the_axes() -> None:
    turned = axes_after("permute", MAP, (1, 4, 5, 6), dims=[0, 2, 3, 1])
    assert [axis[0][0] for axis in turned] == ["batch", "row", "column", "channel"]
    assert not is_map(turned, (1, 4, 5, 6))
    back = follow("permute", {"dims": [0, 3, 1, 2]}, turned, (1, 4, 5, 6), MAP)
    assert is_map(back, MAP)


def test_channels_may_be_split_and_joined_again() -> None:
    split = axes_after("view", MAP, (1, 2, 3, 4, 5))
    assert [[name for name, _ in axis] for axis in split] == [
        [],
        ["channel"],
        ["channel"],
        ["row"],
        ["column"],
    ]
    swapped = follow("transpose", {"dim0": 1, "dim1": 2}, split, (1, 2, 3, 4, 5), (1, 3, 2, 4, 5))
    assert is_map(follow("view", {}, swapped, (1, 3, 2, 4, 5), MAP), MAP)


@pytest.mark.parametrize(
    "after", [(1, 6, 2, 10), (1, 12, 2, 5), (1, 3, 8, 5), (1, 6, 5, 4)], ids=str
)
def test_rows_and_columns_are_not_split(after: tuple[int, ...]) -> None:
    axes = axes_after("view", MAP, after)
    assert axes is None or not is_map(axes, after)


def test_a_matrix_on_the_channels_of_all_places() -> None:
    rows = follow(
        "view", {}, (*standard((1, 4, 5, 6))[:1], *_last_channels()), (1, 4, 5, 6), (20, 6)
    )
    mapped = follow("addmm", {}, rows, (20, 6), (20, 8))
    back = follow("view", {}, mapped, (20, 8), (1, 4, 5, 8))
    assert [axis[0][0] for axis in back if axis] == ["row", "column", "channel"]


def _last_channels():
    return (("row", 4),), (("column", 5),), (("channel", 6),)


def test_normalising_over_places_does_not_keep_fields() -> None:
    assert axes_after("native_layer_norm", MAP, MAP, normalized_shape=[4, 5]) is None
    assert axes_after("_softmax", MAP, MAP, dim=3) is None
    assert axes_after("_softmax", MAP, MAP, dim=1) == standard(MAP)


class ModernBlock(nn.Module):
    """As in ConvNeXt: a depthwise convolution, then a perceptron at every place, channels last."""

    def __init__(self, rectifier: nn.Module) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.norm, self.rectifier = nn.LayerNorm(8), rectifier
        self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.narrow(self.rectifier(self.wide(y))).permute(0, 3, 1, 2)
        return x + self.scale * y


def modern(rectifier: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 4, 2), ModernBlock(rectifier), nn.Conv2d(8, 5, 3))


def test_units_keep_their_fields_through_channels_last() -> None:
    made = record(modern(nn.GELU()), torch.randn(1, 3, 32, 32))
    block = made.layer("1").field
    assert (block.size, block.jump, block.start) == ((12, 12), (2, 2), (-4, -4))
    assert made.layer("2").field.size == (16, 16)
    # What stands as [1, H, W, C] has no units to point at: channels are not guessed to be rows.
    assert list(made.layers) == ["0", "1.depthwise", "1:mul", "1", "2"]
    found = reconstruct(made, "1", [(3, 7, 7)], rule="saliency")
    top, left, bottom, right = found.boxes[0].tolist()
    inside = found.images[0, :, top:bottom, left:right].clone()
    found.images[0, :, top:bottom, left:right] = 0
    assert inside.any() and not found.images.any()


def test_its_gradient_is_exact() -> None:
    net, picture = modern(nn.GELU()), torch.randn(1, 3, 32, 32)
    x = picture.clone().requires_grad_()
    wanted = torch.autograd.grad(net(x)[0, 2, 5, 6], x)[0][0]
    found = reconstruct(record(net, picture), "2", [(2, 5, 6)], rule="saliency")
    assert agree(found.images[0], wanted)
    assert "1.rectifier:gelu" in found.by_autograd


class GroupsOfFour(nn.Module):
    """Rectifiers and a matrix where the channels stand last, without a norm that bends."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.matrix = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8)
        self.shuffle, self.last = nn.ChannelShuffle(4), nn.Conv2d(8, 4, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.matrix(F.relu(self.first(x)).permute(0, 2, 3, 1)))
        one, other = self.shuffle(x.permute(0, 3, 1, 2)).chunk(2, 1)
        return F.relu(self.last(torch.cat([F.relu(-other), one], 1)))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_walks_through_what_is_only_laid_out_anew(rule: str) -> None:
    net, picture = GroupsOfFour(), torch.randn(1, 3, 15, 15)
    made, reference = record(net, picture), Reference(net, picture)
    assert made.layer("last").field.size == (5, 5)
    for unit in [(0, 0, 0), (1, 3, 3), (3, 6, 6)]:
        found = reconstruct(made, "last", [unit], rule=rule)
        assert agree(found.images[0], reference.image("last", unit, RULES[rule]))


def test_tokens_are_not_listed_and_not_guessed() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.mix = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
            self.head = nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return self.head(self.mix(tokens).mean(1))

    net, picture = Tokens(), torch.randn(1, 3, 16, 16)
    made = record(net, picture)
    assert list(made.layers) == ["patches", ":mean", "head"]
    with pytest.raises(ValueError, match=r"'mix' gives \[16, 8\], neither a map"):
        reconstruct(made, "mix", [0])
    x = picture.clone().requires_grad_()
    wanted = torch.autograd.grad(net(x)[0, 2], x)[0][0]
    for rule in RULES:
        assert agree(reconstruct(made, "head", [2], rule=rule).images[0], wanted)


def test_a_map_whose_axes_are_unknown_is_refused() -> None:
    net = Step(lambda x: F.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    made = record(net, torch.randn(1, 3, 6, 6))
    assert ":relu" not in made.layers
    with pytest.raises(ValueError, match=r"axes of ':relu', .* not known to be channels, rows"):
        reconstruct(made, ":relu", [(1, 2, 2)])
