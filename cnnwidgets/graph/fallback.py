"""The reverse of rare calls, by autograd: call by call, where the rule allows it.

A call that is linear in what depends on the picture (up to a constant) has one reverse, its
transpose, whatever the rule. All others bend. Of these the rules of the deconvnet family say how
rectifiers and max pools reverse; for the rest only the gradient is defined, so only a rule that
asks for it (saliency) walks through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cnnwidgets.graph.conditions import draws
from cnnwidgets.graph.operations import Unknown
from cnnwidgets.graph.records import LOST, Call, Record
from cnnwidgets.graph.replay import _outputs, _run
from cnnwidgets.graph.rules import Rule
from cnnwidgets.graph.windows import Shape, Windows

# Max pools that are not walked back by their switches here: autograd sends the value to the
# maximum too.
_MAX_POOLS = {"adaptive_max_pool2d", "max_pool3d_with_indices", "max_pool2d_with_indices", "amax"}
# Of pointwise calls only these may be linear: others may bend where no trial looks.
_LINEAR_POINTWISE = {"add", "sub", "rsub", "mul", "div", "neg", "true_divide", "lerp"}
_PROBE = 10.0  # how large the random values are of which linearity is tried
_LINEAR = 1e-3  # of the largest value: far above float32's rounding, far below any bend
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
    # The transpose of what is linear does not depend on the values.
    values = _any_values(record, call) if kind == _IS_LINEAR else record.inputs_of(call)
    first = windows[0]
    if first is not None and len(windows) == 1 and first.aligned and _is_pointwise(record, call):
        first = first.dense(record.shapes[call.outputs[0]][1])
        under = {value: first.of(tensor) for value, tensor in values.items()}
        found = {
            value: replace(first, values=part, owned=True)
            for value, part in _transposed(call, under, [first.values]).items()
        }
    else:
        gradients = [
            None if part is None else _whole(part, record.shapes[value])
            for value, part in zip(call.outputs, windows, strict=True)
        ]
        found = {
            value: _windows(part) for value, part in _transposed(call, values, gradients).items()
        }
    # A value that a call takes twice has its gradient once.
    return [
        None if value in call.inputs[:i] else found.get(value)
        for i, value in enumerate(call.inputs)
    ]


def _is_pointwise(record: Record, call: Call) -> bool:
    """Tell whether a call may be run on a part of its maps: every place alone, no other maps."""
    shape = record.shapes[call.outputs[0]]
    given = [a for a in (*call.args, *call.kwargs.values()) if isinstance(a, Tensor)]
    return (
        torch.Tag.pointwise in call.function.tags
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
    if not all(record.dtypes[value].is_floating_point for value in reached):
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


def _is_linear(record: Record, call: Call) -> bool:
    """Try it: f(u + v) - f(u) = f(v) - f(0), for random u and v."""
    smooth = all(v != LOST and record.dtypes[v].is_floating_point for v in call.inputs)
    pointwise = torch.Tag.pointwise in call.function.tags
    name = call.function.overloadpacket.__name__.rstrip("_")
    if (
        not smooth
        or draws(call.function, call.args, call.kwargs)
        or (pointwise and name not in _LINEAR_POINTWISE)
    ):
        return False
    generator = torch.Generator().manual_seed(0)
    u, v = (
        {
            value: (_PROBE * torch.randn(record.shapes[value], generator=generator)).to(
                record.picture.device, record.dtypes[value]
            )
            for value in call.inputs
        }
        for _ in range(2)
    )
    both = {value: u[value] + v[value] for value in u}
    none = {value: torch.zeros_like(u[value]) for value in u}
    at_both, at_u, at_v, at_none = (
        [part.float() for part in _outputs(_run(call, values, 1))] for values in (both, u, v, none)
    )
    return all(
        bool(torch.isfinite(a).all())
        and float((a - b - c + d).abs().max()) <= _LINEAR * float(a.abs().max() + b.abs().max())
        for a, b, c, d in zip(at_both, at_u, at_v, at_none, strict=True)
        if a.numel()
    )


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
            value: tensor.detach().clone().requires_grad_(tensor.is_floating_point())
            for value, tensor in values.items()
        }
        results = _outputs(_run(call, leaves, 1))
    wanted = {value: leaf for value, leaf in leaves.items() if leaf.requires_grad}
    pairs = [
        (result, gradient)
        for result, gradient in zip(results, gradients, strict=False)
        if gradient is not None and result.requires_grad
    ]
    if not pairs or not wanted:
        return {}
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
                found[value].append(part.to(asked))
    return {
        value: torch.stack([part.reshape(_one(part.shape)) for part in parts])
        for value, parts in found.items()
        if parts
    }


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
