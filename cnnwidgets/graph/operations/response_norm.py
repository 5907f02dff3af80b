"""Local response normalisation across channels, as in AlexNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch.nn.functional as F
from torch import Tensor

from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.prepared import PreparedWeights
from cnnwidgets.graph.rules import SALIENCY, Rule
from cnnwidgets.graph.windows import Shape, Windows


@dataclass(frozen=True, eq=False)
class LocalResponseNorm:
    """y = x / s^beta with s = k + alpha times the mean of x^2 over `size` neighbouring channels.

    It stands for the last of several calls, the division; its inputs are x and s^beta. What comes
    back goes to x alone, by the whole derivative, so the calls that made s^beta are not walked.

    Attributes
    ----------
    normalised : x [1, C, H, W].
    """

    normalised: Tensor
    size: int
    alpha: float
    beta: float
    k: float

    def field(self, fields: Sequence[Field], shapes: Sequence[Shape]) -> Field:
        """Keep the field of x: channels are compared at one place."""
        return fields[0]

    def reverse(
        self, windows: Windows, shapes: Sequence[Shape], rule: Rule, weights: PreparedWeights
    ) -> Sequence[Windows | None]:
        """Back-propagate for saliency; leave as it is under every other rule.

        So does the code of Mahendran & Vedaldi, and so did Zeiler & Fergus: the deconvnet has no
        normalisation. With g coming back, x_i gets
        g_i / s_i^beta - (2 alpha beta / size) x_i sum_j g_j x_j / s_j^(beta + 1), where j runs over
        the channels in whose neighbourhood i is.
        """
        if rule != SALIENCY:
            return [windows, None]
        dense = windows.dense(shapes[0][1])
        g, dtype = dense.values, dense.values.dtype
        x, s = (dense.of(part).to(dtype) for part in (self.normalised, self._scale))
        shared = self._summed(g * x * s ** -(self.beta + 1), turned=True)
        factor = 2 * self.alpha * self.beta / self.size
        return [replace(dense, values=g * s**-self.beta - factor * x * shared, owned=True), None]

    @cached_property
    def _scale(self) -> Tensor:
        """Give s, [1, C, H, W]."""
        return self.k + self.alpha / self.size * self._summed(self.normalised.square())

    def _summed(self, values: Tensor, *, turned: bool = False) -> Tensor:
        """Sum over each channel's neighbours; turned: over those whose neighbour it is."""
        before, after = self.size // 2, (self.size - 1) // 2
        if turned:
            before, after = after, before
        padded = F.pad(values, (0, 0, 0, 0, before, after))
        return padded.unfold(1, self.size, 1).sum(-1)
