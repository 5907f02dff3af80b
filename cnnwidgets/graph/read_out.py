"""A linear read-out of a layer: a class, a concept, a group of units."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ReadOut:
    """A linear read-out of a layer, which stands in the graph as one more layer.

    Attributes
    ----------
    name : of the new layer; `at` : of the layer it reads.
    weight : [K, C] reads every position; [K, C, H, W] the whole map; [K, F] a vector layer.
    bias : [K].
    """

    name: str
    at: str
    weight: Tensor
    bias: Tensor

    def __call__(self, activation: Tensor) -> Tensor:
        """Give [N, K, h, w], or [N, K] where a whole map or a vector is read."""
        if activation.dim() == 2:
            return F.linear(activation, self.weight, self.bias)
        if self.weight.dim() == 2:
            return F.conv2d(activation, self.weight[:, :, None, None], self.bias)
        if activation.shape[1:] != self.weight.shape[1:]:
            raise ValueError(
                f"{self.name!r} reads maps {list(self.weight.shape[1:])} of {self.at!r}, "
                f"got {list(activation.shape[1:])}; give the network pictures of the "
                "size for which it was attached"
            )
        return F.conv2d(activation, self.weight, self.bias).flatten(1)
