"""A network made ready, and what a plain hook hears of it."""

import copy

import torch
from torch import Tensor, nn

from cnnwidgets.models import VisionModel, wrap_model


def wrapped(net: nn.Module, size: int = 32, channels: int = 3, **about: object) -> VisionModel:
    shape = (channels, size, size)
    return wrap_model(net, input_shape=shape, mean=[0.5] * channels, std=[0.25] * channels, **about)


def plainly(net: nn.Module, pictures: Tensor, layer: str, use: int = 1) -> Tensor:
    """What a hook hears, cloned at once; on a copy, as a user would who fears for the network."""
    heard: list[Tensor] = []
    own = copy.deepcopy(net).eval()
    part = own.get_submodule(layer)
    part.register_forward_hook(lambda m, i, output: heard.append(output.clone()))
    with torch.no_grad():
        own(pictures.clone())
    return heard[use - 1]
