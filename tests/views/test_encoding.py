"""Frames: the bytes are the pixels, and they say what they cover."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cnnwidgets.views import encoding
from cnnwidgets.views.figure import SIDE, Panel, compose


def picture(height: int = 12, width: int = 17) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([9 * rows, 9 * columns, 120 + rows - columns], axis=2).astype(np.uint8)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def test_raw_bytes_are_the_pixels() -> None:
    frame = encoding.raw(picture(), [-3, 2, 9, 19])
    assert frame["data"] == bytes(picture().ravel())
    assert (frame["format"], frame["height"], frame["width"]) == ("rgb", 12, 17)
    assert frame["box"] == [-3, 2, 9, 19]


def test_a_frame_covers_its_own_pixels_unless_told_otherwise() -> None:
    assert encoding.raw(picture())["box"] == [0, 0, 12, 17]


def test_a_view_of_other_pixels_is_copied_in_order() -> None:
    turned = picture().transpose(1, 0, 2)
    assert encoding.raw(turned)["data"] == bytes(np.ascontiguousarray(turned).ravel())


def test_png_is_exact_and_jpeg_near() -> None:
    assert np.array_equal(decoded(encoding.png(picture())["data"]), picture())
    assert np.array_equal(decoded(encoding.png_bytes(picture())), picture())
    near = decoded(encoding.jpeg(picture())["data"]).astype(int)
    assert 0 < np.abs(near - picture()).max() < 30
    rough = encoding.jpeg(picture(200, 200), quality=10)["data"]
    assert len(rough) < len(encoding.jpeg(picture(200, 200))["data"])


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 8, 8)), np.zeros((8, 8), np.uint8), np.zeros((0, 8, 3), np.uint8)]
)
def test_other_arrays_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a frame is uint8 \[height, width, 3\]; got"):
        encoding.raw(wrong)


def test_overlay_says_where_its_cells_lie() -> None:
    cells = np.arange(6, dtype=np.uint8).reshape(2, 3)
    overlay = encoding.overlay(cells, (15.5, 7.5), (16, 8))
    assert overlay == {
        "data": bytes(range(6)),
        "rows": 2,
        "columns": 3,
        "start": [15.5, 7.5],
        "jump": [16, 8],
    }


def test_a_figure_holds_its_panels_enlarged_in_order() -> None:
    flat = [np.full((4, 4, 3), shade, np.uint8) for shade in (40, 200)]
    tall = np.full((8, 4, 3), 10, np.uint8)
    panels = [Panel("a", "1", flat[0]), Panel("b", "", flat[1]), Panel("tall", "", tall)]
    figure = decoded(compose(panels, "SqueezeNet 1.1 · features.9 × −"))
    rows = figure[figure.shape[0] // 2, :, 0]
    assert (rows == 40).sum() == (rows == 200).sum() == SIDE
    assert (rows == 10).sum() == SIDE // 2 and (rows == 128).sum() == SIDE // 2
    assert rows.tolist().index(40) < rows.tolist().index(200) < rows.tolist().index(10)
    assert figure[-1].min() == 255 and figure[-60:].min() < 200  # the source, then the margin


def test_a_box_is_framed_at_its_place() -> None:
    shade = np.full((10, 10, 3), 90, np.uint8)
    plain = decoded(compose([Panel("", "", shade)], ""))
    framed = decoded(compose([Panel("", "", shade, [(2, 3, 6, 8)])], ""))
    rows, columns, _ = np.nonzero(plain != framed)
    assert np.ptp(rows) == pytest.approx(SIDE * 0.4, abs=2)
    assert np.ptp(columns) == pytest.approx(SIDE * 0.5, abs=2)


def test_a_long_source_is_broken_into_lines() -> None:
    panel = [Panel("", "", picture())]
    short, long = (decoded(compose(panel, "word " * count)).shape for count in (3, 60))
    assert long[1] == short[1] and long[0] > short[0] + 20


def test_a_figure_without_panels_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one panel"):
        compose([], "")
