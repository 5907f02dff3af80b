"""Pillow's settings and warnings while we read: silent for us, and as they were for all others."""

import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from cnnwidgets.data import read_picture
from cnnwidgets.data.picture_files import pillow_in_order
from tests.data.picture_corpus import content, patches


def saved(folder):
    """A picture of whose EXIF Pillow warns."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x03\x01\x12"  # three entries, of which half a one is there
    path = folder / "a.jpg"
    path.write_bytes(
        content(Image.fromarray(patches()), "jpg", exif=exif, quality=95, subsampling=0)
    )
    return path


def foreign() -> list[tuple]:
    """Filters that are not ours."""
    return [one for one in warnings.filters if "_WhileReading" not in type(one[3]).__name__]


def test_filters_of_other_threads_last_beyond_a_reading():
    inside, done = threading.Event(), threading.Event()

    def read() -> None:
        with pillow_in_order():
            inside.set()
            done.wait(20)

    with warnings.catch_warnings():
        reader = threading.Thread(target=read)
        reader.start()
        assert inside.wait(20)
        warnings.filterwarnings("ignore", message="set meanwhile")  # as another thread may
        expected = foreign()
        done.set()
        reader.join()
        assert foreign() == expected
        warnings.warn("set meanwhile", UserWarning, stacklevel=1)  # which would be an error


def test_what_another_thread_sets_back_meanwhile_is_not_brought_again():
    inside, done = threading.Event(), threading.Event()

    def read() -> None:
        with pillow_in_order():
            inside.set()
            done.wait(20)

    before = foreign()
    reader = threading.Thread(target=read)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        reader.start()
        assert inside.wait(20)
    done.set()
    reader.join()
    assert foreign() == before


def test_reading_is_silent_and_users_of_pillow_are_warned_as_ever(tmp_path):
    path = saved(tmp_path)
    for _ in range(3):  # the filter is put before those that came meanwhile
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.abs(read_picture(path).astype(int) - patches()).max() <= 12
            assert sum("_WhileReading" in type(one[3]).__name__ for one in warnings.filters) == 1
            with pytest.raises(UserWarning, match="EXIF|Truncated"), Image.open(path) as image:
                image.getexif()


def test_pillows_own_limit_is_told_where_a_user_made_it_small(tmp_path, monkeypatch):
    path = saved(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"too large: PIL\.Image\.MAX_IMAGE_PIXELS is 100, and tw"):
        read_picture(path)
