"""What a network is made of, and a copy of it that shares its tensors."""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
COMPILED = {"OptimizedModule": "_orig_mod"}
"""What `torch.compile` makes of a module, by its class, and the part that it is made of."""

_RUNS = ("forward", "__call__")
_PARTS = {"_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks"}


def structure(module: nn.Module) -> Iterator[Any]:
    """Give everything a network is made of, so that whatever is exchanged shows."""
    for part in module.modules():
        yield part
        for name, value in vars(part).items():
            if name in _PARTS:
                yield from value.values()
            elif name != "training":
                yield value


def same(these: list[Any], those: list[Any]) -> bool:
    """Tell whether two structures consist of the very same things."""
    return len(these) == len(those) and all(map(operator.is_, these, those))


def copied(module: nn.Module, own: Sequence[tuple[Tensor, Tensor]]) -> nn.Module:
    """Copy the modules; share every hook and every tensor they hold but those in `own`."""
    shared: dict[int, Any] = {id(tensor): tensor for tensor in tensors_of(module)}
    shared |= {id(tensor): clone for tensor, clone in own}
    for part in module.modules():
        shared |= {id(hook): hook for hooks in _HOOKS for hook in getattr(part, hooks, {}).values()}
    try:
        return _uncompiled(copy.deepcopy(module, shared)).train(False)
    except TypeError as error:
        raise TypeError(
            f"{type(module).__name__} holds something that cannot be copied ({error}), so it "
            "cannot be run without being written; take it off the module"
        ) from error


def _uncompiled(module: nn.Module) -> nn.Module:
    """Take what torch.compile put around parts of a copy off: its calls, and names, are plain."""
    for part in list(module.modules()):
        for name, child in part._modules.items():
            if child is not None:
                part._modules[name] = unwrapped(child, COMPILED)
    return unwrapped(module, COMPILED)


def unwrapped(module: nn.Module, wrappers: Mapping[str, str]) -> nn.Module:
    """Give the network inside torch's own wrappers: a class's name -> where it is kept.

    What another class of such a name does, or one made from torch's that runs otherwise, is part of
    the network.
    """
    # By name: the classes stand in parts of torch that take long to import.
    kind = type(module)
    base = next((base for base in kind.__mro__ if _is_torchs(base, wrappers)), None)
    if base is None or any(getattr(kind, run) is not getattr(base, run) for run in _RUNS):
        return module
    return unwrapped(getattr(module, wrappers[base.__name__]), wrappers)


def _is_torchs(kind: type, wrappers: Mapping[str, str]) -> bool:
    return kind.__name__ in wrappers and kind.__module__.startswith("torch.")


def tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """Give parameters, buffers, and tensors that stand in plain attributes or in lists of them."""
    for part in module.modules():
        yield from _tensors_in([*vars(part).values()])


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors_in(part)


def clone(tensor: Tensor) -> Tensor:
    """Give a tensor of its own with the same values; of a parameter, a parameter."""
    own = tensor.detach().clone()
    return nn.Parameter(own, requires_grad=False) if isinstance(tensor, nn.Parameter) else own
