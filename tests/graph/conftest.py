"""The networks on which the reverse walk is held against other people's."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.data import load_images
from cnnwidgets.graph import Record, record
from cnnwidgets.models import load_model
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.graph.networks import Stress
from tests.graph.reference import Reference


class Case(NamedTuple):
    """A network, a picture, its record, and the slow reference for both."""

    module: nn.Module
    picture: Tensor
    record: Record
    reference: Reference


def _case(module: nn.Module, picture: Tensor) -> Case:
    return Case(module, picture, record(module, picture), Reference(module, picture))


def _embedded(name: str) -> Case:
    model = load_model(name, device="cpu")
    return _case(model.module, model.preprocess([load_images("photos")["chelsea"]]))


@pytest.fixture(scope="session")
def alexnet() -> Case:
    """AlexNet's convolutions with ImageNet's weights: overlapping pools, in-place rectifiers."""
    return _embedded("alexnet")


@pytest.fixture(scope="session")
def squeezenet() -> Case:
    """SqueezeNet 1.1 with ImageNet's weights: concatenations, ceil_mode, average pool."""
    return _embedded("squeezenet1_1")


@pytest.fixture(scope="session")
def vgg11() -> Case:
    """VGG11's convolutions with random weights: pools that do not overlap."""
    vgg = import_torchvision().models.vgg
    torch.manual_seed(0)
    module = nn.Sequential()
    module.add_module("features", vgg.make_layers(vgg.cfgs["A"], batch_norm=False))
    return _case(module.eval(), torch.randn(1, 3, 96, 96))


@pytest.fixture(scope="session")
def stress() -> Case:
    """A network of difficulties."""
    torch.manual_seed(1)
    return _case(Stress(), torch.randn(1, *Stress.picture_shape))


@pytest.fixture(params=["alexnet", "squeezenet", "vgg11"])
def real(request: pytest.FixtureRequest) -> Case:
    """Each of the three real networks in turn."""
    return request.getfixturevalue(request.param)
