"""Fields as published: A. Araujo, W. Norris, J. Sim, Distill 2019, doi:10.23915/distill.00021."""

import pytest
import torch
from torch import nn

from cnnwidgets.graph import Layer, record
from cnnwidgets.models import load_model
from cnnwidgets.models.torchvision_import import import_torchvision

# (field, jump) of VGG16, layer by layer
VGG16 = {
    0: (3, 1), 2: (5, 1), 4: (6, 2), 5: (10, 2), 7: (14, 2), 9: (16, 4), 10: (24, 4), 12: (32, 4),
    14: (40, 4), 16: (44, 8), 17: (60, 8), 19: (76, 8), 21: (92, 8), 23: (100, 16), 24: (132, 16),
    26: (164, 16), 28: (196, 16), 30: (212, 32),
}  # fmt: skip
ALEXNET = {  # (field, jump, centre of unit (0, 0))
    "features.0": (11, 4, 3),
    "features.2": (19, 8, 7),
    "features.3": (51, 8, 7),
    "features.5": (67, 16, 15),
    "features.6": (99, 16, 15),
    "features.8": (131, 16, 15),
    "features.10": (163, 16, 15),
    "features.12": (195, 32, 31),
}


def test_vgg16_as_published() -> None:
    """Field 212, jump 32, effective padding 90."""
    vgg = import_torchvision().models.vgg
    with torch.device("meta"):
        net = vgg.make_layers(vgg.cfgs["D"], batch_norm=False)
    net = net.to_empty(device="cpu")
    for weight in net.parameters():
        nn.init.zeros_(weight)
    layers = record(net, torch.zeros(1, 3, 32, 32)).layers
    assert {int(name) for name, layer in layers.items() if layer.kind != "ReLU"} == set(VGG16)
    for number, (size, jump) in VGG16.items():
        field = layers[str(number)].field
        assert field.size == (size, size)
        assert field.jump == (jump, jump)
        assert field.centre(0, 0)[0] - 0.5 == (jump - 1) / 2
    assert layers["30"].field.start == (-90, -90)
    assert layers["30"].field.box(1, 2) == (-58, -26, 154, 186)


def test_alexnet_as_published() -> None:
    model = load_model("alexnet", device="cpu")
    for name, (size, jump, centre) in ALEXNET.items():
        field = model.layers[name].field
        assert (field.size, field.jump) == ((size, size), (jump, jump))
        assert field.centre(0, 0) == (centre + 0.5, centre + 0.5)


@pytest.mark.parametrize(
    ("name", "size", "padding"),
    [("resnet50", 483, 239), ("resnet101", 1027, 511), ("resnet152", 1507, 751)],
)
def test_resnets_as_published(name: str, size: int, padding: int) -> None:
    net = _as_in_slim(import_torchvision().models.get_model(name, weights=None))
    field = _last_map(net).field
    assert (field.size, field.jump) == ((size, size), (32, 32))
    assert field.start == (-padding, -padding)


def test_inception_v3_as_published() -> None:
    net = import_torchvision().models.inception_v3(aux_logits=False, init_weights=False)
    last = _last_map(net)
    assert (last.name, last.field.size, last.field.jump) == ("Mixed_7c", (1311, 1311), (32, 32))
    assert last.field.start == (-618, -618)


def _as_in_slim(net: nn.Module) -> nn.Module:
    """Stride as in the published networks: in the last block of a stage, not in the next's first.

    And no padding above the first pool: of an even number of rows TensorFlow pads only below.
    """
    net.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    for this, after in [("layer1", "layer2"), ("layer2", "layer3"), ("layer3", "layer4")]:
        last, first = net.get_submodule(this)[-1], net.get_submodule(after)[0]
        last.conv2.stride, last.downsample = (2, 2), nn.MaxPool2d(1, 2)
        first.conv2.stride, first.downsample[0].stride = (1, 1), (1, 1)
    return net


def _last_map(net: nn.Module) -> Layer:
    layers = record(net.eval(), torch.zeros(1, 3, 96, 96)).layers.values()
    return [layer for layer in layers if layer.spatial and not layer.field.whole][-1]
