import threading
from contextlib import contextmanager, suppress

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from cnnwidgets.widgets.torch_modes import torch_modes


class Calls(TorchFunctionMode):
    """A function mode that writes down what passes through it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


class Operations(TorchDispatchMode):
    """A dispatch mode that writes down what passes through it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def modes():
    """All that `torch_modes` promises to restore, as something to compare."""
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "forward": torch._C._is_fwd_grad_enabled(),
        "cpu": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "cuda": (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")),
        "cache": torch.is_autocast_cache_enabled(),
        "function": torch.overrides._get_current_function_mode_stack(),
        "dispatch": torch.utils._python_dispatch._get_current_dispatch_mode_stack(),
    }


@pytest.fixture(scope="module")
def default():
    """The modes of a thread in which nobody has set any."""
    found = []
    thread = threading.Thread(target=lambda: found.append(modes()))
    thread.start()
    thread.join()
    return found[0]


@contextmanager
def autocast(device):
    """Autocast set by hand: `torch.autocast("cuda")` refuses without a GPU."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    torch.set_autocast_enabled(device, True)
    torch.set_autocast_dtype(device, torch.float32)
    yield
    torch.set_autocast_enabled(device, enabled)
    torch.set_autocast_dtype(device, dtype)


AROUND = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast cpu": lambda: torch.autocast("cpu", dtype=torch.float16, cache_enabled=False),
    "autocast cuda": lambda: autocast("cuda"),
    "device": lambda: torch.device("meta"),
    "function mode": Calls,
    "dispatch mode": Operations,
}


@pytest.mark.parametrize("around", AROUND)
def test_inside_are_the_defaults_and_after_it_what_was(around, default):
    with AROUND[around]():
        before = modes()
        assert before != default
        with torch_modes():
            assert modes() == default
        assert modes() == before
    assert modes() == default


def leave_behind_no_grad():
    torch.set_grad_enabled(False)


def leave_behind_inference():
    leave_behind_inference.mode = torch.inference_mode()
    leave_behind_inference.mode.__enter__()


def leave_behind_autocast():
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.set_autocast_cache_enabled(False)


def leave_behind_function_mode():
    torch.overrides._push_mode(Calls())


def leave_behind_dispatch_mode():
    torch.utils._python_dispatch._push_mode(Operations())


@pytest.mark.parametrize(
    "leave", [f for name, f in list(globals().items()) if name.startswith("leave_behind")]
)
@pytest.mark.parametrize("around", ["nothing", *AROUND])
def test_what_the_block_leaves_behind_is_gone_also_after_an_error(around, leave, default):
    with AROUND.get(around, torch_modes)():
        before = modes()
        with suppress(ValueError), torch_modes():
            leave()
            assert modes() != default
            raise ValueError
        assert modes() == before
    assert modes() == default


def test_what_a_tensor_does_inside_is_not_changed_by_what_stands_around():
    calls, operations = Calls(), Operations()
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad(), torch.autocast("cpu"), torch.device("meta"), calls, operations:
        with torch_modes():
            y = (x * 2) @ torch.ones(3)
            assert (y.requires_grad, y.dtype, y.device.type) == (True, torch.float32, "cpu")
            assert calls.seen + operations.seen == []
        assert not (x * 2).requires_grad
        assert "mul" in calls.seen
        assert "aten.mul.Tensor" in operations.seen


def test_order_of_stacked_modes_is_kept():
    first, second = Calls(), Calls()
    below, above = Operations(), Operations()
    with first, second, below, above:
        with torch_modes():
            pass
        assert modes()["function"] == [first, second]
        assert modes()["dispatch"] == [below, above]


def test_default_dtype_is_the_processes_and_stays():
    torch.set_default_dtype(torch.float64)
    try:
        with torch_modes():
            assert torch.ones(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
