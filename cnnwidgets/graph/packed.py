"""Convolution with weights that stand in the processor library's own layout already.

oneDNN lays weights out anew at every call. For the small windows of a reverse walk that takes as
long as the convolution, so here it is done once. The calls are torch's, but not public ones: they
are tried once a process, and where they are missing or wrong the plain convolution is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_TOLERANCE = 1e-2  # of the largest value: bfloat16 rounds at 4e-3


def packed(weight: Tensor) -> Tensor | None:
    """Give a weight [out, in, kh, kw] as oneDNN wants it, for `convolve`; None: of no use here."""
    if weight.device.type != "cpu" or not _works(weight.dtype):
        return None
    return _packed(weight)


def convolve(
    values: Tensor, weight: Tensor, padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    """Give the convolution of stride 1 with a packed weight; outside autograd."""
    found: Tensor = torch.ops.mkldnn._convolution_pointwise(
        values, weight, None, padding, (1, 1), dilation, 1, "none", [], ""
    )
    return found


def _packed(weight: Tensor) -> Tensor:
    found: Tensor = torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
        weight.to_mkldnn(), [1, 1], [1, 1], [1, 1], 1, None
    )
    return found


@cache
def _works(dtype: torch.dtype) -> bool:
    """Try it on a small example."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 32, 6, 5, generator=generator).to(dtype)
    weight = torch.randn(24, 32, 3, 3, generator=generator).to(dtype)
    values, weight = (t.contiguous(memory_format=torch.channels_last) for t in (values, weight))
    try:
        found = convolve(values, _packed(weight), (2, 2), (1, 1))
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    wanted = F.conv2d(values, weight, padding=2).float()
    same = found.shape == wanted.shape and found.dtype == dtype
    close = same and (found.float() - wanted).abs().max() <= _TOLERANCE * wanted.abs().max()
    return bool(close)
