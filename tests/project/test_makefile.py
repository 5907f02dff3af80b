"""The Makefile's words, without installing anything."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")


def test_lab_takes_port_and_browser(checkout: Path, tmp_path: Path) -> None:
    said = _make(checkout, tmp_path, "-n", "lab", "PORT=8899", "BROWSER=none").stdout
    assert "--port=8899 --no-browser" in said
    assert "notebooks/00_tour.ipynb" in said
    assert "--no-browser" not in _make(checkout, tmp_path, "-n", "lab").stdout


def test_torch_is_installed_first_and_is_the_pinned_one(checkout: Path, tmp_path: Path) -> None:
    said = _make(checkout, tmp_path, "-n", "test").stdout
    assert said.index("pip install 'torch==2.13.0'") < said.index("-e '.[lab,test]'")
    assert "torch==2.13.0\n" in (checkout / "constraints.txt").read_text()


def test_torch_may_be_any_requirement(checkout: Path, tmp_path: Path) -> None:
    said = _make(checkout, tmp_path, "-n", "lab", "TORCH=torch>=2.6 --pre").stdout
    assert "pip install 'torch>=2.6' '--pre'" in said


def test_another_torch_is_remembered(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    _make(checkout, tmp_path, f"{tmp_path}/torch-asked", "TORCH=torch==2.9.1")
    assert "pip install 'torch==2.9.1'" in _make(checkout, tmp_path, "-n", "test").stdout


def test_installation_is_redone_only_when_something_changed(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    _make(checkout, tmp_path, f"{tmp_path}/torch-asked")
    (tmp_path / "installed").touch()
    assert "pip install" not in _make(checkout, tmp_path, "-n", "-j4", "test").stdout
    (tmp_path / "torch-asked").unlink()
    assert "pip install" in _make(checkout, tmp_path, "-n", "test").stdout


@pytest.mark.parametrize(
    ("installed", "stepped_aside"),
    [("torch==2.13.0+cpu", {"torch"}), ("torch==2.9.1", {"torch", "torchvision", "sympy"})],
)
def test_pins_do_not_fight_another_torch(
    checkout: Path, tmp_path: Path, installed: str, stepped_aside: set[str]
) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        f'#!/bin/sh\n[ "$3" = list ] && echo {installed}\necho "$@" >> {tmp_path}/said\n'
    )
    python.chmod(0o755)
    _make(checkout, tmp_path, f"{tmp_path}/installed", f"TORCH={installed}")
    used = (tmp_path / "constraints.txt").read_text().splitlines()
    ours = (checkout / "constraints.txt").read_text().splitlines()
    assert used[0] == installed
    assert {line.partition("==")[0] for line in set(ours) - set(used)} == stepped_aside
    first, _, last = (tmp_path / "said").read_text().splitlines()
    assert first == f"-m pip install {installed}"
    assert last == f"-m pip install -c {tmp_path}/constraints.txt -e .[lab,test]"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 1", "needs Python 3.11 or newer, and .* is not"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "install the package python3-venv"),
    ],
)
def test_an_unfit_python_is_told(
    checkout: Path, tmp_path: Path, script: str, sentence: str
) -> None:
    python = tmp_path / "python-of-old"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    run = _make(checkout, tmp_path / "env", "test", f"PYTHON={python}", check=False)
    assert run.returncode != 0
    assert re.search(sentence, run.stderr)
    assert not (tmp_path / "env" / "bin").exists()


def _make(
    checkout: Path, environment: Path, *words: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"VENV={environment}", *words],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=check,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "MAKEFLAGS": ""},
    )
