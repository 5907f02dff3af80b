"""torchvision's classifiers: their modules, and what their weights were trained with."""

import re
from collections.abc import MutableMapping
from functools import partial
from types import ModuleType
from typing import Any

from torch import Tensor

from cnnwidgets.models.network import Network
from cnnwidgets.models.sources import PublishedFile
from cnnwidgets.models.torchvision_import import import_torchvision

_LICENCE = (
    "BSD-3-Clause (torchvision); ImageNet, which it was trained on, has terms of its own, for "
    "research"
)
# These two rescale ImageNet's normalisation to -1..1 in their forward pass. They are built without
# that and take -1..1 at once: the same numbers, and no calls that are no part of the network.
_RESCALING = ("googlenet", "inception_v3")


def names() -> list[str]:
    """Give the names of all classifiers that this torchvision has."""
    models = _models()
    return models.list_models(module=models)


def network(name: str) -> Network:
    """Describe a classifier, with the weights that torchvision takes by default."""
    weights = _models().get_model_weights(name).DEFAULT
    preset = weights.transforms()
    size = preset.crop_size[0]
    rescaled = name in _RESCALING
    own = weights.meta.get("license")
    return Network(
        name=name,
        title=name,
        build=partial(_models().get_model, name, weights=None, **_arguments(name, weights)),
        input_shape=(3, size, size),
        mean=(0.5,) * 3 if rescaled else tuple(preset.mean),
        std=(0.5,) * 3 if rescaled else tuple(preset.std),
        labels=tuple(weights.meta["categories"]),
        sources=(PublishedFile(weights.url, f"its own, {own}" if own else _LICENCE),),
    )


def imagenet_labels() -> tuple[str, ...]:
    """Give the names of ImageNet's 1000 classes, in their usual order."""
    return tuple(_models().SqueezeNet1_1_Weights.DEFAULT.meta["categories"])


def put_right(weights: MutableMapping[str, Tensor]) -> None:
    """Rename and drop, in place, what published checkpoints hold by older names or in excess.

    In place, because a state dict also carries the versions of its modules.
    """
    for name in list(weights):
        # DenseNet's parts were called norm.1 before names with dots were forbidden.
        present = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)
        if present != name:
            weights[present] = weights.pop(name)
        # Classifiers on the way that only training needs (GoogLeNet, Inception).
        if re.match(r"(aux1|aux2|AuxLogits)\.", name):
            del weights[name]


def _arguments(name: str, weights: Any) -> dict[str, Any]:
    """Give what torchvision's own builder sets when it is given these weights."""
    if name in _RESCALING:
        return {"aux_logits": False, "init_weights": False}
    if name.startswith("vit_"):
        return {"image_size": weights.meta["min_size"][0]}
    if name.startswith("maxvit"):
        return {"input_size": weights.meta["min_size"]}
    return {}


def _models() -> ModuleType:
    return import_torchvision().models
