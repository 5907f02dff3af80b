"""The networks that come with the package, by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files

import torch
from safetensors.torch import load_file
from torch import nn

from cnnwidgets.graph import closest_name
from cnnwidgets.models.devices import choose_device
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD
from cnnwidgets.models.torchvision_import import import_torchvision
from cnnwidgets.models.vision_model import VisionModel


@dataclass(frozen=True)
class Entry:
    """A network whose weights are embedded.

    Attributes
    ----------
    title : what it is called; `build` : makes its module, without weights.
    headless : why it has no classes, if so.
    """

    title: str
    build: Callable[[], nn.Module]
    headless: str = ""


def _squeezenet1_1() -> nn.Module:
    return _torchvision_models().squeezenet1_1()


def _alexnet_features() -> nn.Module:
    # Under torchvision's own names (features.0, ...), and nothing after the convolutions.
    return nn.Sequential(OrderedDict(features=_torchvision_models().alexnet().features))


CATALOGUE = {
    "squeezenet1_1": Entry("SqueezeNet 1.1", _squeezenet1_1),
    "alexnet": Entry(
        "AlexNet", _alexnet_features, "AlexNet stands here without its classifier: only its convolutions are embedded."
    ),
}


def load_model(name: str, *, device: str | torch.device = "auto") -> VisionModel:
    """Give a network that can be looked into at once; nothing is downloaded.

    Parameters
    ----------
    name : "squeezenet1_1" (names 1000 classes) or "alexnet" (its convolutions).
    device : "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    ValueError
        There is no such network here; or no such device.
    """
    if name not in CATALOGUE:
        known = ", ".join(repr(known) for known in CATALOGUE)
        raise ValueError(
            f"model must be one of {known}, got {name!r}{closest_name(str(name), CATALOGUE) or ';'} "
            "any other module can be looked into with wrap_model"
        )
    entry, place = CATALOGUE[name], choose_device(device)
    with torch.device("meta"):  # no random weights are drawn, only to be thrown away
        module = entry.build()
    with as_file(files("cnnwidgets.models") / "weights" / f"{name}.safetensors") as path:
        weights = {key: tensor.float() for key, tensor in load_file(path).items()}
    module.load_state_dict(weights, assign=True)
    return VisionModel(
        module.eval().requires_grad_(False).to(place),
        input_shape=(3, 224, 224),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        labels=None if entry.headless else _imagenet_labels(),
        name=entry.title,
        source=f"cw.load_model({name!r})".replace("'", '"'),
        headless=entry.headless,
    )


def _torchvision_models():  # noqa: ANN202 - a module, which has no type of its own
    return import_torchvision().models


def _imagenet_labels() -> tuple[str, ...]:
    return tuple(_torchvision_models().SqueezeNet1_1_Weights.DEFAULT.meta["categories"])
