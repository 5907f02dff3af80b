"""The reverse of rare calls, by autograd: call by call, where the rule allows it.

A call that is linear in what depends on the picture (up to a constant) has one reverse, its
transpose, whatever the rule. All others bend. Of these the rules of the deconvnet family say how
rectifiers and max pools reverse; for the rest only the gradient is defined, so only a rule that
asks for it (saliency) walks through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import draws
from cnnwidgets.graph.naming import PLUMBING, call_kind
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.operations.base import is_pointwise
from cnnwidgets.graph.records import LOST, Call, Record
from cnnwidgets.graph.replay import _outputs, _run
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows

# Max pools that are not walked back by their switches here: autograd sends the value to the
# maximum too.
_MAX_POOLS = {"adaptive_max_pool2d", "max_pool3d_with_indices", "max_pool2d_with_indices", "amax"}
# Of pointwise calls only these may be linear: others may bend where no trial looks.
_LINEAR_POINTWISE = {"add", "sub", "rsub", "mul", "div", "neg", "lerp"}
# How large the random values are with which linearity is tried: a call that chooses among values,
# or bends in one place only, is linear by chance in some of them.
_TRIALS = [0.01, 0.1, 1, 1, 1, 1, 1, 1, 10, 10, 100, 1e3, 1e4, 1e5]
_LINEAR = 1e-3  # of the largest value: far above float32's rounding, far below any bend
_NO_DERIVATIVE = ("derivative", "not implemented", "not differentiable")  # as torch says it
_IS_LINEAR, _POOLS, _BENDS = "linear", "pools", "bends"


def reverse_by_autograd(
    record: Record, call: Call, windows: Sequence[Windows | None], layer: str, rule: Rule
) -> list[Windows | None]:
    """Send windows of a call's outputs back to its inputs, by autograd of this one call.

    Raises
    ------
    NotImplementedError
        The rule says nothing of such a call, or it cannot be run alone; the sentence names it.
    """
    kind = _kind(record, call)
    reached = [v for v, part in zip(call.outputs, windows, strict=True) if part is not None]
    if reason := _refusal(record, call, reached, kind, rule):
        raise NotImplementedError(
            f"{record.model_name} makes a call between the picture and {layer!r} that {reason}"
        )
    # The transpose of what only lays values out anew does not depend on them.
    laid_out = call_kind(call.function.overloadpacket.__name__) in PLUMBING
    values = _any_values(record, call) if laid_out else record.inputs_of(call)
    try:
        found = _sent_back(record, call, values, windows)
    except RuntimeError as error:
        record.check_unwritten()  # weights that were written meanwhile break autograd, too
        if not any(sign in str(error) for sign in _NO_DERIVATIVE):
            raise
        raise NotImplementedError(
            f"{record.model_name} makes a call between the picture and {layer!r} that torch has no "
            f"derivative of: {call.name!r} ({error})"
        ) from error
    # A value that a call takes twice has its gradient once.
    return [
        None if value in call.inputs[:i] else found.get(value)
        for i, value in enumerate(call.inputs)
    ]


def _sent_back(
    record: Record, call: Call, values: Mapping[int, Tensor], windows: Sequence[Windows | None]
) -> dict[int, Windows]:
    """Give what each input gets: only under the window, where every place is treated alone."""
    first = windows[0]
    if first is not None and len(windows) == 1 and first.aligned and _is_pointwise(record, call):
        first = first.dense(record.shapes[call.outputs[0]][1])
        under = {value: first.of(tensor) for value, tensor in values.items()}
        return {
            value: replace(first, values=part, owned=True)
            for value, part in _transposed(call, under, [first.values]).items()
        }
    gradients = [
        None if part is None else _whole(part, record.shapes[value])
        for value, part in zip(call.outputs, windows, strict=True)
    ]
    return {value: _windows(part) for value, part in _transposed(call, values, gradients).items()}


def _is_pointwise(record: Record, call: Call) -> bool:
    """Tell whether a call may be run on a part of its maps: every place alone, no other maps."""
    shape = record.shapes[call.outputs[0]]
    given = [a for a in (*call.args, *call.kwargs.values()) if isinstance(a, Tensor)]
    return (
        is_pointwise(call.function)
        and len(shape) == 4
        and shape[0] == 1
        and all(record.shapes[value] == shape for value in call.inputs)
        and all(constant.shape[-2:].numel() == 1 for constant in given)
    )


def _refusal(record: Record, call: Call, reached: Sequence[int], kind: str, rule: Rule) -> str:
    what = call.operation.call if isinstance(call.operation, Unknown) else str(call.function)
    named = f"no rule reverses: {call.name!r} ({what}"
    choose = "choose a layer before it"
    if LOST in call.inputs:
        return f"{named}, which reads a tensor that was overwritten through a view); {choose}"
    if draws(call.function, call.args, call.kwargs):
        return f"{named}, which draws random numbers); {choose}"
    if not all(_is_smooth(record.dtypes[value]) for value in reached):
        return f"{named}, which gives whole numbers); {choose}"
    allowed = rule.switch if kind == _POOLS else rule.mask and not rule.rectify
    if kind == _IS_LINEAR or allowed:
        return ""
    if kind == _POOLS:
        return f"only a rule with switches reverses: {call.name!r} ({what}); {choose}"
    return (
        f"only the gradient reverses, since it is neither linear nor a rectifier: {call.name!r} "
        f"({what}); take the rule 'saliency', or {choose}"
    )


def _kind(record: Record, call: Call) -> str:
    """Tell whether a call is linear (but for a constant), a max pool, or bends in its own way."""
    kinds = record.twin.call_kinds
    key = (call.name, *(record.shapes[value] for value in call.inputs))
    if key not in kinds:
        pools = call.function.overloadpacket.__name__ in _MAX_POOLS
        kinds[key] = _POOLS if pools else (_IS_LINEAR if _is_linear(record, call) else _BENDS)
    return kinds[key]


def _is_smooth(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _is_linear(record: Record, call: Call) -> bool:
    """Try it, with values small and large."""
    if call_kind(call.function.overloadpacket.__name__) in PLUMBING:
        return True
    smooth = all(v != LOST and _is_smooth(record.dtypes[v]) for v in call.inputs)
    name = call.function.overloadpacket.__name__.rstrip("_")
    bent = is_pointwise(call.function) and name not in _LINEAR_POINTWISE
    if not smooth or bent or draws(call.function, call.args, call.kwargs):
        return False
    generator = torch.Generator().manual_seed(0)
    coarse = [dtype for v in call.inputs if (dtype := record.dtypes[v]).itemsize < 4]
    trials = [1.0] * len(_TRIALS) if coarse else _TRIALS  # half precision overflows
    return all(_adds_up(record, call, size, generator) for size in trials)


def _adds_up(record: Record, call: Call, size: float, generator: torch.Generator) -> bool:
    """Tell whether f(u + v) - f(u) = f(v) - f(0), for random u and v of this size."""
    u, v = (
        {
            value: (size * torch.randn(record.shapes[value], generator=generator)).to(
                record.picture.device, record.dtypes[value]
            )
            for value in call.inputs
        }
        for _ in range(2)
    )
    both = {value: u[value] + v[value] for value in u}
    none = {value: torch.zeros_like(u[value]) for value in u}
    results = [_outputs(_run(call, values, 1)) for values in (both, u, v, none)]
    for a, b, c, d in zip(*results, strict=True):
        if not a.numel():
            continue
        rounding = 8 * torch.finfo(a.dtype).eps if _is_smooth(a.dtype) else 0.0
        left = (a - b - c + d).abs().max()
        scale = max(float(part.abs().max()) for part in (a, b, c, d))
        if not bool(torch.isfinite(a).all()) or float(left) > max(_LINEAR, rounding) * scale:
            return False
    return True


def _any_values(record: Record, call: Call) -> dict[int, Tensor]:
    like = record.picture
    return {
        value: torch.zeros(record.shapes[value], dtype=record.dtypes[value], device=like.device)
        for value in call.inputs
    }


def _transposed(
    call: Call, values: Mapping[int, Tensor], gradients: Sequence[Tensor | None]
) -> dict[int, Tensor]:
    """Give for each input [K, ...]: the transpose of the call's derivative, of K gradients."""
    count = next(len(gradient) for gradient in gradients if gradient is not None)
    asked = next(gradient.dtype for gradient in gradients if gradient is not None)
    with torch.enable_grad():
        leaves = {
            value: tensor.detach().clone().requires_grad_(_is_smooth(tensor.dtype))
            for value, tensor in values.items()
        }
        results = _outputs(_run(_outside_inference(call), leaves, 1))
    wanted = {value: leaf for value, leaf in leaves.items() if leaf.requires_grad}
    pairs = [
        (result, gradient)
        for result, gradient in zip(results, gradients, strict=False)
        if gradient is not None and result.requires_grad
    ]
    if not pairs or not wanted:
        return {}
    if any("NotImplemented" in result.grad_fn.name() for result, _ in pairs if result.grad_fn):
        # Torch would give nothing at all for a gradient, and warn (quantised matrices).
        raise RuntimeError(f"the derivative of {call.function} is not implemented")
    found: dict[int, list[Tensor]] = {value: [] for value in wanted}
    for k in range(count):
        outputs = [gradient[k].reshape(result.shape).to(result.dtype) for result, gradient in pairs]
        parts = torch.autograd.grad(
            [result for result, _ in pairs],
            list(wanted.values()),
            outputs,
            retain_graph=k < count - 1,
            allow_unused=True,
        )
        for value, part in zip(wanted, parts, strict=True):
            if part is not None:
                same_kind = part.is_complex() == asked.is_complex
                found[value].append(part.to(asked) if same_kind else part)
    return {
        value: torch.stack([part.reshape(_one(part.shape)) for part in parts])
        for value, parts in found.items()
        if parts
    }


