"""Units whose tuning is known beforehand, and networks that hold them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cnnwidgets.models import VisionModel, wrap_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def wrapped(
    module: nn.Module,
    side: int = 64,
    channels: int = 3,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> VisionModel:
    """A network of pictures of so many pixels, that takes 0..1 as they are unless told."""
    mean, std = mean or (0.0,) * channels, std or (1.0,) * channels
    return wrap_model(module.eval(), input_shape=(channels, side, side), mean=mean, std=std)


def gabor(
    size: int, orientation: float, frequency: float, phase: float = 0, sigma: float = 4
) -> Tensor:
    """A Gabor filter, float64 [size, size], whose answer to any grey is 0."""
    down, right = np.mgrid[:size, :size] - (size - 1) / 2
    along = right * np.cos(orientation) - down * np.sin(orientation)
    envelope = np.exp(-(right**2 + down**2) / (2 * sigma**2))
    wave = np.cos(2 * np.pi * frequency * along + phase)
    return torch.from_numpy(envelope * (wave - (envelope * wave).sum() / envelope.sum()))


def planted(
    kernels: Sequence[Tensor], channels: int = 3, bias: float = 0, **settings: int
) -> nn.Conv2d:
    """A convolution with these kernels [k, k], the same in all channels."""
    size = kernels[0].shape[-1]
    conv = nn.Conv2d(channels, len(kernels), size, **settings)  # type: ignore[arg-type]
    with torch.no_grad():
        conv.weight.copy_(torch.stack(list(kernels))[:, None])
        assert conv.bias is not None
        conv.bias.fill_(bias)
    return conv


def spectrum(kernel: Tensor, orientation: float, frequency: float) -> float:
    """|Fourier transform| of a kernel [k, k] at one wave vector, by the sum."""
    down, right = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    turns = frequency * (right * np.cos(orientation) - down * np.sin(orientation))
    return float(abs((kernel.double().numpy() * np.exp(-2j * np.pi * turns)).sum()))


class Energy(nn.Module):
    """Each unit sums the squares of two filters: its answers are layer ":add"."""

    def __init__(self, even: Sequence[Tensor], odd: Sequence[Tensor]) -> None:
        super().__init__()
        self.even, self.odd = planted(even), planted(odd)

    def forward(self, x: Tensor) -> Tensor:
        even, odd = self.even(x), self.odd(x)
        return even * even + odd * odd
