"""A structural copy of a network, in eval mode, that shares its parameters and buffers.

All our passes run the copy, so the user's module is never flipped, hooked or written, not even
while it is being trained.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.graph.prepared import PreparedWeights, state_of

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


@dataclass(frozen=True, eq=False)
class ReadOut:
    """A linear read-out of a layer, which stands in the graph as one more layer.

    Attributes
    ----------
    name : of the new layer; `at` : of the layer it reads.
    weight : [K, C] reads every position; [K, C, H, W] the whole map; [K, F] a vector layer.
    bias : [K].
    """

    name: str
    at: str
    weight: Tensor
    bias: Tensor

    def __call__(self, activation: Tensor) -> Tensor:
        """Give [N, K, h, w], or [N, K] where a whole map or a vector is read."""
        if activation.dim() == 2:
            return F.linear(activation, self.weight, self.bias)
        if self.weight.dim() == 2:
            return F.conv2d(activation, self.weight[:, :, None, None], self.bias)
        return F.conv2d(activation, self.weight, self.bias).flatten(1)


class Twin:
    """A network's copy for our passes, made anew when the network's structure has changed.

    Parameters
    ----------
    source : the user's module; or an object with a `module` (and perhaps a `name`).
    read_outs : linear read-outs that are layers too.
    """

    def __init__(self, source: Any, read_outs: Sequence[ReadOut] = ()) -> None:
        self._source = source
        self.read_outs = tuple(read_outs)
        self._structure: tuple[int, ...] = ()
        self._module: nn.Module | None = None
        self._digest: tuple[tuple[Any, ...], str] | None = None
        self.weights = PreparedWeights()
        self.checked: set[tuple[int, ...]] = set()  # picture shapes at which the recording was checked

    @property
    def original(self) -> nn.Module:
        """The user's own module."""
        module = getattr(self._source, "module", self._source)
        if not isinstance(module, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module or have one as .module, got {type(module).__name__}")
        return module

    @property
    def name(self) -> str:
        """What the network is called: the source's name, else the module's class."""
        name = getattr(self._source, "name", None)
        return name if isinstance(name, str) else type(self.original).__name__

    @property
    def module(self) -> nn.Module:
        """The copy, in eval mode."""
        structure = tuple(_structure(self.original))
        if self._module is None or structure != self._structure:
            self._module, self._structure = _copied(self.original), structure
            self.checked.clear()
        return self._module

    def state(self) -> tuple[Any, ...]:
        """Give what changes when any weight is written or exchanged."""
        return tuple((id(tensor), *state_of(tensor)) for _, tensor in self._tensors())

    def fingerprint(self) -> str:
        """Give 16 hex digits that tell these weights from all others (SHA-256 of names and bytes)."""
        state = self.state()
        if self._digest is None or self._digest[0] != state:
            digest = hashlib.sha256()
            for name, tensor in self._tensors():
                digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
            self._digest = (state, digest.hexdigest()[:16])
        return self._digest[1]

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.original.named_parameters()
        yield from self.original.named_buffers()
        for read_out in self.read_outs:
            yield from ((f"{read_out.name}.weight", read_out.weight), (f"{read_out.name}.bias", read_out.bias))


def snapshot(module: nn.Module) -> nn.Module:
    """Give a full copy of a twin's module that shares nothing, for weights that will not stand still."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def _structure(module: nn.Module) -> Iterator[int]:
    for part in module.modules():
        yield id(part)
        for held in (part._parameters, part._buffers, part._forward_hooks, part._forward_pre_hooks):
            yield from map(id, held.values())


def _copied(module: nn.Module) -> nn.Module:
    """Copy the modules; share every tensor they hold and every hook they carry."""
    shared: dict[int, Any] = {}

    def share(value: Any) -> None:
        shared[id(value)] = value

    for part in module.modules():
        for value in (*vars(part).values(), *part._parameters.values(), *part._buffers.values()):
            if isinstance(value, Tensor):
                share(value)
        for hooks in _HOOKS:
            for hook in getattr(part, hooks, {}).values():
                share(hook)
    return copy.deepcopy(module, shared).train(False)
