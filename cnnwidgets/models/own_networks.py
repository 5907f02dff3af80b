"""A network of one's own, made ready to be looked into."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from cnnwidgets.graph import COMPILED, unwrapped
from cnnwidgets.models.vision_model import VisionModel

WRAPPERS = {**COMPILED, "DataParallel": "module", "DistributedDataParallel": "module"}
"""Classes that only run another module, and the part in which they hold it."""


def wrap_model(
    module: nn.Module,
    *,
    input_shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    labels: Sequence[str] | None = None,
    name: str | None = None,
    output: str | int | None = None,
) -> VisionModel:
    """Make a network of one's own ready to be looked into; the module is not changed.

    Parameters
    ----------
    module : any `nn.Module` that takes [N, C, H, W]. What `torch.compile`, `DataParallel` or
        `DistributedDataParallel` put around a network is taken off: layers have the names that
        they have in the network itself, and run without the compiler.
    input_shape : (C, H, W) of one picture.
    mean, std : a number a channel, for pictures in 0..1; 0 and 1 leave them as they are.
    labels : names of the classes, if the network answers with one score a class.
    name : what to call it; else the module's class.
    output : which entry is the answer, of a network that gives a dictionary or tuple: its key, its
        number, or "features.0" for one inside another; by default the first.

    Raises
    ------
    TypeError, ValueError
        The module is none, or shape, mean, std, labels or output do not fit together.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"wrap_model takes a torch.nn.Module, got {_described(module)}")
    model = VisionModel(
        unwrapped(module, WRAPPERS),
        input_shape=input_shape,
        mean=mean,
        std=std,
        labels=labels,
        name=name,
        output=None if output is None else str(output),
    )
    if output is not None and model.output != str(output):
        raise ValueError(
            f"{model.name} answers with one tensor, which has no entries; leave out output"
        )
    _check_labels(model)
    return model


def _described(given: Any) -> str:
    """Say what was given instead of a module, and what to do where that is known."""
    if isinstance(given, str | os.PathLike):
        return (
            f"the path {os.fspath(given)!r}; build the network and load its weights with "
            "load_state_dict (names like 'vgg16' are for load_model)"
        )
    if isinstance(given, type) and issubclass(given, nn.Module):
        return f"the class {given.__name__}; make a network of it: {given.__name__}(...)"
    if isinstance(given, Mapping):
        return "a dict; build the network and load its weights with load_state_dict"
    name = type(given).__name__
    if name == "ExportedProgram":
        return f"{name}; give its .module()"
    return name


def _check_labels(model: VisionModel) -> None:
    """Refuse labels that are not one for each class."""
    if model.labels is not None and model.classes not in (0, len(model.labels)):
        raise ValueError(
            f"labels must name the {model.classes} classes of {model.name}, got {len(model.labels)}"
        )
