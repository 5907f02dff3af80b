"""Devices that are asked for, and cores counted from planted control groups."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnnwidgets.models import devices
from cnnwidgets.models.devices import choose_device, usable_cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 cores without any limit, whose /proc and /sys are in the returned folder."""
    for name in ("CPU_LIMIT", "CNNWIDGETS_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(devices, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")


def test_without_any_limit_all_cores_count(machine: Path) -> None:
    assert usable_cores() == 64
    _write(machine / "proc/self/cgroup", "0::/")
    _write(machine / "sys/fs/cgroup/cpu.max", "max 100000")
    assert usable_cores() == 64


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("400000 100000", 4), ("350000 100000", 3), ("50000 100000", 1), ("75000 25000", 3)],
)
def test_quota_of_version_2(machine: Path, quota: str, cores: int) -> None:
    _write(machine / "proc/self/cgroup", "0::/")
    _write(machine / "sys/fs/cgroup/cpu.max", quota)
    assert usable_cores() == cores


def test_the_tightest_group_above_counts(machine: Path) -> None:
    _write(machine / "proc/self/cgroup", "0::/slice/job/task")
    _write(machine / "sys/fs/cgroup/slice/job/task/cpu.max", "max 100000")
    _write(machine / "sys/fs/cgroup/slice/job/cpu.max", "800000 100000")
    _write(machine / "sys/fs/cgroup/slice/cpu.max", "1600000 100000")
    assert usable_cores() == 8


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("inside", ["docker/abc", ""])
def test_quota_of_version_1(machine: Path, mount: str, inside: str) -> None:
    _write(machine / "proc/self/cgroup", "7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/")
    group = machine / "sys/fs/cgroup" / mount / inside
    _write(group / "cpu.cfs_quota_us", "600000")
    _write(group / "cpu.cfs_period_us", "100000")
    assert usable_cores() == 6
    _write(group / "cpu.cfs_quota_us", "-1")
    assert usable_cores() == 64


def test_affinity_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 9}, raising=False)
    assert usable_cores() == 3


def test_the_hub_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, cores in [("2.0", 2), ("0.5", 1), ("2.9", 2), ("128", 64), ("", 64), ("None", 64)]:
        monkeypatch.setenv("CPU_LIMIT", limit)
        assert usable_cores() == cores


def test_the_users_own_word_holds(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPU_LIMIT", "2")
    monkeypatch.setenv("CNNWIDGETS_THREADS", "5")
    assert usable_cores() == 5
    for wrong in ("many", "0", "-2", "1.5"):
        monkeypatch.setenv("CNNWIDGETS_THREADS", wrong)
        with pytest.raises(ValueError, match=f"whole number of at least 1, got '{wrong}'"):
            usable_cores()


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_the_chosen_device_is_that_of_its_tensors() -> None:
    for asked in ("auto", "cuda", "cuda:0"):
        assert torch.zeros(1, device=choose_device(asked)).device == choose_device(asked)
