"""What tells one network's pass from all others: calls, their settings, weights, constants."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.records import Record, ValueRef


def identity(record: Record) -> str:
    """Give 64 hex digits that are the same for two passes only if they compute the same.

    The fingerprint of the weights alone would miss another stride, another activation or a hook.
    Of the picture only its size matters.
    """
    weights = {tensor.data_ptr(): name for name, tensor in record.twin.named_weights()}
    digest = hashlib.sha256(f"{record.fingerprint} {record.shapes[0]}".encode())
    for call in record.calls:
        kwargs = sorted(call.kwargs.items())
        words = _words([call.name, str(call.function), call.args, kwargs, call.outputs], weights)
        digest.update(words.encode())
    digest.update(repr(sorted(record.values.items())).encode())
    return digest.hexdigest()


def _words(argument: Any, weights: Mapping[int, str]) -> str:
    if isinstance(argument, list | tuple):
        return "[" + ", ".join(_words(part, weights) for part in argument) + "]"
    if isinstance(argument, ValueRef):
        return f"value {argument.value}"
    if not isinstance(argument, Tensor):
        return repr(argument)
    form = f"{argument.dtype} {tuple(argument.shape)} {argument.stride()}"
    if argument.numel() and argument.data_ptr() in weights:
        return f"{weights[argument.data_ptr()]} {form}"
    content = argument.detach().cpu().contiguous().flatten().view(torch.uint8)
    return f"{hashlib.sha256(content.numpy().tobytes()).hexdigest()} {form}"
