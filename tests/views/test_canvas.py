"""What stands on the canvas, pixel for pixel, against the same drawn in numpy."""

import numpy as np
import pytest

from cnnwidgets.views import Picture, encoding
from cnnwidgets.views.display import blend_overlay
from tests.views.page import ViewPage, wired

pytestmark = pytest.mark.browser

SIDE = 280  # px of the canvas: five for each pixel of the picture
PICTURE = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)
CELLS = np.random.default_rng(1).integers(0, 256, (5, 4), dtype=np.uint8)


def enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def test_raw_pixels_arrive_as_they_are(page: ViewPage) -> None:
    page.mount("view", Picture(frame=encoding.raw(PICTURE)))
    assert np.array_equal(page.pixels("view"), enlarged(PICTURE, 5))
    other = PICTURE[::-1].copy()
    page.tell("view", frame=encoding.raw(other))
    assert np.array_equal(page.pixels("view"), enlarged(other, 5))


@pytest.mark.parametrize("encode", [encoding.png, encoding.jpeg])
def test_encoded_pixels_arrive(page: ViewPage, encode) -> None:
    smooth = np.dstack([np.add.outer(np.arange(56), 2 * np.arange(56)) + 20] * 3).astype(np.uint8)
    page.mount("view", Picture())
    page.tell("view", frame=encode(smooth))
    difference = np.abs(page.pixels("view").astype(int) - enlarged(smooth, 5))
    assert difference.max() <= (0 if encode is encoding.png else 12)


def test_a_window_shows_its_part_and_hatches_what_lies_beyond(page: ViewPage) -> None:
    frame = encoding.raw(PICTURE)
    page.mount("view", Picture(frame=frame, window=[30, -14, 58, 14], extent=[56, 56]))
    seen = page.pixels("view")
    assert np.array_equal(seen[:260, 140:], enlarged(PICTURE[30:56, :14], 10))
    for beyond in (seen[:, :139], seen[261:, 141:]):
        assert beyond.min() == 128 and 160 < beyond.max() < 190
        assert 0.03 < np.mean(beyond > 150) < 0.4


def test_a_window_that_is_not_square_is_letterboxed(page: ViewPage) -> None:
    page.mount("view", Picture(frame=encoding.raw(PICTURE), window=[0, 0, 28, 56]))
    seen = page.pixels("view")
    assert np.array_equal(seen[70:210], enlarged(PICTURE[:28], 5))
    assert np.unique(seen[:70]).tolist() == np.unique(seen[210:]).tolist() == [128]


def test_pixels_lie_where_their_box_says(page: ViewPage) -> None:
    patch = encoding.raw(PICTURE[:14, :28], [28, 14, 42, 42])
    page.mount("view", Picture(frame=patch, extent=[56, 56]))
    seen = page.pixels("view")
    assert np.array_equal(seen[140:210, 70:210], enlarged(PICTURE[:14, :28], 5))
    seen[140:210, 70:210] = 128
    assert np.unique(seen).tolist() == [128]


def test_the_map_is_the_export_s_map(page: ViewPage) -> None:
    start, jump = (8.0, 9.0), (10.0, 12.0)
    overlay = encoding.overlay(CELLS, start, jump)
    page.mount("view", Picture(frame=encoding.raw(PICTURE), overlay=overlay, strength=0.7))
    big = enlarged(PICTURE, 5)
    scaled = [tuple(5 * number for number in pair) for pair in (start, jump)]
    expected = blend_overlay(big, CELLS, start=scaled[0], jump=scaled[1], strength=0.7)
    assert np.abs(page.pixels("view").astype(int) - expected).max() <= 3
    page.tell("view", strength=0)
    assert np.array_equal(page.pixels("view"), big)


def test_marks_are_white_in_black_at_their_box(page: ViewPage) -> None:
    grey = encoding.raw(np.full((56, 56, 3), 90, np.uint8))
    marks = [{"kind": "field", "box": [10, 20, 40, 50]}]
    page.mount("view", Picture(frame=grey, marks=marks))
    changed = page.pixels("view")[..., 0] != 90
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(
        (48, 201, 98, 251), abs=1
    )
    assert not changed[53:197, 103:247].any()
    assert page.pixels("view")[100, 99:101].min() == 255
    page.tell("view", marks=[{"kind": "free", "box": [10, 20, 40, 50]}])
    dotted = page.pixels("view")[50, 100:250, 0]
    assert 20 < (np.diff((dotted > 150).astype(int)) == 1).sum() < 40


def test_a_box_that_leaves_the_window_is_drawn_faintly_at_the_edge(page: ViewPage) -> None:
    grey = encoding.raw(np.full((56, 56, 3), 90, np.uint8))
    page.mount("view", Picture(frame=grey, marks=[{"kind": "field", "box": [-9, 10, 30, 40]}]))
    seen = page.pixels("view")[..., 0]
    assert seen[100, 48:53].max() == 255
    assert 110 < seen[:6, 120].max() < 200


def test_a_late_decode_never_replaces_a_newer_picture(page: ViewPage) -> None:
    page.mount("view", Picture(frame=encoding.raw(PICTURE)))
    page.page.evaluate(
        """() => {
          const real = createImageBitmap.bind(globalThis);
          globalThis.finish = [];
          globalThis.createImageBitmap = (blob) =>
            new Promise((done) => finish.push(() => real(blob).then(done)));
        }"""
    )
    shades = [np.full((56, 56, 3), shade, np.uint8) for shade in (50, 100, 150, 200)]
    drawn = "(frame) => view.tell({ frame })"
    for shade in shades[:2]:
        page.page.evaluate(drawn, wired(encoding.png(shade)))
    before = page.page.evaluate("+view.el.dataset.drawn")
    page.page.evaluate("finish[1]()")
    page.page.wait_for_function(f"view.el.dataset.drawn > {before}")
    assert np.unique(page.pixels("view")).tolist() == [100]
    page.page.evaluate("finish[0]()")
    page.page.wait_for_timeout(100)
    assert np.unique(page.pixels("view")).tolist() == [100]
    page.page.evaluate(drawn, wired(encoding.png(shades[2])))
    page.tell("view", frame=encoding.raw(shades[3]))
    page.page.evaluate("finish[2]()")
    page.page.wait_for_timeout(100)
    assert np.unique(page.pixels("view")).tolist() == [200]


def test_marks_wait_for_the_pixels_they_came_with(page: ViewPage) -> None:
    page.mount("view", Picture(frame=encoding.raw(np.zeros((56, 56, 3), np.uint8))))
    page.page.evaluate("() => { createImageBitmap = () => new Promise(() => {}); }")
    state = {
        "frame": wired(encoding.png(PICTURE)),
        "marks": [{"kind": "cell", "box": [10, 10, 20, 20]}],
    }
    page.page.evaluate("(state) => view.tell(state)", state)
    page.page.wait_for_timeout(100)
    assert not page.pixels("view").any()


def test_a_message_stands_in_place_of_the_picture_at_the_same_size(page: ViewPage) -> None:
    page.mount("view", Picture(frame=encoding.raw(PICTURE), title="What it sees there"))
    frame = page.page.locator(".cw-frame")
    before = frame.bounding_box()
    page.tell("view", message=["Unit 40 is silent.", "Choose another <b>unit</b>."])
    assert frame.bounding_box() == before
    assert frame.inner_text().split("\n") == ["Unit 40 is silent.", "Choose another <b>unit</b>."]
    assert not page.page.locator("canvas").is_visible()
    page.tell("view", message=[])
    assert page.page.locator("canvas").is_visible()
