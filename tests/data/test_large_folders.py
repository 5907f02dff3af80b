"""Folders of more pictures than one wants to wait for: listed by their names alone."""

import os
import random
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from cnnwidgets.data import LeftOut, folders, images, load_images, sequence

LINKS = 30_000
"""Names that one file gets; some file systems allow 65 000."""


def fill(folder: Path, count: int) -> list[str]:
    """Make pictures by links to a few files: number n has the grey value n // LINKS."""
    folder.mkdir(parents=True)
    names = [f"img{number}.png" for number in range(count)]
    for start in range(0, count, LINKS):
        value = start // LINKS
        first = folder.parent / f".{folder.name}{value}"
        Image.new("RGB", (6, 4), (value, value, value)).save(first, "PNG")
        for name in names[start : start + LINKS]:
            os.link(first, folder / name)
    return names


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files whose headers, or pixels, are looked at."""
    looked: list[str] = []

    def noting(name: str, plain):
        def noted(path):
            looked.append(Path(path).name)
            return plain(path)

        return noted

    for module, name in (
        (folders, "header_fault"),
        (images, "header_fault"),
        (sequence, "read_picture"),
    ):
        monkeypatch.setattr(module, name, noting(name, getattr(module, name)))
    monkeypatch.setattr(sequence, "_decoded", sequence.DecodedPictures(sequence.CACHE_BYTES))
    return looked


def assert_is_lazy(folder: Path, names: list[str], opened: list[str]) -> None:
    found = load_images(folder)
    assert opened == []
    assert len(found) == len(names)
    assert list(found.names) == [name.removesuffix(".png") for name in names]  # 2 before 10
    assert (found[0].shape, len(opened)) == ((4, 6, 3), 1)
    for number in random.Random(0).sample(range(len(names)), 5):
        assert found[number][0, 0, 0] == number // LINKS
        assert found.images.file(number) == folder / names[number]


def test_thousands_of_pictures_are_listed_without_a_look_at_them(tmp_path, opened):
    names = fill(tmp_path / "many", folders.HEADERS_AT_ONCE + 1)
    assert_is_lazy(tmp_path / "many", names, opened)


@pytest.mark.slow
def test_a_hundred_thousand_pictures(opened):
    with tempfile.TemporaryDirectory() as made:  # pytest would keep its own for three runs
        names = fill(Path(made) / "many", 100_000)
        assert_is_lazy(Path(made) / "many", names, opened)


def test_of_fewer_pictures_every_header_is_looked_at(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(folders, "HEADERS_AT_ONCE", 12)
    names = fill(tmp_path / "few", 12)
    assert len(load_images(tmp_path / "few")) == 12
    assert opened == names


def test_a_bad_file_among_thousands_says_so_when_its_turn_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "HEADERS_AT_ONCE", 5)
    many = tmp_path / "many"
    fill(many, 6)
    (many / "img3.png").unlink()
    (many / "img3.png").write_text("not a picture")
    found = load_images(many)
    assert (len(found), found.left_out) == (6, ())
    with pytest.raises(ValueError, match=r"img3\.png' is no picture that can be read"):
        found["img3"]
    assert [found[number].shape for number in (2, 4)] == [(4, 6, 3)] * 2


def test_what_a_name_tells_is_told_at_once_also_among_thousands(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "HEADERS_AT_ONCE", 5)
    many = tmp_path / "many"
    fill(many, 6)
    (many / "img9.heic").write_bytes(b"ftypheic")
    (many / "img7.png").symlink_to("nothing")
    with pytest.warns(UserWarning, match="left out"):
        found = load_images(many)
    reasons = {LeftOut(many / "img7.png", "is a link that leads nowhere").reason}
    reasons.add("is in a format that is not read (PNG, JPEG, WebP, TIFF, GIF and BMP are)")
    assert len(found) == 6
    assert {left.reason for left in found.left_out} == reasons


def test_categories_of_thousands_are_as_lazy(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(folders, "HEADERS_AT_ONCE", 10)
    for name in ("b10", "b9", "a"):
        fill(tmp_path / "top" / name, 4)
    found = load_images(tmp_path / "top")
    assert opened == []
    assert found.categories == ("a",) * 4 + ("b9",) * 4 + ("b10",) * 4
    assert found.names[4:6] == ("b9/img0", "b9/img1")


def test_beside_a_picture_folders_are_not_searched(tmp_path, monkeypatch):
    fill(tmp_path / "home", 1)
    fill(tmp_path / "home" / "holiday", 3)
    fill(tmp_path / "home" / "deep" / "deeper", 1)
    (tmp_path / "home" / "mail").mkdir()
    for number in range(500):
        (tmp_path / "home" / "mail" / f"{number}.txt").touch()
    looked, plain = list[str](), os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": looked.append(str(path)) or plain(path))
    with pytest.warns(UserWarning, match=r"beside folders of pictures \(holiday\): only the"):
        found = load_images(tmp_path / "home")
    assert found.names == ("img0",)
    assert not any("deeper" in path for path in looked)
    assert len(looked) <= 5
