"""Networks, and their parts, that give several tensors in tuples and dictionaries."""

from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.graph.outputs import entries


class Pair(NamedTuple):
    logits: Tensor
    features: Tensor


ONE, TWO = torch.ones(1), torch.zeros(2)


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (ONE, [""]),
        ([ONE], [""]),
        ({"out": ONE}, [""]),
        ((ONE, TWO), ["0", "1"]),
        (OrderedDict(out=ONE, aux=TWO), ["out", "aux"]),
        (Pair(ONE, TWO), ["logits", "features"]),
        ({"out": ONE, "features": [ONE, TWO]}, ["out", "features.0", "features.1"]),
        ({"out": ONE, "loss": None, "scale": 3}, [""]),
        (None, []),
    ],
    ids=str,
)
def test_entries_have_names(output: object, names: list[str]) -> None:
    assert list(entries(output)) == names


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.one(x)
        return {"low": torch.relu(x) * 2, "high": self.two(x).relu()}


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.head, self.aux = nn.Conv2d(6, 5, 1), nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.backbone(x)
        return {"out": self.head(found["high"]), "aux": self.aux(found["low"])}


def test_the_entries_of_a_part_are_layers() -> None:
    net, picture = Segmenter(), torch.randn(1, 3, 12, 12)
    made = record(net, picture)
    assert list(made.layers) == [
        "backbone.one",
        "backbone:relu",
        "backbone:mul",
        "backbone.two",
        "backbone:relu#2",
        "head",
        "aux",
    ]
    with torch.no_grad():
        wanted = net.backbone(picture)
    assert torch.equal(made.activation("backbone[low]"), wanted["low"])
    assert torch.equal(made.activation("backbone[high]"), wanted["high"])
    images = [
        reconstruct(made, layer, [(1, 3, 3)]).images
        for layer in ("backbone[high]", "backbone:relu#2")
    ]
    assert images[0].any() and torch.equal(*images)


def test_the_first_entry_is_the_answer_and_says_so() -> None:
    net, picture = Segmenter(), torch.randn(1, 3, 12, 12)
    made = record(net, picture)
    assert made.answer == "out"
    with torch.no_grad():
        assert torch.equal(made.output, net(picture)["out"])
