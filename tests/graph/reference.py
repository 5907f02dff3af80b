"""A second, slow derivation of the reverse walk: float64, the full map, autograd.

It shares no arithmetic with the package: torch's functions are replaced one level higher (as they
are called, not as ATen sees them), and every reversal is autograd's, but for the rectifiers and the
max pools, whose rule is written out here once more.

Float32 and float64 passes may disagree about a value that is almost zero or about two that are
almost equal. So a first pass, in float32, decides which rectifiers pass and which places win; the
second pass, in float64, takes those decisions as given.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnwidgets.graph.windows import Windows

Rule = tuple[bool, bool, bool]  # mask, switch, rectify
RECTIFIERS = {"relu", "clamp", "clamp_min", "clip", "threshold", "hardtanh", "relu6"}
POOLS = {"max_pool2d", "max_pool2d_with_indices"}


class Reference:
    """One picture through one network; `image` carries a unit back to it."""

    def __init__(self, module: nn.Module, picture: Tensor) -> None:
        decisions: list[Tensor] = []
        with torch.no_grad(), _Deciding(decisions):
            _copy(module).float()(picture.clone())
        self.outputs: dict[str, Tensor] = {}
        self._rule: list[Rule] = []
        self._picture = picture.double().requires_grad_()
        double = _copy(module).double()
        for name, part in double.named_modules():
            part.register_forward_hook(self._hear(name))
        with torch.enable_grad(), _Deciding(decisions, self._rule):
            double(self._picture.clone())

    def image(self, layer: str, unit: tuple[int, ...], rule: Rule) -> Tensor:
        """[C, H, W] in float64: the unit's 1 carried back under (mask, switch, rectify)."""
        self._rule[:] = [rule]
        response = self.outputs[layer][(0, *unit)]
        return torch.autograd.grad(response, self._picture, retain_graph=True)[0][0]

    def _hear(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        uses: list[str] = []

        def hear(part: nn.Module, inputs: Any, output: Any) -> None:
            uses.append(name if not uses else f"{name}#{len(uses) + 1}")
            self.outputs[uses[-1]] = output.clone()

        return hear


def _copy(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).eval().requires_grad_(False)


def difference(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, relative to the largest value that is wanted."""
    assert found.shape == wanted.shape
    assert wanted.abs().max() > 0
    return float((found.double() - wanted.double()).abs().max() / wanted.double().abs().max())


def canvas(windows: Windows, picture: Tensor) -> Tensor:
    """Lay walked windows out over the whole picture: [K, C, H, W] in their own number type."""
    laid = windows.values.new_zeros(len(windows.values), *picture.shape[1:])
    height, width = windows.values.shape[2:]
    for k, (row, column) in enumerate(zip(windows.rows, windows.columns, strict=True)):
        laid[k, :, row : row + height, column : column + width] = windows.values[k]
    return laid


def agree(found: Tensor, wanted: Tensor, tolerance: float = 1e-6) -> bool:
    """Whether they differ by less than this of the largest value; where that is 0, not at all."""
    if not wanted.any():
        return not found.any()
    return difference(found, wanted) < tolerance


class _Deciding(TorchFunctionMode):
    """Writes decisions down in the first pass; follows them where there is a place for the rule."""

    def __init__(self, decisions: list[Tensor], rule: list[Rule] | None = None) -> None:
        super().__init__()
        self._decisions, self._rule = decisions, rule

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        kind = name.strip("_")
        if kind not in RECTIFIERS | POOLS or not args[0].is_floating_point():
            return func(*args, **kwargs)
        in_place = name.endswith("_") or kwargs.pop("inplace", False)
        if self._rule is None:
            value = self._decide(kind, func, args, kwargs)
        else:
            decision = self._decisions.pop(0)
            if kind in POOLS:
                value = _Pool.apply(args[0], decision, _geometry(*args[1:], **kwargs), self._rule)
                return (value, decision) if kwargs.get("return_indices") else value
            value = _Rectify.apply(args[0], decision, self._rule)
        if in_place:
            return args[0].copy_(value)
        return value

    def _decide(
        self, kind: str, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        if kind in POOLS:
            windows = {**kwargs, "return_indices": True}
            value, indices = torch.nn.functional.max_pool2d(*args, **windows)
            self._decisions.append(indices)
            return (value, indices) if kwargs.get("return_indices") else value
        # Where a rectifier passes is where autograd says it has a slope.
        with torch.enable_grad():
            x = args[0].detach().clone().requires_grad_()
            value = func(x * 1, *args[1:], **kwargs)
            slope = torch.autograd.grad(value.sum(), x)[0]
        self._decisions.append((slope != 0) & (x > 0))
        return value.detach()


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, active: Tensor, rule: list[Rule]) -> Tensor:
        ctx.active, ctx.rule = active, rule
        return torch.where(active, x, 0.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        mask, _, rectify = ctx.rule[0]
        if rectify:
            gradient = torch.where(gradient > 0, gradient, 0.0)
        if mask:
            gradient = torch.where(ctx.active, gradient, 0.0)
        return gradient, None, None


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, indices: Tensor, geometry: Any, rule: Any) -> Tensor:
        ctx.shape, ctx.indices, ctx.geometry, ctx.rule = x.shape, indices, geometry, rule
        return x.flatten(2).gather(2, indices.flatten(2)).reshape(indices.shape).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        spread = gradient.new_zeros(ctx.shape)
        if ctx.rule[0][1]:
            spread.flatten(2).scatter_add_(2, ctx.indices.flatten(2), gradient.flatten(2))
            return spread, None, None, None
        (kh, kw), (sy, sx), (py, px), (dy, dx) = ctx.geometry
        for i in range(gradient.shape[2]):
            for j in range(gradient.shape[3]):
                row = i * sy - py + dy * (-(-kh // 2) - 1)
                column = j * sx - px + dx * (-(-kw // 2) - 1)
                if 0 <= row < ctx.shape[2] and 0 <= column < ctx.shape[3]:
                    spread[:, :, row, column] += gradient[:, :, i, j]
        return spread, None, None, None


def _geometry(
    kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, *_: Any, **__: Any
) -> tuple[tuple[int, int], ...]:
    stride = kernel_size if stride in (None, [], ()) else stride
    return tuple(
        (value, value) if isinstance(value, int) else tuple(value)
        for value in (kernel_size, stride, padding, dilation)
    )
