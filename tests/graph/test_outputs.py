"""Networks, and their parts, that give several tensors in tuples and dictionaries."""

from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.graph.outputs import entries
from cnnwidgets.models import wrap_model


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


def wrapped(**settings: object):
    return wrap_model(Segmenter(), input_shape=(3, 12, 12), mean=[0] * 3, std=[1] * 3, **settings)


@pytest.mark.parametrize(("output", "answer"), [(None, "out"), ("out", "out"), ("aux", "aux")])
def test_the_entry_that_is_meant_is_chosen_by_name(output: str | None, answer: str) -> None:
    model = wrapped(output=output)
    assert model.output == answer
    assert not model.has_head
    picture = torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        wanted = model.module(picture)[answer]
    assert torch.equal(record(model, picture).output, wanted)
    attached = model.attach("mean", at="head", weight=torch.ones(1, 5))
    assert attached.output == answer


def test_a_number_chooses_in_a_tuple() -> None:
    class Twice(nn.Conv2d):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = super().forward(x)
            return x, x.mean((2, 3))

    settings = {"input_shape": (3, 8, 8), "mean": [0] * 3, "std": [1] * 3}
    assert not wrap_model(Twice(3, 4, 3), **settings).has_head
    model = wrap_model(Twice(3, 4, 3), output=1, labels=list("abcd"), **settings)
    assert (model.output, model.classes) == ("1", 4)


def test_an_entry_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="Segmenter answers with 'out', 'aux'; output 'main' is"):
        wrapped(output="main")
    with pytest.raises(ValueError, match="Conv2d answers with one tensor.*output"):
        wrap_model(
            nn.Conv2d(3, 4, 3), input_shape=(3, 8, 8), mean=[0] * 3, std=[1] * 3, output="out"
        )
