"""Functions that reach ATen in pieces and yet reverse as one: local response normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cnnwidgets.graph.operations import Operation, SeenCall
from cnnwidgets.graph.operations.response_norm import LocalResponseNorm
from cnnwidgets.graph.recorder import Recorder, WholeReader


class SeesWholeFunctions(TorchFunctionMode):
    """Tells the recorder which calls are pieces of one function."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        reader = _READERS.get(func)
        if reader is None:
            return func(*args, **(kwargs or {}))
        with self._recorder.whole_function(reader(*args, **(kwargs or {}))):
            return func(*args, **(kwargs or {}))


def _local_response_norm(
    input: Tensor,  # noqa: A002, ARG001, as torch calls it
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> WholeReader:
    def read(name: str, call: SeenCall) -> Operation | None:
        if name != "div" or len(call.shapes[0]) != 4:
            return None
        return LocalResponseNorm(call.arguments["self"].clone(), size, alpha, beta, k)

    return read


_READERS: dict[Any, Callable[..., WholeReader]] = {F.local_response_norm: _local_response_norm}
