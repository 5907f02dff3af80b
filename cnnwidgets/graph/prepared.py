"""Weights laid out for walking back: made once for each, shared by all records of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from cnnwidgets.graph.fields import Pair
from cnnwidgets.graph.packed import convolve, packed

# Above this kernel size, a strided transposed convolution is faster as one plain convolution to
# stride x stride phases and a pixel shuffle (stems: 7x7 stride 2, 11x11 stride 4).
_SMALLEST_PHASED_KERNEL = 5
# A channels-last convolution is added up in one chain. Beyond about a thousand terms its rounding
# shows (two of VGG's 512-channel layers give 1e-6 of the maximum), so longer ones go in parts.
_LONGEST_SUM = 1152


@dataclass(frozen=True)
class PreparedKernel:
    """One convolution's weights for the reverse walk.

    Attributes
    ----------
    plain : [out, in / groups, kh, kw], as the network has them.
    parts : slices along the second axis of the transposed kernel [in, out / groups, kh, kw],
        flipped: a transposed convolution of stride 1 is the sum of plain ones with these. Strided
        kernels that are large have their phases in the channels instead, in one part:
        [in x sy x sx, out / groups, ceil(kh / sy), ceil(kw / sx)].
    packed : whether the parts are in oneDNN's layout, for `packed.convolve`.
    """

    plain: Tensor
    parts: tuple[Tensor, ...]
    packed: bool

    def of_channel(self, channel: int) -> Tensor:
        """Give the transposed kernel [in, 1, kh, kw] of one output channel; for one group."""
        return self.plain[channel].flip(1, 2)[:, None]

    def spread(self, values: Tensor, padding: Sequence[int], dilation: Pair, groups: int) -> Tensor:
        """Give the transposed convolution of stride 1, [K, in, ...], with this padding."""
        if len(self.parts) == 1:
            taken: Sequence[Tensor] = (values,)
        else:
            taken = values.split([part.shape[1] for part in self.parts], 1)
        if self.packed:
            spread = [
                convolve(channels, part, padding, dilation)
                for channels, part in zip(taken, self.parts, strict=True)
            ]
        else:
            spread = [
                F.conv2d(channels, part, padding=padding, dilation=dilation, groups=groups)
                for channels, part in zip(taken, self.parts, strict=True)
            ]
        return reduce(Tensor.add_, spread)

    def spread_strided(self, values: Tensor, stride: Pair, dilation: Pair, groups: int) -> Tensor:
        """Give the transposed convolution of a stride above one, [K, in, ...], unpadded."""
        if not phased(self.plain, stride) or dilation != (1, 1):
            return F.conv_transpose2d(
                values, self.plain, stride=stride, dilation=dilation, groups=groups
            )
        (h, w), (kh, kw) = values.shape[2:], self.plain.shape[2:]
        full = [size - 1 for size in self.parts[0].shape[2:]]
        phases = F.conv2d(values, self.parts[0], padding=full, groups=groups)
        spread = F.pixel_shuffle(phases, stride[0])
        return spread[:, :, : (h - 1) * stride[0] + kh, : (w - 1) * stride[1] + kw]


class PreparedWeights:
    """The prepared weights of one network; they follow the weights when these change."""

    def __init__(self) -> None:
        # Weak keys: computed weights (weight norm) die with the record that used them.
        self._kernels: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def forget(self) -> None:
        """Let go of all: they will be prepared anew when they are asked for."""
        self._kernels = WeakTensorKeyDictionary()

    def convolution(
        self, weight: Tensor, stride: Pair, groups: int, dtype: torch.dtype
    ) -> PreparedKernel:
        """Give a convolution's prepared weights in a number type."""
        state, known = state_of(weight), self._kernels
        found = known.get(weight)
        if found is None or found[0] != state:
            found = known[weight] = (state, {})
        kernels: dict[object, PreparedKernel] = found[1]
        key = (stride, groups, dtype)
        if key not in kernels:
            kernels[key] = _prepare(weight.detach().to(dtype), stride, groups)
        return kernels[key]


def state_of(tensor: Tensor) -> tuple[int, int]:
    """Give what changes when a tensor is written or exchanged: its version and its place."""
    return (0 if tensor.is_inference() else tensor._version, tensor.data_ptr())


def phased(weight: Tensor, stride: Sequence[int]) -> bool:
    """Whether this kernel's strided reverse runs as phases and a pixel shuffle."""
    return stride[0] == stride[1] > 1 and min(weight.shape[2:]) >= _SMALLEST_PHASED_KERNEL


def _prepare(weight: Tensor, stride: Pair, groups: int) -> PreparedKernel:
    out, per_group, kh, kw = weight.shape
    transposed = weight.view(groups, out // groups, per_group, kh, kw).transpose(1, 2)
    transposed = transposed.reshape(groups * per_group, out // groups, kh, kw)
    if phased(weight, stride):
        sy, sx = stride
        uy, ux = -(-kh // sy), -(-kw // sx)
        padded = F.pad(transposed, (0, ux * sx - kw, 0, uy * sy - kh))
        phases = padded.view(groups * per_group, out // groups, uy, sy, ux, sx).permute(
            0, 3, 5, 1, 2, 4
        )
        transposed = phases.reshape(groups * per_group * sy * sx, out // groups, uy, ux)
    flipped = transposed.flip(2, 3)
    coarse = weight.dtype.itemsize < 4  # a preview's own rounding is far larger
    one_part = groups > 1 or phased(weight, stride) or coarse
    step = out if one_part else max(1, _LONGEST_SUM // (kh * kw))
    parts = [part.contiguous(memory_format=torch.channels_last) for part in flipped.split(step, 1)]
    if groups == 1 and tuple(stride) == (1, 1):
        packed_parts = [part for part in map(packed, parts) if part is not None]
        if len(packed_parts) == len(parts):
            return PreparedKernel(weight.contiguous(), tuple(packed_parts), True)
    return PreparedKernel(weight.contiguous(), tuple(parts), False)
