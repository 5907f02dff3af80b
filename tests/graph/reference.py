"""A second, slow derivation of the reverse walk: float64, the full map, autograd.

It shares no arithmetic with the package: torch's functions are replaced one level higher (as they
are called, not as ATen sees them), and every reversal is autograd's, but for rectifiers, max pools
and local response normalisation, whose rule is written out here once more.

Float32 and float64 passes may disagree about a value that is almost zero or about two that are
almost equal. So a first pass, in the picture's own number type, decides which rectifiers pass and
which places win; the second pass, in float64, takes those decisions as given.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnwidgets.graph.windows import Windows

Rule = tuple[bool, bool, bool]  # mask, switch, rectify
SALIENCY = (True, True, False)
RECTIFIERS = {"relu", "clamp", "clamp_min", "clip", "threshold", "hardtanh", "relu6"}
POOLS = {"max_pool2d", "max_pool2d_with_indices"}
NORMS = {"local_response_norm"}


class Reference:
    """One picture through one network; `image` carries a unit back to it."""

    def __init__(self, module: nn.Module, picture: Tensor) -> None:
        decisions: list[Tensor] = []
        with torch.no_grad(), _Deciding(decisions):
            _copy(module).to(picture.dtype)(picture.clone())
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
            if isinstance(output, Tensor):
                self.outputs[uses[-1]] = output.clone()

        return hear


def _copy(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).eval().requires_grad_(False)


def plain_gradient(module: nn.Module, picture: Tensor, layer: str, unit: tuple[int, ...]) -> Tensor:
    """The gradient as a user would take it: in float32, on the network itself."""
    heard: list[Tensor] = []
    x = picture.clone(memory_format=torch.preserve_format).requires_grad_()
    part = module.get_submodule(layer)
    hook = part.register_forward_hook(lambda m, i, output: heard.append(output.clone()))
    try:
        module(x)
    finally:
        hook.remove()
    return torch.autograd.grad(heard[0][(0, *unit)], x)[0][0]


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
        if not (kind in POOLS | NORMS or (kind in RECTIFIERS and _rectifies(func, args, kwargs))):
            return func(*args, **kwargs)
        in_place = name.endswith("_") or kwargs.pop("inplace", False)
        value = self._value(kind, func, args, kwargs)
        return args[0].copy_(value) if in_place else value

    def _value(self, kind: str, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Compute a call: the first pass decides, the second follows."""

        def plain(x: Tensor) -> Tensor:
            return func(x.clone(), *args[1:], **kwargs)

        x, deciding = args[0], self._rule is None
        if kind in NORMS:
            return plain(x) if deciding else _Normalize.apply(x, plain, self._rule)
        if deciding:
            self._decisions.append(
                F.max_pool2d(*args, **{**kwargs, "return_indices": True})[1]
                if kind in POOLS
                else _passing(x, plain)
            )
        decision = self._decisions[-1] if deciding else self._decisions.pop(0)
        if kind not in POOLS:
            return plain(x) if deciding else _Rectify.apply(x, decision, plain, self._rule)
        value = _Pool.apply(x, decision, _geometry(*args[1:], **kwargs), self._rule)
        return (value, decision) if kwargs.get("return_indices") else value


def _rectifies(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> bool:
    """Tell whether a call gives 0 for all that is negative, and small numbers as they are."""
    if not args[0].is_floating_point() or any(isinstance(bound, Tensor) for bound in args[1:]):
        return False
    probe = args[0].new_tensor([-9.0, -1e-3, 1e-3])
    settings = {name: value for name, value in kwargs.items() if name != "inplace"}
    if any(isinstance(value, Tensor) for value in settings.values()):
        return False
    return torch.equal(func(probe.clone(), *args[1:], **settings), probe.clamp(min=0))


def _passing(x: Tensor, rectifier: Callable[[Tensor], Tensor]) -> Tensor:
    """Where a rectifier passes: above 0 and below its ceiling."""
    return (x > 0) & (x < rectifier(x.new_tensor(torch.inf)))


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, active: Tensor, plain: Any, rule: list[Rule]) -> Tensor:
        ctx.active, ctx.rule = active, rule
        return plain(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        mask, _, rectify = ctx.rule[0]
        if rectify:
            gradient = torch.where(gradient > 0, gradient, 0.0)
        if mask:
            gradient = torch.where(ctx.active, gradient, 0.0)
        return gradient, None, None, None


class _Normalize(torch.autograd.Function):
    """Local response normalisation: the gradient for saliency, nothing under the other rules."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plain: Any, rule: list[Rule]) -> Tensor:
        ctx.x, ctx.plain, ctx.rule = x, plain, rule
        return plain(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        if tuple(ctx.rule[0]) != SALIENCY:
            return gradient, None, None
        with torch.enable_grad():
            x = ctx.x.detach().requires_grad_()
            return torch.autograd.grad(ctx.plain(x), x, gradient)[0], None, None


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
