"""The conditions of our own passes, whatever the caller's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def plain_conditions(device: torch.device) -> Iterator[None]:
    """Run without grad, inference mode and autocast."""
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield


@contextmanager
def random_state_as_found(device: torch.device) -> Iterator[None]:
    """Leave the random generators as they were, for a call that draws (dropout left on).

    Only ever around what draws: the generators are the process's, and setting them back would
    undo what another thread drew meanwhile.
    """
    drawing = [] if device.type == "cpu" else [device]
    kind = "cuda" if device.type == "cpu" else device.type  # with no device this is never asked
    with torch.random.fork_rng(drawing, device_type=kind):
        yield


def draws(
    function: torch._ops.OpOverload[Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bool:
    """Tell whether a call of an ATen function draws random numbers."""
    if torch.Tag.nondeterministic_seeded not in function.tags:
        return False
    for i, argument in enumerate(function._schema.arguments):
        if argument.name in ("dropout_p", "training"):  # in eval mode 0 or False: it draws none
            given = args[i] if i < len(args) else kwargs.get(argument.name, argument.default_value)
            return bool(given)
    return True
