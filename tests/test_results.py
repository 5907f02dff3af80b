"""Results: frozen, saved whole or not at all, read back as they were, as tables."""

import os
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cnnwidgets.results import Provenance, Result, no_progress, versions


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuned(Result):
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "preferred": ("unit",),
        "curve": ("unit", "angle"),
        "count": ("unit",),
    }
    layer: str
    units: tuple[tuple[int, ...], ...]
    rate: float
    note: str | None
    preferred: Tensor
    curve: Tensor
    count: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Other(Result):
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"preferred": ("unit",)}
    preferred: Tensor


@pytest.fixture
def tuned() -> Tuned:
    return Tuned(
        provenance=Provenance("VGG", "0123456789abcdef", "cpu", "float32"),
        layer="features.3",
        units=((1, 2, 3), (4, 5, 6)),
        rate=0.1,
        note=None,
        preferred=torch.tensor([0.1, -2.5]),
        curve=torch.randn(4, 2).T,  # not contiguous
        count=torch.tensor([2**40, -1]),
    )


def test_it_comes_back_as_it_was(tuned: Tuned, tmp_path: Path) -> None:
    path = tuned.save(tmp_path / "one.safetensors")
    assert path == tmp_path / "one.safetensors"
    loaded = Tuned.load(str(path))
    assert type(loaded) is Tuned
    assert loaded.provenance == tuned.provenance
    for name in ("layer", "units", "rate", "note"):
        assert getattr(loaded, name) == getattr(tuned, name)
        assert type(getattr(loaded, name)) is type(getattr(tuned, name))
    for name in Tuned.axes:
        assert torch.equal(getattr(loaded, name), getattr(tuned, name))
        assert getattr(loaded, name).dtype == getattr(tuned, name).dtype


def test_the_file_is_plain_safetensors(tuned: Tuned, tmp_path: Path) -> None:
    tensors = safetensors.torch.load_file(tuned.save(tmp_path / "one.safetensors"))
    assert set(tensors) == {"preferred", "curve", "count"}


def test_it_overwrites_an_older_result(tuned: Tuned, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"older")
    tuned.save(path)
    assert Tuned.load(path).rate == 0.1
    assert os.listdir(tmp_path) == ["one.safetensors"]


@pytest.mark.parametrize("fails", ["os.replace", "builtins.open"])
def test_a_failing_write_leaves_nothing_and_the_older_file(
    tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"older")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(fails, fail)
        with pytest.raises(OSError, match="no space left"):
            tuned.save(path)
    assert os.listdir(tmp_path) == ["one.safetensors"]
    assert path.read_bytes() == b"older"


def test_an_interrupt_leaves_nothing(
    tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tuned.save(tmp_path / "one.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are posix")
def test_others_may_read_what_they_may_read_otherwise(tuned: Tuned, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    assert tuned.save(tmp_path / "one.safetensors").stat().st_mode == plain.stat().st_mode


def test_another_class_is_refused(tuned: Tuned, tmp_path: Path) -> None:
    path = tuned.save(tmp_path / "one.safetensors")
    with pytest.raises(ValueError, match="'one.safetensors' does not hold a Other of cnnwidgets"):
        Other.load(path)
    weights = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"preferred": torch.zeros(2)}, weights)
    with pytest.raises(ValueError, match="'weights.safetensors' does not hold a Other"):
        Other.load(weights)


def test_a_broken_file_is_told(tuned: Tuned, tmp_path: Path) -> None:
    path = tuned.save(tmp_path / "one.safetensors")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a result at all"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="'one.safetensors' is no whole safetensors file"):
            Tuned.load(path)
    with pytest.raises(FileNotFoundError):
        Tuned.load(tmp_path / "missing.safetensors")


def test_the_name_must_say_what_it_is(tuned: Tuned, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"saved as a .safetensors file, got 'one.pt'"):
        tuned.save(tmp_path / "one.pt")
    assert os.listdir(tmp_path) == []


def test_it_is_frozen(tuned: Tuned) -> None:
    with pytest.raises(FrozenInstanceError):
        tuned.rate = 3
    with pytest.raises(FrozenInstanceError):
        tuned.provenance.model = "other"


def test_a_table_has_one_row_a_unit(tuned: Tuned) -> None:
    frame = tuned.to_frame()
    assert list(frame.columns) == ["preferred", "count"]
    assert frame["preferred"].tolist() == pytest.approx([0.1, -2.5])
    assert frame["count"].tolist() == [2**40, -1]


def test_an_xarray_has_named_axes(tuned: Tuned) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed (extra: scale)")
    data = tuned.to_xarray()
    assert data["curve"].dims == ("unit", "angle")
    assert data["curve"].values == pytest.approx(tuned.curve.numpy())
    assert data.attrs["layer"] == '"features.3"'


def test_without_xarray_the_remedy_is_told(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(
        ImportError, match=r"to_xarray needs xarray: pip install 'cnnwidgets\[scale\]'"
    ):
        tuned.to_xarray()


def test_provenance_tells_versions() -> None:
    told = Provenance("m", "w", "cpu", "float32").versions
    assert told == versions()
    assert set(told) == {"python", "cnnwidgets", "torch", "numpy"}
    assert told["torch"] == torch.__version__


def test_no_progress_reports_nothing() -> None:
    assert no_progress(1, 2) is None
