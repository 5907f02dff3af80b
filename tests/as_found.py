"""Whether a network, and torch around it, are left as they were found.

`model_as_found(module)` notes before and compares after: every module's hooks, class and training
flag; every parameter's and buffer's bytes, version, flags and gradient; torch's global hooks,
random state, grad mode, modes and defaults. It also compares when the block raises.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack


@contextmanager
def model_as_found(module: nn.Module) -> Iterator[None]:
    """Raise AssertionError, naming what differs, if the block changes anything."""
    before = _state(module)
    try:
        yield
    finally:
        after = _state(module)
        changed = sorted(
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        )
        if changed:
            raise AssertionError("not left as found: " + "; ".join(changed))


def _state(module: nn.Module) -> dict[str, Any]:
    state = _surroundings()
    for name, part in module.named_modules(remove_duplicate=False):
        state |= {f"{name or 'network'}: {what}": value for what, value in _module(part).items()}
    for kind in ("parameter", "buffer"):
        for name, tensor in getattr(module, f"named_{kind}s")(remove_duplicate=False):
            state |= {f"{kind} {name}: {what}": value for what, value in _tensor(tensor).items()}
    return state


def _surroundings() -> dict[str, Any]:
    found = {
        "random state of torch": _bytes(torch.get_rng_state()),
        "random state of numpy": repr(np.random.get_state()),  # noqa: NPY002 (only looked at)
        "random state of python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "function modes": [id(mode) for mode in _get_current_function_mode_stack()],
        "dispatch modes": [id(mode) for mode in _get_current_dispatch_mode_stack()],
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["random state of CUDA"] = [_bytes(s) for s in torch.cuda.get_rng_state_all()]
    return found | {
        f"hooks of all modules ({name})": list(value)
        for name, value in vars(nn.modules.module).items()
        if name.startswith("_global_") and name.endswith("hooks") and value is not None
    }


def _module(part: nn.Module) -> dict[str, Any]:
    found: dict[str, Any] = {
        "class": type(part),
        "training flag": part.training,
        "forward": id(part.__dict__.get("forward")),
        "attributes": sorted(part.__dict__),
        "children": [(name, id(child)) for name, child in part._modules.items()],
    }
    for name, value in part.__dict__.items():
        if name.endswith("hooks") and value is not None:
            found[name.strip("_").replace("_", " ")] = [(key, id(value[key])) for key in value]
    return found


def _tensor(tensor: Tensor) -> dict[str, Any]:
    gradient = tensor.grad if tensor.is_leaf else None
    return {
        "identity": id(tensor),
        "storage": tensor.data_ptr(),
        "bytes": _bytes(tensor),
        "version": _version(tensor),
        "requires_grad": tensor.requires_grad,
        "gradient": None if gradient is None else (id(gradient), _bytes(gradient)),
        "hooks": [list(hooks or ()) for hooks in _tensor_hooks(tensor)],
    }


def _tensor_hooks(tensor: Tensor) -> tuple[Any, Any]:
    return tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None)


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _bytes(tensor: Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().tobytes()).hexdigest()