def _outside_inference(call: Call) -> Call:
    """Give the call with constants that autograd may keep: not those of inference mode."""

    def plain(argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return [plain(part) for part in argument]
        kept = isinstance(argument, Tensor) and argument.is_inference()
        return argument.clone() if kept else argument

    kwargs = {name: plain(argument) for name, argument in call.kwargs.items()}
    return replace(call, args=tuple(map(plain, call.args)), kwargs=kwargs)


def _one(shape: Sequence[int]) -> Sequence[int]:
    """Give the shape of one value without the picture's own dimension, where it has that."""
    return shape[1:] if shape and shape[0] == 1 else shape


def _whole(windows: Windows, shape: Shape) -> Tensor:
    """Lay windows out over the whole value: [K, ...]."""
    if len(shape) in (2, 4):
        windows = windows.dense(shape[1])
    if windows.flat:
        return windows.values
    whole = windows.values.new_zeros((len(windows.values), *_one(shape)))
    height, width = windows.values.shape[-2:]
    for k, (row, column) in enumerate(zip(windows.rows, windows.columns, strict=True)):
        whole[k, ..., row : row + height, column : column + width] = windows.values[k]
    return whole


def _windows(whole: Tensor) -> Windows:
    if whole.dim() <= 2:
        return Windows(whole, owned=True)
    starts = [0] * len(whole)
    return Windows(whole, starts, starts, owned=True)
