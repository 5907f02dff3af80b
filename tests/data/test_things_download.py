"""THINGS from OSF, which a server on this machine stands in for: whole and right, or told."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnwidgets import cli
from cnnwidgets.data import download_things, load_things, things_download
from tests.stand_in import StandInServer, keep_to_this_machine, sha256

IDS = [f"thing_{number}" for number in range(1854)]
FILES = {
    "spose_embedding_49d_sorted.txt": ("1 " * 49 + "\n") * 1854,
    "unique_id.txt": "\n".join(IDS),
    "items1854names.tsv": "Word\tuniqueID\n" + "\n".join(f"word {n}\t{n}" for n in IDS),
    "labels.mat": "not the labels of 66 dimensions",
    "triplets_noiseceiling.csv": "1 2 3 1 5\n",
    "im.mat": "large, and not wanted",
}
FILES_66 = {
    "spose_embedding_66d_sorted.txt": ("2 " * 66 + "\n") * 1854,
    "labels.txt": "\n".join(f"label {number}" for number in range(66)),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keep_to_this_machine(tmp_path, monkeypatch)
    monkeypatch.delenv("CNNWIDGETS_DATA", raising=False)
    return tmp_path / "cache" / "things"


class OSF(StandInServer):
    """Two projects: the older has its files in a folder of a folder, two on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.hashes: dict[str, str | None] = {}

    def publish(
        self, files: Mapping[str, str] = FILES, files_66: Mapping[str, str] = FILES_66
    ) -> str:
        top, inside = "/v2/nodes/z2784/files/osfstorage/", "/v2/nodes/z2784/files/osfstorage/5f/"
        self._page(top, [self._folder(f"{self.address}{inside}")], None)
        deep = inside + "6a/"
        self._page(inside, [self._folder(f"{self.address}{deep}")], None)
        entries = [self._entry(name, content) for name, content in files.items()]
        pages = [entries[first : first + 2] for first in range(0, len(entries), 2)] or [[]]
        for number, page in enumerate(pages):
            following = f"{deep}?page={number + 1}" if number + 1 < len(pages) else None
            self._page(f"{deep}?page={number}" if number else deep, page, following)
        entries = [self._entry(name, content) for name, content in files_66.items()]
        self._page("/v2/nodes/f5rn6/files/osfstorage/", entries, None)
        return f"{self.address}/v2"

    def _page(self, path: str, entries: list[Any], following: str | None) -> None:
        link = None if following is None else self.address + following
        page = {"data": entries, "links": {"next": link}}
        self.serve(path, json.dumps(page).encode(), "application/json")

    def _folder(self, address: str) -> dict[str, Any]:
        listing = {"files": {"links": {"related": {"href": address}}}}
        return {"attributes": {"name": "data", "kind": "folder"}, "relationships": listing}

    def _entry(self, name: str, content: str) -> dict[str, Any]:
        link = self.serve(f"/download/{name}", content.encode())
        right = self.hashes.get(name, sha256(content.encode()))
        hashes = {} if right is None else {"sha256": right}
        about = {"name": name, "kind": "file", "size": len(content), "extra": {"hashes": hashes}}
        return {"attributes": about, "links": {"download": link}}


@pytest.fixture
def osf() -> Iterator[OSF]:
    with OSF() as running:
        yield running


