"""EfficientNet-Lite0: its shape is the published one, and pads fall where TensorFlow's fall."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnwidgets.models.efficientnet_lite import (
    INPUT_MEAN,
    INPUT_STD,
    EfficientNetLite0,
)


@pytest.fixture
def network() -> EfficientNetLite0:
    return EfficientNetLite0().eval()


def test_its_size_is_the_published_one(network: EfficientNetLite0) -> None:
    # TensorFlow's model garden: 4.7 M parameters, 407 M products added up at 224 pixels.
    assert sum(weight.numel() for weight in network.parameters()) == 4_652_008
    multiplied = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal multiplied
        multiplied += output[0].numel() * module.weight[0].numel()

    handles = [
        part.register_forward_hook(count)
        for part in network.modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
    for handle in handles:
        handle.remove()
    assert multiplied / 1e6 == pytest.approx(407, abs=25)


def test_blocks_follow_the_table(network: EfficientNetLite0) -> None:
    sizes = []
    handles = [
        block.register_forward_hook(lambda _m, _i, out: sizes.append(tuple(out.shape[1:3])))
        for block in network.blocks
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 224, 224))
    for handle in handles:
        handle.remove()
    table = [(16, 112, 1), (24, 56, 2), (40, 28, 2), (80, 14, 3), (112, 14, 3), (192, 7, 4)]
    assert sizes == [(c, side) for c, side, n in [*table, (320, 7, 1)] for _ in range(n)]
    assert [block.adds for block in network.blocks].count(True) == 9


@pytest.mark.parametrize("part", ["stem", "blocks.1.depthwise", "blocks.3.depthwise"])
def test_strided_convolutions_are_padded_as_tensorflow_pads(
    network: EfficientNetLite0, part: str
) -> None:
    sequence = network.get_submodule(part)
    convolution = sequence.convolution
    x = torch.randn(1, convolution.weight.shape[1] * convolution.groups, 16, 16)
    with torch.no_grad():
        found = convolution(sequence.pad(x))

    # "SAME": total = (out - 1) stride + kernel - side, and the smaller half of it goes first.
    kernel = convolution.kernel_size[0]
    total = (8 - 1) * 2 + kernel - 16
    before = total // 2
    slow = torch.zeros_like(found)
    padded = F.pad(x, (before, total - before) * 2)
    for row in range(8):
        for column in range(8):
            seen = padded[:, :, 2 * row : 2 * row + kernel, 2 * column : 2 * column + kernel]
            if convolution.groups == 1:
                slow[0, :, row, column] = (seen * convolution.weight).sum((1, 2, 3)).detach()
            else:
                slow[0, :, row, column] = (seen[0] * convolution.weight[:, 0]).sum((1, 2)).detach()
    assert torch.allclose(found, slow, atol=1e-5)


def test_input_is_scaled_as_published() -> None:
    for stored in (0, 127, 255):
        for mean, std in zip(INPUT_MEAN, INPUT_STD, strict=True):
            assert (stored / 255 - mean) / std == pytest.approx((stored - 127) / 128)
