"""A structural copy of a network, in eval mode, that shares its parameters and buffers.

All our passes run the copy, so the user's module is never flipped, hooked or written, not even
while it is being trained.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cnnwidgets.graph.failures import check_weights
from cnnwidgets.graph.prepared import PreparedWeights, state_of
from cnnwidgets.graph.read_out import ReadOut
from cnnwidgets.graph.structure import clone, copied, same, structure, tensors_of

Read = TypeVar("Read")

_ATTEMPTS = 20  # at reading weights that are being written
_SAMPLED = 8  # values of each tensor that are looked at, to see that it was written


class Twin:
    """A network's copy for our passes, made anew when the network's structure has changed.

    Parameters
    ----------
    source : the user's module; or an object with a `module` (and perhaps a `name`).
    read_outs : linear read-outs that are layers too.
    answer : which entry of a dictionary or tuple is the network's answer; None: the first.
    """

    def __init__(
        self, source: Any, read_outs: Sequence[ReadOut] = (), answer: str | None = None
    ) -> None:
        self._source = source
        self.read_outs, self.answer = tuple(read_outs), answer
        self._name: str | None = None
        self._structure: list[Any] = []
        self._tensors: list[Tensor] = []
        self._samples: list[list[Tensor]] = []
        self._sampled_at: tuple[int, ...] = ()
        self._changing = threading.RLock()
        self._module: nn.Module | None = None
        self._own: list[
            tuple[Tensor, Tensor]
        ] = []  # what a forward pass writes, and the copy's own of it
        self._digest: tuple[tuple[Any, ...], str] | None = None
        self.weights = PreparedWeights()
        self._written: tuple[Any, ...] = ()
        # Picture shapes at which the recording was checked.
        self.checked: set[tuple[int, ...]] = set()
        # Which calls without a reversal of ours are linear, by name and shapes.
        self.call_kinds: dict[tuple[Any, ...], str] = {}

    @property
    def original(self) -> nn.Module:
        """The user's own module."""
        if isinstance(self._source, nn.Module):  # which may have a part that is called `module`
            return self._source
        module = getattr(self._source, "module", self._source)
        if not isinstance(module, nn.Module):
            raise TypeError(
                "model must be a torch.nn.Module or have one as .module, "
                f"got {type(module).__name__}"
            )
        return module

    @property
    def name(self) -> str:
        """What the network is called: the source's name, else the module's class."""
        name = self._name or getattr(self._source, "name", None)
        return name if isinstance(name, str) else type(self.original).__name__

    @property
    def module(self) -> nn.Module:
        """The copy, in eval mode; `check_weights` tells what none can be made of."""
        with self._changing:
            found = list(structure(self.original))
            if self._module is None or not same(found, self._structure):
                check_weights(self.name, self.original)
                self._module, self._structure = copied(self.original, self._own), found
                self._tensors = [part for part in found if isinstance(part, Tensor)]
                self._sampled_at = ()
                self.checked.clear()
                self.call_kinds.clear()
            return self._module

    @property
    def built(self) -> nn.Module | None:
        """The copy as it stands, whether or not the network is still built like that."""
        return self._module

    @property
    def own(self) -> list[Tensor]:
        """The copy's own tensors, of those that the forward pass writes."""
        return [own for _, own in self._own]

    @contextmanager
    def passing(self) -> Iterator[nn.Module]:
        """Give the copy for one pass, with what passes write as the user's module has it.

        Passes that write wait for each other.
        """
        with self._changing if self._own else nullcontext():
            module = self.module
            with torch.no_grad():
                for tensor, own in self._own:
                    own.copy_(tensor)
            yield module

    def state(self) -> tuple[Any, ...]:
        """Give what changes when a weight is written or anything is exchanged."""
        return (self.module, *self.written())

    def written(self) -> tuple[Any, ...]:
        """Give what changes when a weight is written, in a moment: the structure is not looked at.

        Versions do not tell all: fused optimizers, batch norm in training and writes to `.data`
        leave them as they are. So a few values of every tensor are looked at, too; a write to
        some others of them that leaves the version as it is may be missed.
        """
        versions = tuple(map(state_of, self._tensors))
        places = tuple(place for _, place in versions)
        if places != self._sampled_at:  # moved to another device or number type
            check_weights(self.name, self.original)
            self._samples, self._sampled_at = _sampled(self._tensors), places
        with torch.inference_mode(False), torch.no_grad():
            values = [
                torch.cat(sample).view(torch.uint8).cpu().numpy().tobytes()
                for sample in self._samples
            ]
        found = (versions, *values)
        if found != self._written:
            # Versions alone would not tell that prepared weights are those of before.
            self._written = found
            self.weights.forget()
        return found

    def snapshot(self) -> Twin:
        """Give a twin of a full copy that shares nothing, for weights that will not stand still.

        Raises
        ------
        RuntimeError
            They are written even while they are copied, each time.
        """
        clones, _ = self._at_rest(
            lambda: [(tensor, clone(tensor)) for tensor in tensors_of(self.original)]
        )
        still = Twin(copied(self.original, clones), self.read_outs, self.answer)
        still._name = self.name
        return still

    def keep_own(self, written: Tensor, running: nn.Module) -> bool:
        """Give the copy its own of the tensor that `written` is a part of; False if it has one.

        For networks whose forward pass writes their buffers (or a hook their weights) also in eval
        mode: the user's are not to be written by a pass of ours. Also True if the copy that is
        running is from before another pass found that out.
        """
        storage = written.untyped_storage()._cdata
        with self._changing:
            users = [t for t in tensors_of(self.original) if t.untyped_storage()._cdata == storage]
            known = {id(tensor) for tensor, _ in self._own}
            parts = [(tensor, clone(tensor)) for tensor in users if id(tensor) not in known]
            if parts:
                self._own = [*self._own, *parts]
                self._module = None
            return bool(parts) or (bool(users) and running is not self._module)

    def fingerprint(self) -> str:
        """Give 16 hex digits that tell these weights from all others (SHA-256 of all of them)."""
        digest, _ = self._at_rest(lambda: self.digest(self.state()))
        return digest

    def digest(self, state: tuple[Any, ...]) -> str:
        """Give the fingerprint of a state; it holds only if the state is still the same after."""
        if self._digest is None or self._digest[0] != state:
            digest = self._hashed()
            if self.state() != state:
                return digest
            self._digest = (state, digest)
        return self._digest[1]

    def _hashed(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in self.named_weights():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(
                tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
            )
        return digest.hexdigest()[:16]

    def _at_rest(self, read: Callable[[], Read]) -> tuple[Read, tuple[Any, ...]]:
        """Give what is read while nothing is written, and the state that this was."""
        for _ in range(_ATTEMPTS):
            before = self.state()
            found = read()
            if self.state() == before:
                return found, before
        raise RuntimeError(
            f"the weights of {self.name} are being written all the time, so no moment of them can "
            "be looked at; let the training rest for a moment"
        )

    def named_weights(self) -> Iterator[tuple[str, Tensor]]:
        """Give all parameters, buffers and read-outs with their names."""
        yield from self.original.named_parameters()
        yield from self.original.named_buffers()
        for read_out in self.read_outs:
            yield from (
                (f"{read_out.name}.weight", read_out.weight),
                (f"{read_out.name}.bias", read_out.bias),
            )


def _sampled(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Give views of a few values of each tensor, together where they can be read at once."""
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        if tensor.numel() and tensor.layout == torch.strided and tensor.device.type != "meta":
            found = groups.setdefault((tensor.dtype, tensor.device), [])
            bare = tensor.detach()
            dense = bare.is_contiguous() or bare.is_contiguous(memory_format=torch.channels_last)
            if dense:  # as it lies in memory, so that nothing is copied
                step = -(-bare.numel() // _SAMPLED)
                found.append(bare.as_strided((bare.numel(),), (1,))[::step])
            else:
                found.append(bare[(0,) * bare.dim()].reshape(1))
    return list(groups.values())