def test_all_is_found_and_fetched_once(
    osf: OSF, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = osf.publish()
    assert download_things(base=base) == own_cache
    said = capsys.readouterr().out
    assert said.startswith("THINGS: Hebart") and "Licence: CC BY 4.0" in said.splitlines()[0]
    assert "done without: sortind.mat, category_mat_manual.tsv" in said
    assert {file.name for file in own_cache.iterdir()} == {
        "spose_embedding_49d_sorted.txt", "unique_id.txt", "item_names.tsv", "labels_49.mat",
        "triplets_noiseceiling.csv", "spose_embedding_66d_sorted.txt", "labels_66.txt",
    }  # fmt: skip
    assert (own_cache / "item_names.tsv").read_text() == FILES["items1854names.tsv"]
    things = load_things(dimensions=66)
    assert things.names[3] == "word thing_3" and things.labels[65] == "label 65"
    assert np.all(things.embedding == 2) and things.folder == own_cache
    assert "/download/im.mat" not in osf.requested
    before = len([path for path in osf.requested if path.startswith("/download/")])
    assert before == 7
    (own_cache / "unique_id.txt").write_text("spoilt")
    download_things(base=base)
    again = [path for path in osf.requested if path.startswith("/download/")][before:]
    assert again == ["/download/unique_id.txt"]


def test_a_missing_file_is_told(osf: OSF, own_cache: Path) -> None:
    files = {name: content for name, content in FILES.items() if name != "unique_id.txt"}
    with pytest.raises(FileNotFoundError, match=r"unique_id.txt is in no folder of osf.io/z2784"):
        download_things(base=osf.publish(files))
    assert not own_cache.exists()


def test_another_file_is_thrown_away(osf: OSF, own_cache: Path) -> None:
    osf.hashes["unique_id.txt"] = "0" * 64
    with pytest.raises(ValueError, match="where 0000000000.* is expected"):
        download_things(base=osf.publish())
    assert not (own_cache / "unique_id.txt").exists()


@pytest.mark.parametrize("given", [None, "", "abc"])
def test_a_file_without_hash_is_not_fetched(osf: OSF, own_cache: Path, given: str | None) -> None:
    osf.hashes["spose_embedding_49d_sorted.txt"] = given
    with pytest.raises(ValueError, match="without the SHA-256"):
        download_things(base=osf.publish())
    assert not (own_cache / "spose_embedding_49d_sorted.txt").exists()


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_of_the_server_is_told(osf: OSF, own_cache: Path, status: int) -> None:
    base = osf.publish()
    osf.refuse("/v2/nodes/z2784/files/osfstorage/5f/", status)
    with pytest.raises(ConnectionError, match=f"127.0.0.1:.* answered: {status}"):
        download_things(base=base)
    assert not own_cache.exists()


def test_nonsense_and_circles_end(osf: OSF) -> None:
    base = osf.publish()
    path = "/v2/nodes/z2784/files/osfstorage/"
    osf.serve(path, b"<html>log in</html>", "text/html")
    with pytest.raises(ConnectionError, match="something else than JSON"):
        download_things(base=base)
    for nonsense in (b"[]", b'{"data": [1, null, {"attributes": 3}], "links": []}', b'{"data": 7}'):
        osf.serve(path, nonsense, "application/json")
        with pytest.raises(FileNotFoundError, match="in no folder"):
            download_things(base=base)
    osf._page(path, [osf._folder(osf.address + path)], path)  # itself, and again
    with pytest.raises(FileNotFoundError, match="in no folder"):
        download_things(base=base)


def test_what_breaks_off_leaves_nothing(osf: OSF, own_cache: Path) -> None:
    base = osf.publish()
    osf.break_off("/download/unique_id.txt", FILES["unique_id.txt"].encode())
    with pytest.raises(ConnectionError, match="broke off"):
        download_things(base=base)
    assert "unique_id.txt" not in {file.name for file in own_cache.iterdir()}
    with pytest.raises(ConnectionError, match="could not be reached"):
        download_things(base="http://127.0.0.1:9/v2")


def test_the_command(
    osf: OSF, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["things", "where"]) == 0
    assert capsys.readouterr().out == f"{own_cache}\n"
    monkeypatch.setattr(things_download.download_things, "__kwdefaults__", {"base": osf.publish()})
    assert cli.main(["things", "get"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("THINGS: Hebart") and out[-1] == str(own_cache)
    osf.refuse("/v2/nodes/z2784/files/osfstorage/", 503)
    assert cli.main(["things", "get"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("cnnwidgets: 127.0.0.1") and err.count("\n") == 1
