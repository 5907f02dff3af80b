"""Devices that are asked for, and those that are taken when none is."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from cnnwidgets.models import self_check
from cnnwidgets.models.devices import choose_device, devices_here


def _threads(before: str, **environment: str) -> list[int]:
    """Threads of torch before, after, in another thread, and after a later word of the user."""
    script = (
        f"import torch, threading; {before}\n"
        "from cnnwidgets.models.devices import set_threads_once\n"
        "seen = [torch.get_num_threads()]\n"
        "set_threads_once(); seen.append(torch.get_num_threads())\n"
        "look = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))\n"
        "look.start(); look.join()\n"
        "torch.set_num_threads(7); set_threads_once(); seen.append(torch.get_num_threads())\n"
        "print(*seen)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return [int(word) for word in run.stdout.split()]


def test_threads_are_lowered_once() -> None:
    assert _threads("torch.set_num_threads(6)", CNNWIDGETS_THREADS="3") == [6, 3, 3, 7]


def test_threads_are_never_raised() -> None:
    assert _threads("torch.set_num_threads(2)", CNNWIDGETS_THREADS="5") == [2, 2, 2, 7]
    assert _threads("", OMP_NUM_THREADS="1", CNNWIDGETS_THREADS="5") == [1, 1, 1, 7]


def test_the_cpu_is_always_there() -> None:
    for asked in ("cpu", "cpu:0", torch.device("cpu")):
        assert choose_device(asked) == torch.device("cpu")


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert choose_device("auto") == torch.device("cuda", 1)
    assert choose_device("cuda") == torch.device("cuda", 1)
    assert choose_device(torch.device("cuda:0")) == torch.device("cuda", 0)
    with pytest.raises(RuntimeError, match=r"has 2 CUDA device\(s\); use 'cuda:0' to 'cuda:1'"):
        choose_device("cuda:2")


@pytest.mark.parametrize("asked", ["cuda", "cuda:1", torch.device("cuda")])
def test_missing_cuda_is_told(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="was asked, but this torch .* sees no CUDA device"):
        choose_device(asked)


def test_missing_apple_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="sees no Apple GPU; use device='cpu'"):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps") == torch.device("mps", 0)


def test_an_unknown_device_is_told() -> None:
    for wrong in ("gpu", "cuda:first", "meta", torch.device("meta")):
        with pytest.raises(ValueError, match=f"'cuda:N' or 'mps', got '{wrong}'"):
            choose_device(wrong)
    with pytest.raises(TypeError, match="got 0 of type int"):
        choose_device(0)  # type: ignore[arg-type]


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with an Apple GPU, which computes on the CPU here."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    right = self_check._answers
    cpu = torch.device("cpu")
    monkeypatch.setattr(self_check, "_answers", lambda _, dtype: right(cpu, dtype))
    self_check.passes.cache_clear()
    yield
    self_check.passes.cache_clear()


def test_auto_takes_an_apple_gpu_that_computes_right(apple: None) -> None:
    assert devices_here() == [torch.device("cpu"), torch.device("mps", 0)]
    assert choose_device() == torch.device("mps", 0)


def _wrong(found: list[torch.Tensor]) -> list[torch.Tensor]:
    found[3] = found[3].flip(-1)  # a walk back that lands on the other side
    return found


def _lacking(_: list[torch.Tensor]) -> list[torch.Tensor]:
    raise NotImplementedError("The operator 'aten::x' is not currently implemented for the MPS")


@pytest.mark.parametrize("broken", [_wrong, _lacking])
def test_auto_leaves_an_apple_gpu_that_does_not(
    apple: None, broken: Callable[..., list[torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = self_check._answers

    def answers(device: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
        found = right(device, dtype)
        return broken(found) if device.type == "mps" else found

    monkeypatch.setattr(self_check, "_answers", answers)
    assert choose_device() == torch.device("cpu")
    assert choose_device("mps") == torch.device("mps", 0)  # whoever names it has it


def test_every_number_of_the_self_check_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    right = self_check._answers
    cpu = torch.device("cpu")
    assert 0 < self_check.deviation(cpu) < 1e-5
    for number, tensor in enumerate(right(cpu, torch.float32)):
        off = tensor.abs().max() * 0.01

        def answers(device: torch.device, dtype: torch.dtype, n=number, by=off):
            found = right(device, dtype)
            if dtype == torch.float32:
                found[n] = found[n].contiguous()
                found[n].view(-1)[-1] += by
            return found

        monkeypatch.setattr(self_check, "_answers", answers)
        assert self_check.deviation(cpu) == pytest.approx(0.01, rel=0.01)
        monkeypatch.setattr(self_check, "_answers", right)


def test_nan_never_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    right = self_check._answers

    def answers(device: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
        found = right(device, dtype)
        if dtype == torch.float32:
            found[0].view(-1)[0] = torch.nan
        return found

    monkeypatch.setattr(self_check, "_answers", answers)
    assert self_check.deviation(torch.device("cpu")) == float("inf")


def test_the_self_check_leaves_the_users_random_numbers() -> None:
    before = torch.get_rng_state()
    self_check.deviation(torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_the_chosen_device_is_that_of_its_tensors() -> None:
    for asked in ("auto", "cuda", "cuda:0"):
        assert torch.zeros(1, device=choose_device(asked)).device == choose_device(asked)


@pytest.mark.gpu
def test_a_gpu_passes_the_self_check() -> None:
    first, *gpus = devices_here()
    assert first == torch.device("cpu")
    if not gpus:
        pytest.skip("there is no GPU")
    for device in gpus:
        assert self_check.deviation(device) < 1e-5  # without TensorFloat-32
        with torch.backends.cudnn.flags(allow_tf32=True):
            assert self_check.passes(device)
