"""Networks of timm, by "timm/NAME"; timm is an extra."""

import os
import sys
from importlib import import_module
from typing import Any

import torch

from cnnwidgets import cache
from cnnwidgets.models.torchvision_import import import_torchvision
from cnnwidgets.models.vision_model import VisionModel

_HUB = "https://huggingface.co"


def load(name: str, device: torch.device, source: str) -> VisionModel:
    """Give a network of timm with its weights, from timm's own cache or fetched by timm.

    Parameters
    ----------
    name : as timm writes it, "resnet18" or "resnet18.a1_in1k".
    device : where it computes; `source` : the line of code that makes it.

    Raises
    ------
    ImportError
        timm is not installed; the pip line is told.
    ValueError
        timm has no weights by this name.
    FileNotFoundError
        The weights cannot be fetched.
    """
    timm = _timm(name)
    if not timm.is_model_pretrained(name):
        raise ValueError(
            f"timm has no weights by the name {name!r}; timm.list_pretrained() names all it has"
        )
    with torch.random.fork_rng(devices=[]):  # timm draws weights before it loads them
        module = _with_weights(timm, name)
    about = timm.data.resolve_model_data_config(module)
    subset = timm.data.infer_imagenet_subset(module)
    labels = timm.data.ImageNetInfo(subset).label_descriptions() if subset else None
    return VisionModel(
        module.eval().requires_grad_(False).to(device),
        input_shape=tuple(about["input_size"]),
        mean=about["mean"],
        std=about["std"],
        labels=labels,
        name=f"timm/{name}",
        source=source,
    )


def _timm(name: str) -> Any:
    import_torchvision()  # timm imports it, and would stumble where that needs help
    try:
        for part in ("timm.data", "huggingface_hub"):
            import_module(part)
        return import_module("timm")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{'timm/' + name!r} needs the package {error.name}: pip install 'cnnwidgets[timm]'"
        ) from error


def _with_weights(timm: Any, name: str) -> Any:
    about = timm.get_pretrained_cfg(name)
    kept = _in_hub_cache(about.hf_hub_id)
    if kept:
        overlay = {"file": kept}
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    try:
        # timm itself tries for most of a minute where there is no network.
        cache.probe(os.environ.get("HF_ENDPOINT", _HUB) if about.hf_hub_id else about.url)
        module = timm.create_model(name, pretrained=True)
    except OSError as error:
        raise FileNotFoundError(
            f"no weights of timm/{name} were found; tried the cache of huggingface_hub; the "
            f"server: {str(error).partition(chr(10))[0]}"
        ) from error
    sys.stderr.write(f"timm/{name} was fetched by timm. Licence: {about.license or 'not told'}.\n")
    return module


def _in_hub_cache(repository: str | None) -> str | None:
    """Give the file that was fetched before: huggingface_hub itself asks its server again."""
    if not repository:
        return None
    hub = import_module("huggingface_hub")
    kept = hub.try_to_load_from_cache(repository, "model.safetensors")
    return kept if isinstance(kept, str) else None
