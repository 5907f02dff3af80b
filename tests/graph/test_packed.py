"""Weights in oneDNN's own layout: quicker, never different."""

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.graph import RULES, packed, record, reverse
from tests.graph.networks import small
from tests.graph.reference import agree, canvas


def _walks(net: nn.Module, picture: Tensor) -> list[Tensor]:
    units = [(1, 2, 2), (3, 5, 4)]
    made = record(net, picture)
    return [canvas(reverse(made, "3", units, rule).windows, picture) for rule in RULES.values()]


@pytest.fixture
def fresh():
    packed._works.cache_clear()
    yield
    packed._works.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("fault", ["missing", "wrong", "refused"])
def test_where_it_does_not_work_the_plain_convolution_is_taken(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, picture = small(), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        wanted = _walks(net, picture)

    def broken(weight: Tensor) -> Tensor:
        if fault == "missing":
            raise AttributeError("mkldnn_reorder_conv2d_weight")
        if fault == "refused":
            raise RuntimeError("could not create a primitive")
        return _pack(2 * weight)

    _pack = packed._packed
    packed._works.cache_clear()
    monkeypatch.setattr(packed, "_packed", broken)
    assert packed.packed(torch.ones(4, 4, 3, 3)) is None
    for found, plain in zip(_walks(small_like(net), picture), wanted, strict=True):
        assert agree(found, plain)


def small_like(net: nn.Module) -> nn.Module:
    other = small()
    other.load_state_dict(net.state_dict())
    return other


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_it_is_the_convolution(dtype: torch.dtype, dilation: tuple[int, int]) -> None:
    weight = torch.randn(7, 5, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
    values = torch.randn(2, 5, 9, 11).to(dtype).contiguous(memory_format=torch.channels_last)
    laid_out = packed.packed(weight)
    if laid_out is None:
        pytest.skip(f"oneDNN has no packed {dtype} convolution on this machine")
    with torch.no_grad():
        found = packed.convolve(values, laid_out, (2, 4), dilation)
    wanted = torch.nn.functional.conv2d(
        values.double(), weight.double(), padding=(2, 4), dilation=dilation
    )
    assert agree(found, wanted, 1e-6 if dtype == torch.float32 else 1e-2)


def test_number_types_it_does_not_have() -> None:
    assert packed.packed(torch.ones(4, 4, 3, 3, dtype=torch.float64)) is None
