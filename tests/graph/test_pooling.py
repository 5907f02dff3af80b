"""Pools: overlapping windows add up, ties go to the first, cut windows keep their share."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import SALIENCY, record, reverse
from tests.graph.reference import difference


class _Summed(nn.Module):
    """One unit that reads all positions of a pool with planted weights."""

    def __init__(self, pool: nn.Module, weight: Tensor) -> None:
        super().__init__()
        self.pool, self.flatten = pool, nn.Flatten()
        self.read = nn.Linear(weight.numel(), 1, bias=False)
        with torch.no_grad():
            self.read.weight.copy_(weight.flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.flatten(self.pool(x)))


def _carried(pool: nn.Module, picture: Tensor, weight: Tensor) -> Tensor:
    return reconstruct(record(_Summed(pool, weight), picture), "read", [0], rule="saliency").images


def test_windows_that_share_a_maximum_add_up() -> None:
    """The negative control: torch's own unpooling overwrites, and is wrong by more than half."""
    picture, pool = torch.randn(1, 6, 25, 25), nn.MaxPool2d(3, 2)
    pooled, indices = F.max_pool2d(picture, 3, 2, return_indices=True)
    assert len(indices.unique()) < indices.numel()
    weight = torch.rand_like(pooled)
    wanted = torch.zeros(1, 6, 625).scatter_add_(2, indices.flatten(2), weight.flatten(2))
    wanted = wanted.view_as(picture)
    overwritten = F.max_unpool2d(weight, indices, 3, 2, output_size=picture.shape)
    assert difference(_carried(pool, picture, weight), wanted) < 1e-6
    assert difference(overwritten, wanted) > 0.5


def test_pools_that_do_not_overlap_equal_torchs_unpooling() -> None:
    picture = torch.randn(1, 6, 24, 24)
    pooled, indices = F.max_pool2d(picture, 2, return_indices=True)
    weight = torch.randn_like(pooled)
    wanted = F.max_unpool2d(weight, indices, 2, output_size=picture.shape)
    assert torch.equal(_carried(nn.MaxPool2d(2), picture, weight), wanted)


def test_of_equal_maxima_the_first_wins() -> None:
    picture = torch.zeros(1, 1, 4, 4)
    carried = _carried(nn.MaxPool2d(2), picture, torch.ones(1, 1, 2, 2))
    assert torch.nonzero(carried[0, 0]).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2]]


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d((2, 4), (3, 1), padding=(1, 2)),
        nn.MaxPool2d(3, 1, padding=1, dilation=1),
        nn.MaxPool2d(2, 2, dilation=3),
        nn.MaxPool2d(17, 1),  # more than 256 places in a window
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.AvgPool2d(3, 2, padding=1),
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        nn.AvgPool2d((4, 2), (3, 1), padding=(2, 1), ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(2, divisor_override=7),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((5, 4)),
        nn.AdaptiveAvgPool2d((20, 19)),
    ],
    ids=str,
)
def test_every_pool_is_autograds_adjoint(pool: nn.Module) -> None:
    x = torch.randn(1, 4, 20, 19, requires_grad=True)
    pooled = pool(x)
    weight = torch.randn_like(pooled)
    wanted = torch.autograd.grad((pooled * weight).sum(), x)[0]
    assert difference(_carried(pool, x.detach(), weight), wanted) < 1e-6
    unit = tuple(n // 2 for n in pooled.shape[1:])
    alone = reconstruct(record(pool, x.detach()), "", [unit], rule="saliency").images
    assert difference(alone, torch.autograd.grad(pool(x)[(0, *unit)], x)[0]) < 1e-6


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3, 1, 1),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.MaxPool2d(5, 1, 2),
        nn.MaxPool2d((2, 4), (2, 1), (1, 2)),
        nn.MaxPool2d((4, 2), (1, 2), (2, 1)),
        nn.MaxPool2d(2, 1, 1, dilation=(1, 2)),
        nn.MaxPool2d((2, 3), 1, 1, dilation=(2, 1)),
        nn.AvgPool2d(3, 1, 1),
        nn.AvgPool2d((5, 3), (1, 2), (2, 1), ceil_mode=True, count_include_pad=False),
        nn.AdaptiveAvgPool2d((3, 2)),
    ],
    ids=str,
)
def test_a_window_may_be_larger_than_the_map(pool: nn.Module) -> None:
    """As in the last blocks of GoogLeNet, on small pictures."""
    compared = 0
    for height, width in itertools.product(range(1, 6), repeat=2):
        x = torch.randn(1, 4, height, width, requires_grad=True)
        try:
            pooled = pool(x)
        except RuntimeError:  # torch does not pool so small a map
            continue
        if not bool(torch.isfinite(pooled).all()):  # some windows hold padding alone
            continue
        weight = torch.randn_like(pooled)
        wanted = torch.autograd.grad((pooled * weight).sum(), x)[0]
        assert difference(_carried(pool, x.detach(), weight), wanted) < 1e-6, (height, width)
        compared += 1
    assert compared >= 12


@pytest.mark.parametrize("kernel", [(300, 1), (1, 300), (300, 2), (257, 3)], ids=str)
def test_a_window_may_have_more_rows_than_a_byte_counts(kernel: tuple[int, int]) -> None:
    place = [kernel[0] - 1, kernel[1] - 1]
    x = torch.zeros(1, 1, 300, 300)
    x[0, 0, place[0], place[1]] = 1
    image = reconstruct(record(nn.MaxPool2d(kernel), x), "", [(0, 0, 0)], rule="saliency").images
    assert torch.nonzero(image[0, 0]).tolist() == [place]


def test_a_mean_over_positions_is_an_average_pool() -> None:
    class Mean(nn.Module):
        def __init__(self, keepdim: bool) -> None:
            super().__init__()
            self.conv, self.keepdim = nn.Conv2d(3, 4, 3), keepdim

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).mean((-1, 2), keepdim=self.keepdim)

    x = torch.randn(1, 3, 8, 9, requires_grad=True)
    for keepdim in (False, True):
        net = Mean(keepdim)
        unit = (2, 0, 0) if keepdim else (2,)
        wanted = torch.autograd.grad(net(x)[(0, *unit)], x)[0]
        found = reconstruct(record(net, x.detach()), "", [unit], rule="saliency").images
        assert difference(found, wanted) < 1e-6


def test_the_walk_carries_only_the_window() -> None:
    """A unit of a small field costs a small window, whatever the picture's size."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3))
    windows = reverse(
        record(net, torch.randn(1, 3, 150, 150)), "2", [(0, 30, 40)], SALIENCY
    ).windows
    assert windows.values.shape == (1, 3, 9, 9)
    assert (list(windows.rows), list(windows.columns)) == ([60], [80])
