"""Many units in one walk: however they are grouped on the way, each is walked as if alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.graph import RULES, record, reversal, reverse
from tests.graph.networks import Residual, Step, small
from tests.graph.reference import agree, canvas

NETS = {
    "plain": (small, "3", [(0, 0, 0), (1, 6, 6), (5, 3, 2), (2, 3, 3)]),
    "residual": (Residual, "fire", [(0, 1, 1), (3, 4, 4), (2, 7, 0)]),
    "vector": (small, "9", [(0,), (3,), (4,)]),
    "by autograd": (
        lambda: Step(nn.Sequential(nn.ReLU(), nn.Upsample(scale_factor=2))),
        "after",
        [(1, 3, 3), (0, 20, 31), (4, 0, 0)],
    ),
}


@pytest.fixture(params=[0, 1, 3000, 10**9], ids="split above {} bytes".format)
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(reversal, "_IN_CACHE", request.param)
    return int(request.param)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("rule", ["deconvnet", "saliency", "TFT"])
def test_each_is_walked_as_if_alone(net: str, rule: str) -> None:
    make, layer, units = NETS[net]
    picture = torch.randn(1, 3, 32, 32)
    made = record(make(), picture)
    walk = reverse(made, layer, units, RULES[rule])
    alone = [reverse(made, layer, [unit], RULES[rule]) for unit in units]
    wanted = torch.cat([canvas(single.windows, picture) for single in alone])
    assert agree(canvas(walk.windows, picture), wanted)
    assert walk.by_autograd == alone[0].by_autograd


def test_they_are_split_where_they_grow_large(monkeypatch: pytest.MonkeyPatch) -> None:
    carried: list[int] = []
    net = nn.Sequential(*[nn.Conv2d(3 if i == 0 else 4, 4, 3, padding=1) for i in range(4)])
    made = record(net, torch.randn(1, 3, 16, 16))
    kind = type(made.calls[0].operation)
    plain = kind.reverse

    def counted(self: object, windows: object, *others: object) -> object:
        carried.append(len(windows.values))  # type: ignore[attr-defined]
        return plain(self, windows, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "reverse", counted)
    monkeypatch.setattr(reversal, "_IN_CACHE", 3 * 4 * 5 * 5 * 4 - 1)
    reverse(made, "3", [(0, 8, 8), (1, 8, 8), (2, 3, 3)], RULES["saliency"])
    assert carried == [3, 3, 1, 1, 1, 1, 1, 1]


def test_a_rectifier_that_is_shared_by_the_walks_stays_as_it_is() -> None:
    made = record(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), torch.randn(1, 3, 9, 9))
    first = reverse(made, "1", [(0, 3, 3), (1, 3, 3)], RULES["guided"]).windows.values.clone()
    assert torch.equal(
        reverse(made, "1", [(0, 3, 3), (1, 3, 3)], RULES["guided"]).windows.values, first
    )


def test_the_picture_itself_is_a_layer_of_no_calls() -> None:
    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x)

    walk = reverse(record(Same(), torch.ones(1, 3, 5, 5)), ":relu", [(1, 2, 3)], RULES["guided"])
    assert canvas(walk.windows, torch.ones(1, 3, 5, 5))[0, 1, 2, 3] == 1
