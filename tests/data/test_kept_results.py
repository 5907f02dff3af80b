"""Results in the cache: by their key, whole or not at all, the oldest go first."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from cnnwidgets.data import kept_results
from cnnwidgets.data.kept_results import keep, kept, key_of
from cnnwidgets.results import Provenance, Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Table(Result):
    axes = {"values": ("unit",)}  # noqa: RUF012
    values: torch.Tensor


def table(start: int = 0, count: int = 8) -> Table:
    source = Provenance(model="Tiny", weights="0" * 16, device="cpu", precision="float32")
    return Table(provenance=source, values=torch.arange(start, start + count))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path))
    return tmp_path / "results"


def test_what_was_kept_is_found_again_under_its_key_only(folder: Path) -> None:
    assert kept(Table, "one") is None
    assert keep(table(), "one") and keep(table(5), "two")
    found = kept(Table, "two")
    assert found is not None and found.values.tolist() == list(range(5, 13))
    assert found.provenance == table().provenance
    assert kept(Table, "three") is None
    assert len(list(folder.iterdir())) == 2  # and nothing unfinished


def test_a_key_stands_for_its_parts_and_their_order() -> None:
    keys = [["a", "bc"], ["ab", "c"], ["c", "ab"], ["ab", b"c", ""], [], [""], ["abc"]]
    assert len({key_of(parts) for parts in keys}) == len(keys)
    assert key_of(["ab", "c"]) == key_of([b"ab", b"c"])


@pytest.mark.parametrize("harm", ["cut", "empty", "other", "text", "folder"])
def test_a_broken_file_is_none_and_is_replaced(folder: Path, harm: str) -> None:
    keep(table(), "one")
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    else:
        from safetensors.torch import save

        other = save({"values": torch.zeros(3)}, {"cnnwidgets": '{"class": "Table"}'})
        broken = {"cut": content[:-9], "empty": b"", "other": other, "text": b"hello" * 99}
        path.write_bytes(broken[harm])
    assert kept(Table, "one") is None
    assert keep(table(3), "one") is (harm != "folder")
    if harm != "folder":
        found = kept(Table, "one")
        assert found is not None and found.values[0] == 3


def test_a_cache_that_cannot_be_written_is_no_harm(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where the folder should be")
    assert keep(table(), "one") is False
    assert kept(Table, "one") is None


def test_the_oldest_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(table(), "0")
    (path,) = folder.iterdir()
    monkeypatch.setattr(kept_results, "MOST_BYTES", int(3.5 * path.stat().st_size))
    for number in range(1, 3):
        keep(table(number), str(number))
    for number in range(3):  # as if a day apart
        aged = folder / f"Table-{number}.safetensors"
        os.utime(aged, (1e9 + 86400 * number, 1e9 + 86400 * number))
    assert kept(Table, "0") is not None  # used now
    keep(table(3), "3")
    left = {path.stem for path in folder.iterdir()}
    assert left == {"Table-0", "Table-2", "Table-3"}
