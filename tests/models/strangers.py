"""Networks as strangers bring them: wrapped, compiled, half made, broken; and what is to happen.

`WORKS` holds functions that make a network, and the plain network that answers in the same way.
`REFUSED` holds functions that make what cannot be looked into, and the one sentence that says so.
"""

import copy
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

SIDE = 16
Made = tuple[Any, Callable[[Tensor], Tensor]]


def tiny(channels: int = 3, side: int = SIDE) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * side * side, 3),
    )
    net[1].running_mean.uniform_(-0.3, 0.3)
    return net


def evaluated(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return copy.deepcopy(module).eval()


class Within(nn.Module):
    """A network inside a class of somebody's own, as trainers have it."""

    def __init__(self, forward: Callable[..., Any], net: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.does = net or tiny(), [forward]

    @property
    def trainer(self) -> object:
        raise RuntimeError("not attached to a trainer")

    def forward(self, x: Tensor) -> Any:
        return self.does[0](self, x)


def distributed(net: nn.Module) -> nn.Module:
    """Torch's own wrapper, of one process that is gone when it is asked for anything."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setenv("GLOO_SOCKET_IFNAME", "lo")  # the name of this machine may lead nowhere
        torch.distributed.init_process_group(
            "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
        )
        try:
            return nn.parallel.DistributedDataParallel(net)
        finally:
            torch.distributed.destroy_process_group()


class Doubled(nn.DataParallel):
    """Made from torch's, and runs otherwise."""

    def forward(self, *given: Any) -> Any:
        return 2 * super().forward(*given)


class Renamed(nn.DataParallel):
    """Made from torch's, and runs like it."""


class DataParallel(nn.Module):
    """Has nothing of torch's but the name."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Any:
        return 2 * self.net(x)


@dataclass
class Answer:
    scores: Tensor
    loss: Tensor | None = None


def _changed(change: Callable[[nn.Sequential], object]) -> Callable[[], Made]:
    def make() -> Made:
        net, plain = tiny(), tiny()
        for one in (plain, net):
            torch.manual_seed(1)  # some draw their start
            change(one)
        return net, plain.eval()  # not copied: torch cannot copy what is computed of weights

    return make


def _around(wrap: Callable[[nn.Module], nn.Module]) -> Callable[[], Made]:
    def make() -> Made:
        net = tiny()
        return wrap(net), evaluated(net)

    return make


def _never(*given: object) -> Any:
    raise AssertionError("the compiler was started")


def compiled(net: nn.Module) -> Any:
    return torch.compile(net, backend=_never)


def _compile_a_part(net: nn.Sequential) -> nn.Module:
    return nn.Sequential(compiled(net[0]), *net[1:])


def _compile_in_place(net: nn.Module) -> nn.Module:
    net.compile(backend=_never)
    return net


def _exported(net: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(copy.deepcopy(net).eval(), (torch.zeros(1, 3, 16, 16),)).module()


def _quantised() -> Made:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still around
        made = torch.ao.quantization.quantize_dynamic(tiny().eval(), {nn.Linear})
    return made, made


def _old_weight_norm(net: nn.Sequential) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(net[0])


def _hooks(net: nn.Sequential) -> None:
    net[0].register_forward_hook(lambda part, given, output: 2 * output)
    net[2].register_forward_pre_hook(lambda part, given: None)
    net.register_full_backward_hook(lambda *given: None)


def _catches(net: Within, x: Tensor) -> Tensor:
    try:
        net.net[5](x)
    except RuntimeError:
        pass
    return net.net(x) * 2


def _gives(made: Callable[[Tensor], Any]) -> Callable[[], Made]:
    return _around(lambda net: Within(lambda w, x: made(w.net(x)), net))


WORKS: dict[str, Callable[[], Made]] = {
    "in training": _changed(lambda net: net.train()),
    "compiled": _around(compiled),
    "a part compiled": _around(_compile_a_part),
    "compiled in place": _around(_compile_in_place),
    "DataParallel": _around(nn.DataParallel),
    "made from DataParallel": _around(Renamed),
    "compiled DataParallel": _around(lambda net: compiled(nn.DataParallel(net))),
    "DistributedDataParallel": _around(distributed),
    "traced by fx": _around(torch.fx.symbolic_trace),
    "exported": _around(_exported),
    "in a trainer's class": _gives(lambda y: y),
    "without gradients": _changed(lambda net: net.requires_grad_(False)),
    "no_grad inside": _around(lambda net: Within(torch.no_grad()(lambda w, x: w.net(x)), net)),
    "with hooks": _changed(_hooks),
    "weight norm": _changed(lambda net: parametrizations.weight_norm(net[0])),
    "older weight norm": _changed(_old_weight_norm),
    "spectral norm, in training": _changed(lambda net: parametrizations.spectral_norm(net[0])),
    "pruned": _changed(lambda net: prune.l1_unstructured(net[0], "weight", 0.5)),
    "float16": _changed(lambda net: net.half()),
    "bfloat16": _changed(lambda net: net.bfloat16()),
    "float64": _changed(lambda net: net.double()),
    "quantised": _quantised,
    "gives a list": _gives(lambda y: [y, 2 * y]),
    "gives a dataclass": _gives(Answer),
    "another class named DataParallel": lambda: (
        DataParallel(net := tiny()),
        lambda x: 2 * evaluated(net)(x),
    ),
    "catches its own error": lambda: (
        Within(_catches, net := tiny()),
        lambda x: 2 * evaluated(net)(x),
    ),
}
"""Its answer and gradient are those of the plain network, exactly."""

NO_ANSWER: dict[str, Callable[[Tensor], Any]] = {
    "None": lambda y: None,
    "an empty list": lambda y: [],
    "a number": lambda y: float(y.sum()),
    "an array": lambda y: y.detach().numpy(),
    "a word": lambda y: "cat",
    "an object": lambda y: SimpleNamespace(scores=y),
}
"""What networks give that is no tensor: their layers work, and there are no classes."""


def _with_nan() -> nn.Module:
    net = tiny()
    with torch.no_grad():
        net[0].weight[0, 0], net[5].bias[1] = torch.nan, torch.inf
    return net


class Deep(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[{"patient": 0}["doctor"]]


class Picky(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] == 224, "Input height (16) doesn't match model (224)"
        return x


class Locked(nn.Module):
    """Fails with an error that a sentence alone does not make."""

    def forward(self, x: Tensor) -> Tensor:
        return x + len(b"\xff".decode())


def _set(part: int, **tensors: Tensor) -> nn.Module:
    net = tiny()
    for name, tensor in tensors.items():
        setattr(net[part], name, nn.Parameter(tensor, requires_grad=False))
    return net


def _scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.script(tiny().eval()))


def _traced() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = tiny()
        net[0] = torch.jit.trace(net[0], torch.zeros(1, 3, 16, 16))
        return net


def _needs_more() -> nn.Module:
    class Needy(nn.Module):
        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            return x * lengths

    return Needy()


_SHAPE = "; if it takes pictures of another shape, say so by input_shape in wrap_model$"
_AT = r"fails at '{}' on a picture \[1, 3, 16, 16\]"
REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "frozen TorchScript": (_scripted, r"holds TorchScript \(all of it\).*give the plain nn.Module"),
    "a traced part": (_traced, r"holds TorchScript \(0\)"),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU()),
        r"Sequential has no weights yet \('0.weight' is empty\); run or load it first",
    ),
    "a lazy head": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(3)),
        r"has no weights yet \('2.weight' is empty\)",
    ),
    "on the meta device": (lambda: tiny().to("meta"), r"no weights yet \('0.weight' is empty\)"),
    "a part on the meta device": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, device="meta")),
        r"no weights yet \('1.weight' is empty\)",
    ),
    "sparse weights": (
        lambda: _set(5, weight=torch.eye(3, 1024).to_sparse()),
        r"Sequential holds sparse numbers in '5.weight'.*by .to_dense\(\)$",
    ),
    "float8 weights": (
        lambda: _set(0, weight=torch.ones(4, 3, 3, 3).to(torch.float8_e4m3fn)),
        r"holds '0.weight' as torch.float8_e4m3fn, in which torch does not compute; convert",
    ),
    "complex weights": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, dtype=torch.complex64)),
        _AT.format(0) + r" \(RuntimeError: .*complex<float>",
    ),
    "two number types": (
        lambda: _set(5, weight=torch.ones(3, 1024).half()),
        _AT.format(5) + r" \(RuntimeError: .*dtype",
    ),
    "NaN": (
        _with_nan,
        r"answers this picture with NaN or infinity: its '0.weight' holds NaN or infinity in 9 of "
        r"108 numbers, and more in 1 more of its tensors$",
    ),
    "one channel": (lambda: tiny(1), _AT.format(0) + ".*1 channels.*" + _SHAPE),
    "another size": (lambda: tiny(3, 64), _AT.format(5) + ".*shapes cannot be mult.*" + _SHAPE),
    "another size, by itself": (
        lambda: nn.Sequential(tiny()[0], Picky()),
        _AT.format(1) + r" \(AssertionError: Input height \(16\) doesn't match .*" + _SHAPE,
    ),
    "video": (lambda: nn.Sequential(nn.Conv3d(3, 4, 3)), _AT.format(0) + ".*" + _SHAPE),
    "sound": (lambda: nn.Sequential(nn.Conv1d(3, 4, 3)), _AT.format(0) + ".*" + _SHAPE),
    "two arguments": (
        _needs_more,
        r"Needy fails on a picture .*argument: 'lengths'\); networks are run with the picture "
        "alone, so give a module whose forward fills in the rest$",
    ),
    "no forward": (
        lambda: nn.ModuleDict({"encoder": tiny()}),
        r"ModuleDict fails .* is missing the required .forward. function\); give the part of it",
    ),
    "its own error, deep inside": (
        lambda: nn.Sequential(tiny()[0], nn.Sequential(nn.ReLU(), Deep())),
        _AT.format("1.1") + r" \(KeyError: doctor\)$",
    ),
    "an error of many parts": (
        lambda: nn.Sequential(tiny()[0], Locked()),
        _AT.format(1) + r" \(UnicodeDecodeError: 'utf-8' codec can't decode byte",
    ),
    "a hook that fails": (
        lambda: Within(lambda w, x: w.net(x), _with_failing_hook()),
        _AT.format("net.2") + r" \(ValueError: planted\)$",
    ),
    "a hook that fails before a part begins": (
        lambda: Within(lambda w, x: w.net(x), _with_failing_hook("register_forward_pre_hook")),
        _AT.format("net") + r" \(ValueError: planted\)$",
    ),
    "inference mode inside": (
        lambda: Within(torch.inference_mode()(lambda w, x: w.net(x))),
        "torch.inference_mode inside the network hides its calls, so use torch.no_grad there$",
    ),
    "another device inside": (
        lambda: Within(lambda w, x: w.net(x.to("xpu:7"))),
        # At the copy, or where this build of torch has such devices without one being there.
        r"Within fails on a picture \[1, 3, 16, 16\] \((\w+: .*(xpu|XPU)).*\)$",
    ),
    "nothing in it": (
        nn.Sequential,
        "Sequential has no layers: no call was seen that gives units of",
    ),
    "vmap": (
        lambda: Within(lambda w, x: torch.vmap(w.net[0])(x)),
        r"Within has no layers: .*runs inside torch.vmap\)",
    ),
}
"""None of these can be looked into: one sentence, whichever way it is opened."""


def _with_failing_hook(kind: str = "register_forward_hook") -> nn.Module:
    def fail(*given: object) -> None:
        raise ValueError("planted")

    net = tiny()
    getattr(net[2], kind)(fail)
    return net


NO_NETWORK: dict[str, tuple[Callable[[], Any], str]] = {
    "a path": (lambda: "model.pt", "got the path 'model.pt'; build the network and load its weig"),
    "a function": (lambda: torch.relu, "got builtin_function_or_method$"),
    "a class": (lambda: nn.Conv2d, r"got the class Conv2d; make a network of it: Conv2d\(...\)$"),
    "a state": (lambda: tiny().state_dict(), "got a dict; build the network and load its weights"),
    "of another library": (lambda: SimpleNamespace(predict=print), "got SimpleNamespace$"),
    "an exported program": (
        lambda: torch.export.export(nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8),)),
        r"got ExportedProgram; give its .module\(\)$",
    ),
}
"""What `wrap_model` is given that is no network, and how its sentence ends."""
