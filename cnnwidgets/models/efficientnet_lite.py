"""EfficientNet-Lite0: batch norm, depthwise convolutions and residual blocks in a small network.

References
----------
.. [1] M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
   Networks", ICML 2019, arXiv:1905.11946, table 1.
.. [2] TensorFlow's model garden, tpu/efficientnet/lite: no squeeze-and-excitation, ReLU6 for
   SiLU, stem and head of one size.
"""

import io
import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

INPUT_MEAN = (127 / 255,) * 3
INPUT_STD = (128 / 255,) * 3
"""(x - 127) / 128 with x in 0..255, as numbers for x in 0..1."""

_EPSILON = 1e-3  # of TensorFlow's batch norm
_STAGES = (  # (blocks, kernel, stride of the first, expansion, channels), [1] table 1 from stage 2
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Pictures [N, 3, H, W] -> scores [N, 1000].

    Layers are named by what they do: `stem`, `blocks.3.depthwise.convolution`, `head`, ...
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, kernel=3, stride=2)
        blocks: list[nn.Module] = []
        before = 32
        for count, kernel, stride, expansion, channels in _STAGES:
            for number in range(count):
                first = stride if number == 0 else 1
                blocks.append(InvertedResidual(before, channels, expansion, kernel, first))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution(before, 1280, kernel=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give one score a class."""
        features = self.head(self.blocks(self.stem(pictures)))
        return self.classifier(self.dropout(self.flatten(self.pool(features))))


class InvertedResidual(nn.Module):
    """Widen, look at each channel on its own, narrow; added to the input where shapes allow."""

    def __init__(
        self, channels: int, narrow: int, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = _convolution(channels, wide, kernel=1) if expansion > 1 else None
        self.depthwise = _convolution(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = _convolution(wide, narrow, kernel=1, rectified=False)
        self.adds = stride == 1 and channels == narrow

    def forward(self, features: Tensor) -> Tensor:
        """Give the block's output [N, narrow, H / stride, W / stride]."""
        wide = features if self.expand is None else self.expand(features)
        narrow = self.project(self.depthwise(wide))
        return narrow + features if self.adds else narrow


def from_published(content: bytes) -> dict[str, Tensor]:
    """Give the weights of a published checkpoint by this module's names.

    Parameters
    ----------
    content : of the file; it is read with ``weights_only=True``.
    """
    published: Mapping[str, Tensor] = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
    )
    return {_renamed(name): tensor for name, tensor in published.items()}


def _renamed(name: str) -> str:
    name = re.sub(r"^_fc\.", "classifier.", name)
    name = re.sub(r"^_conv_(stem|head)\.", r"\1.convolution.", name)
    name = re.sub(r"^_bn0\.", "stem.norm.", name)
    name = re.sub(r"^_bn1\.", "head.norm.", name)
    name = re.sub(r"^_blocks\.(\d+)\._(\w+)_conv\.", r"blocks.\1.\2.convolution.", name)
    parts = {"0": "expand", "1": "depthwise", "2": "project"}
    return re.sub(
        r"^_blocks\.(\d+)\._bn(\d)\.",
        lambda found: f"blocks.{found[1]}.{parts[found[2]]}.norm.",
        name,
    )


def _convolution(
    channels: int,
    out: int,
    *,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    rectified: bool = True,
) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    padding = (kernel - 1) // 2
    if stride == 2:
        # TensorFlow pads by as little as fills the last step: of an even side one pixel less at the
        # top and left than at the bottom and right.
        layers["pad"] = nn.ZeroPad2d((padding - 1, padding) * 2)
        padding = 0
    layers["convolution"] = nn.Conv2d(
        channels, out, kernel, stride, padding, groups=groups, bias=False
    )
    layers["norm"] = nn.BatchNorm2d(out, eps=_EPSILON)
    if rectified:
        layers["rectifier"] = nn.ReLU6()
    return nn.Sequential(layers)
