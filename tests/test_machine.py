"""Cores and memory, counted from planted control groups."""

import os
from pathlib import Path

import pytest

from cnnwidgets import machine as this_machine
from cnnwidgets.machine import Memory, memory, usable_cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 cores without any limit, whose /proc and /sys are in the returned folder."""
    for name in ("CPU_LIMIT", "CNNWIDGETS_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(this_machine, "_ROOT", tmp_path)
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


def test_memory_without_a_limit(machine: Path) -> None:
    assert memory() == Memory(None, None, None)  # no Linux, or /proc is hidden
    _write(machine / "proc/meminfo", "MemTotal:  8000 kB\nMemFree: 10 kB\nMemAvailable: 5000 kB")
    assert memory() == Memory(8000 * 1024, None, 5000 * 1024)
    _write(machine / "proc/self/cgroup", "0::/")
    _write(machine / "sys/fs/cgroup/memory.max", "max")
    assert memory().limit is None


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used", "cached"),
    [
        ("0::/a", "a", "memory.max", "memory.current", "inactive_file"),
        # Version 1 counts a group alone as inactive_file, and in usage those below it, too.
        (
            *("3:memory:/a", "memory/a", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            "total_inactive_file",
        ),
    ],
)
def test_memory_of_a_container(
    machine: Path, line: str, folder: str, limit: str, used: str, cached: str
) -> None:
    _write(machine / "proc/meminfo", "MemTotal: 8000 kB\nMemAvailable: 5000 kB")
    _write(machine / "proc/self/cgroup", line)
    group = machine / "sys/fs/cgroup" / folder
    _write(group / limit, "2048000")
    _write(group / used, "1024000")
    assert memory() == Memory(8000 * 1024, 2048000, 1024000)
    stat = f"inactive_anon 5\n{cached} 24000"  # cached files are given back
    own = "inactive_file 7000\n" if cached.startswith("total_") else ""
    _write(group / "memory.stat", own + stat)
    assert memory().available == 1048000
    _write(group / limit, "9223372036854771712")  # how version 1 says none
    assert memory() == Memory(8000 * 1024, None, 5000 * 1024)


def test_the_tightest_memory_above_counts(machine: Path) -> None:
    _write(machine / "proc/meminfo", "MemTotal: 8000 kB\nMemAvailable: 5000 kB")
    _write(machine / "proc/self/cgroup", "0::/slice/job")
    for folder, limit, used in [("slice/job", 4000, 100), ("slice", 3000, 2900)]:
        _write(machine / "sys/fs/cgroup" / folder / "memory.max", str(limit))
        _write(machine / "sys/fs/cgroup" / folder / "memory.current", str(used))
    assert memory()[1:] == (3000, 100)
