"""Display: planted values, and every rule written a second, slower way."""

import math

import numpy as np
import pytest

from cnnwidgets.views.display import (
    DIVERGING,
    VIRIDIS,
    blend_overlay,
    contrast_limit,
    grey_contrast,
    levels,
    salient_contrast,
    squash,
)


def planted(seed: int = 0, shape: tuple[int, ...] = (3, 40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_half_a_per_cent_of_the_values_is_darker_than_one_per_cent() -> None:
    image = planted()
    shades = squash(image, contrast_limit(image))
    assert np.mean(shades < 0.01) == pytest.approx(0.005, abs=2e-4)
    at_limit = squash(np.array([-contrast_limit(image)]), contrast_limit(image))
    assert at_limit == pytest.approx(0.01, abs=1e-6)


def test_zero_is_mid_grey() -> None:
    image = planted()
    image[:, 7, 9] = 0
    assert squash(image, contrast_limit(image))[:, 7, 9] == pytest.approx(0.5, abs=1e-6)
    pixels, _ = salient_contrast(image)
    assert pixels[7, 9].tolist() == [128, 128, 128]


def test_contrast_is_the_sigmoid_of_the_paper() -> None:
    image = planted(1)
    pixels, limit = salient_contrast(image)
    ordered = sorted(image.ravel().tolist())
    place = 0.005 * (len(ordered) - 1)
    below = ordered[math.floor(place)]
    quantile = below + (place % 1) * (ordered[math.floor(place) + 1] - below)
    assert limit == pytest.approx(-quantile, rel=1e-6)
    for row, column, channel in [(0, 0, 0), (11, 30, 2), (39, 49, 1)]:
        value = float(image[channel, row, column])
        expected = 255 / (1 + math.exp(-math.log(99) * value / abs(quantile)))
        assert abs(int(pixels[row, column, channel]) - expected) <= 0.51


def test_the_scale_of_the_seed_changes_nothing() -> None:
    image = planted(2)
    pixels, limit = salient_contrast(image)
    scaled, smaller = salient_contrast(image * np.float32(2.0**-30))
    assert np.array_equal(pixels, scaled)
    assert smaller == pytest.approx(limit * 2.0**-30)


def test_a_fixed_limit_keeps_the_scale() -> None:
    image = planted(3)
    pixels, limit = salient_contrast(image, 20.0)
    assert limit == 20.0
    assert np.array_equal(
        pixels, np.rint(255 * squash(image, 20.0)).astype(np.uint8).transpose(1, 2, 0)
    )
    assert int(np.ptp(pixels)) < int(np.ptp(salient_contrast(image)[0]))


def test_sparse_pictures_fall_back_to_the_smallest_then_the_largest_value() -> None:
    sparse = np.zeros((3, 50, 50), np.float32)
    sparse[0, 3, 4], sparse[1, 5, 6] = -2.0, 8.0
    assert contrast_limit(sparse) == 2.0
    assert contrast_limit(np.abs(sparse)) == 8.0
    assert contrast_limit(np.zeros((3, 5, 5))) == 0.0
    pixels, limit = salient_contrast(np.zeros((3, 5, 5)))
    assert limit == 0 and np.unique(pixels).tolist() == [128]


def test_values_that_are_no_numbers_are_mid_grey_and_do_not_set_the_scale() -> None:
    image = planted(4)
    limit = contrast_limit(image)
    image[0, 0, 0] = np.nan
    assert contrast_limit(image) == pytest.approx(limit, rel=0.05)
    assert salient_contrast(image)[0][0, 0, 0] == 128


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_numbers_of_channels_are_drawn_in_grey(channels: int) -> None:
    image = planted(5, (channels, 8, 9))
    pixels, _ = salient_contrast(image)
    assert pixels.shape == (8, 9, 3)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    mean = image.mean(0)
    order = np.argsort(mean.ravel())
    assert np.all(np.diff(pixels[..., 0].ravel()[order].astype(int)) >= 0)


def test_grey_is_the_contrast_of_the_channel_mean() -> None:
    image = planted(6)
    grey, limit = grey_contrast(image)
    mean, same = salient_contrast(image.mean(0, keepdims=True))
    assert np.array_equal(grey, mean) and limit == same
    colour, _ = salient_contrast(image)
    assert not np.array_equal(colour[..., 0], colour[..., 1])


@pytest.mark.parametrize("shape", [(8, 9), (0, 8, 9), (1, 3, 8, 9)])
def test_a_picture_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\[channels, height, width\]; got shape"):
        salient_contrast(np.zeros(shape))
    with pytest.raises(ValueError, match=r"\[channels, height, width\]; got shape"):
        grey_contrast(np.zeros(shape))


def test_levels_are_shares_of_the_limit() -> None:
    activation = np.array([[0.0, 2.0, 4.0], [-3.0, 8.0, np.nan]])
    assert levels(activation, 4.0).tolist() == [[0, 128, 255], [0, 255, 0]]
    assert not levels(activation, 0.0).any()


def test_tables_hold_the_anchors_of_the_design() -> None:
    anchors = np.linspace(0, 255, 5).round().astype(int)
    designed = "440154 3b528b 21918c 5ec962 fde725".split()
    for place, anchor in zip(anchors, designed, strict=True):
        assert np.abs(VIRIDIS[place].astype(int) - list(bytes.fromhex(anchor))).max() <= 2
    lightness = VIRIDIS @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(np.diff(lightness) > -1)
    assert DIVERGING[128].tolist() == pytest.approx([128, 128, 128], abs=1)
    assert DIVERGING[[0, 255]].tolist() == [[11, 45, 91], [255, 227, 176]]


def test_overlay_is_drawn_where_the_centres_lie() -> None:
    picture = np.random.default_rng(7).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    overlay = np.array([[0, 255, 90], [30, 0, 200]], np.uint8)
    start, jump = (4.5, 3.0), (8.0, 6.0)
    drawn = blend_overlay(picture, overlay, start=start, jump=jump, strength=0.6)
    for y in range(20):
        for x in range(24):
            row = math.floor((y + 0.5 - (start[0] - jump[0] / 2)) / jump[0])
            column = math.floor((x + 0.5 - (start[1] - jump[1] / 2)) / jump[1])
            inside = 0 <= row < 2 and 0 <= column < 3
            value = int(overlay[row, column]) if inside else 0
            opacity = 0.6 * (value / 255) ** 1.1
            expected = (1 - opacity) * picture[y, x] + opacity * VIRIDIS[value]
            assert np.abs(drawn[y, x] - expected).max() <= 0.51
