"""Anything given as pictures: pictures, or one sentence in a built-in error."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from cnnwidgets.data import ImageSet, load_images, read_picture

DOCUMENTED = (*(ValueError, TypeError, FileNotFoundError, IsADirectoryError, NotADirectoryError),)
MODES = (
    *("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"),
    *("LA", "PA", "RGBX", "RGBa", "La", "I;16", "I;16B", "I;16L", "I;16N"),
)
SIDES = st.integers(0, 6)


@st.composite
def images(draw: Callable[[Any], Any]) -> Image.Image:
    image = Image.new(draw(st.sampled_from(MODES)), (draw(SIDES), draw(SIDES)))
    if draw(st.booleans()):
        image.info["transparency"] = draw(st.sampled_from([0, 7, b"\0\x80", (1, 2, 3), b"", "x"]))
    return image


ARRAYS = hnp.arrays(
    dtype=st.one_of(
        hnp.scalar_dtypes(), hnp.unicode_string_dtypes(max_len=2), st.just(np.dtype(object))
    ),
    shape=hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
    elements=None,
    fill=st.nothing(),
)
PATHS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "~", "~nobody-of-this-name/a", "\0", ".", "x" * 300, "x/" * 3000, "\n"]),
    st.sampled_from(["/dev/null", "/dev/zero", "/etc/hostname/x", "phot os", "\udcff", "\ud800"]),
).filter(lambda path: path in ("", ".") or not os.path.isdir(path))  # "/" would be searched whole
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=4),
    st.dictionaries(st.text(max_size=2), st.none()), st.just(object()), st.just(iter(())),
)  # fmt: skip
ENTRIES = st.one_of(images(), ARRAYS, PATHS, PATHS.map(Path), ODD)


def told(ask: Callable[[], Any]) -> Any:
    """Give the answer, or nothing where it is refused in one sentence; no other error may come."""
    try:
        return ask()
    except DOCUMENTED as error:
        found, sentence = type(error), str(error)
    assert found in DOCUMENTED
    assert len(sentence.splitlines()) == 1 and sentence.strip(), sentence
    assert "Errno" not in sentence
    sentence.encode()
    return None


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> None:
    """An empty place to stand in, for paths that lead anywhere from there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", os.fspath(tmp_path))


@given(ENTRIES)
def test_a_picture_of_anything(nowhere, source):
    picture = told(lambda: read_picture(source))
    if picture is None:
        return
    assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
    size = source.size[::-1] if isinstance(source, Image.Image) else source.shape[:2]
    assert picture.shape[:2] == size


@given(st.one_of(st.lists(ENTRIES, max_size=4), st.tuples(ENTRIES), ARRAYS, PATHS, ODD))
def test_a_set_of_anything(nowhere, source):
    found = told(lambda: load_images(source))
    if found is None:
        return
    assert isinstance(found, ImageSet)
    assert len(found) == len(source) == len(set(found.names))
    assert all(picture.ndim == 3 for picture in found)


@given(st.one_of(st.text(max_size=20), ODD))
def test_a_picture_by_any_name(name):
    photos = load_images("photos")
    if isinstance(name, bool | int) and -10 <= name < 10:
        return
    try:
        photos[name]
    except (KeyError, IndexError, TypeError) as error:
        sentence = str(error)
    assert len(sentence.splitlines()) == 1
    assert name not in photos if not isinstance(name, dict) else True


def test_arrays_that_are_no_plain_arrays():
    flat = np.arange(12, dtype=np.uint8).reshape(3, 4)
    wanted = read_picture(flat)
    matrix = flat.view(np.matrix) if hasattr(np, "matrix") else flat
    for array in (matrix, np.ma.masked_array(flat, flat > 5), flat.astype(">u2") * 257, flat[::1]):
        assert np.array_equal(read_picture(array), wanted)
    with pytest.raises(ValueError, match=r"the picture is too large \(100000 x 100000\): at most"):
        read_picture(np.broadcast_to(np.uint8(0), (100_000, 100_000, 3)))
