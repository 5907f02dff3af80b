"""How a picture becomes a network's input. The channel statistics stand here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

IMAGENET_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
"""Mean of ImageNet's training pictures: red, green, blue, on the scale 0..1."""

IMAGENET_STD: tuple[float, float, float] = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's training pictures: red, green, blue, on the scale 0..1."""

Picture = Image.Image | NDArray[np.uint8]


def crop(picture: Picture, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """Cut a picture's middle to a network's format and scale it there (bilinear, antialiased).

    The largest part of the right proportions is taken, so that nothing of the middle is lost and
    everything that is shown is also seen by the network. (torchvision's own evaluation first cuts
    away a border of 1/16 on each side.)

    Parameters
    ----------
    picture : a PIL image, or uint8 [h, w, 3] or [h, w].
    channels : 3 for colour, 1 for luminance.

    Returns
    -------
    uint8 [height, width, channels]

    Raises
    ------
    TypeError, ValueError
        The picture is something else, or the network takes neither 1 nor 3 channels.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"pictures have 1 or 3 channels, but this network takes {channels}; give it "
            f"tensors [N, {channels}, height, width] instead"
        )
    image = _as_pil(picture).convert("RGB" if channels == 3 else "L")
    # The side that stays whole is taken as it is: rounding must not lead out of the picture.
    wide = image.width * height > image.height * width
    left = (image.width - image.height * width / height) / 2 if wide else 0
    top = 0 if wide else (image.height - image.width * height / width) / 2
    box = (left, top, image.width - left, image.height - top)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(scaled).reshape(height, width, channels)


def to_unit_range(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Stack uint8 pictures [h, w, c] to a tensor [N, c, h, w] in 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous().float() / 255


def normalize(pictures: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Take the mean of each channel away and divide by its deviation; differentiable."""
    shape = (-1, 1, 1)
    centre = torch.tensor(mean, dtype=pictures.dtype, device=pictures.device).view(shape)
    spread = torch.tensor(std, dtype=pictures.dtype, device=pictures.device).view(shape)
    return (pictures - centre) / spread


def _as_pil(picture: Picture) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        if picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3):
            return Image.fromarray(picture)
        if picture.ndim == 3 and picture.shape[2] == 1:
            return Image.fromarray(picture[:, :, 0])
        raise ValueError(
            f"a picture is uint8 [height, width, 3] or [height, width], got {list(picture.shape)}"
        )
    got = (
        f"an array of {picture.dtype}"
        if isinstance(picture, np.ndarray)
        else type(picture).__name__
    )
    raise TypeError(f"a picture is a PIL image or a uint8 array, got {got}")
