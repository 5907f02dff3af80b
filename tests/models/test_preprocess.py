"""How a picture becomes a network's input: planted squares, greys, and sentences."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from cnnwidgets.models import wrap_model
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, crop, normalize, to_unit_range


def _centre_of_white(picture: np.ndarray) -> tuple[float, float, float]:
    """(y, x) of the white's centre of mass, in pixels, and its area."""
    white = picture[..., 0] / 255
    ys, xs = np.mgrid[: white.shape[0], : white.shape[1]] + 0.5
    return (
        float((ys * white).sum() / white.sum()),
        float((xs * white).sum() / white.sum()),
        float(white.sum()),
    )


@pytest.mark.parametrize(
    ("height", "width", "square", "size", "wanted"),
    [
        # a wide picture: 200 x 400, the middle 200 x 200 is taken and halved
        (200, 400, (90, 190, 20), (100, 100), (50, 50, 100)),
        (200, 400, (40, 140, 20), (100, 100), (25, 25, 100)),
        # a high picture: rows 100 to 300 are taken
        (400, 200, (140, 20, 40), (100, 100), (30, 20, 400)),
        # enlarged four times
        (50, 50, (10, 20, 10), (200, 200), (60, 100, 1600)),
        # a network of another shape than square: 60 x 240 of 240 x 240, then halved
        (240, 240, (110, 40, 20), (30, 120), (15, 25, 100)),
    ],
)
def test_a_planted_square_lands_where_it_should(
    height: int,
    width: int,
    square: tuple[int, int, int],
    size: tuple[int, int],
    wanted: tuple[float, float, float],
) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    top, left, side = square
    picture[top : top + side, left : left + side] = 255
    found = crop(picture, 3, *size)
    assert found.shape == (*size, 3)
    y, x, area = _centre_of_white(found)
    assert (y, x) == pytest.approx(wanted[:2], abs=0.05)
    assert area == pytest.approx(wanted[2], rel=0.02)


def test_only_what_leaves_the_format_is_cut_away() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, :100] = (255, 0, 0)
    wide[:, 200:] = (0, 0, 255)
    found = crop(wide, 3, 50, 50)
    assert not found[:, 1:-1].any()  # only the outermost pixels are mixed with what lies beyond
    assert (found[:, [0, -1]] < 64).all()
    exact = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    assert np.array_equal(crop(exact, 3, 64, 48), exact)


def test_a_picture_of_any_size_fits() -> None:
    """Rounding must not lead out of the picture (314 x 239 to 224 x 224 did)."""
    dice = random.Random(0)
    sizes = [(dice.randint(1, 400), dice.randint(1, 400)) for _ in range(400)]
    for height, width in [(239, 314), (314, 239), (113, 191), (1, 1000), (1000, 1), *sizes]:
        picture = np.full((height, width, 3), 200, np.uint8)
        found = crop(picture, 3, dice.choice([1, 27, 32]), dice.choice([1, 27, 48]))
        assert (found == 200).all()


def test_grey_and_colour() -> None:
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    assert np.array_equal(crop(grey, 3, 2, 2), np.repeat(grey[..., None], 3, 2))
    assert np.array_equal(crop(grey, 1, 2, 2)[..., 0], grey)
    assert np.array_equal(crop(grey[..., None], 1, 2, 2)[..., 0], grey)
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert crop(colours, 1, 1, 3)[0, :, 0].tolist() == [76, 150, 29]  # Rec. 601 luma
    for mode in ("1", "L", "P", "CMYK", "RGBA", "LA"):
        assert crop(Image.new(mode, (8, 8)), 3, 4, 4).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("picture", "channels", "error", "message"),
    [
        (
            np.zeros((8, 8, 3), np.uint8),
            4,
            ValueError,
            r"1 or 3 channels, but this network takes 4; .*\[N, 4,",
        ),
        (np.zeros((8, 8, 3)), 3, TypeError, "PIL image or a uint8 array, got an array of float64"),
        (np.zeros((8, 8, 4), np.uint8), 3, ValueError, r"got \[8, 8, 4\]"),
        (
            np.zeros((3, 8, 8), np.uint8),
            3,
            ValueError,
            r"\[height, width, 3\] or \[height, width\], got \[3, 8, 8\]",
        ),
        ("chelsea.jpg", 3, TypeError, "got str"),
    ],
)
def test_what_is_no_picture_is_told(
    picture: object, channels: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        crop(picture, channels, 8, 8)


def test_the_range_and_the_order_of_axes() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[1, 2] = (255, 51, 0)
    found = to_unit_range([picture, picture])
    assert found.shape == (2, 3, 2, 3)
    assert found.dtype == torch.float32
    assert found[0, :, 1, 2].tolist() == pytest.approx([1, 0.2, 0])
    assert found.sum() == pytest.approx(2.4)


def test_imagenets_numbers() -> None:
    grey = normalize(torch.full((1, 3, 1, 1), 0.5), IMAGENET_MEAN, IMAGENET_STD).flatten()
    assert grey.tolist() == pytest.approx([0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225])


def test_several_pictures() -> None:
    model = wrap_model(torch.nn.Conv2d(3, 1, 1), input_shape=(3, 6, 6), mean=[0] * 3, std=[1] * 3)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
    found = model.preprocess(pictures)
    assert torch.equal(found, model.preprocess(list(pictures)))
    assert torch.equal(found, torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    sizes = model.preprocess([Image.new("RGB", (9, 7)), np.zeros((30, 20), np.uint8)])
    assert sizes.shape == (2, 3, 6, 6)
    for nothing in ([], (), pictures[0], Image.new("RGB", (9, 7)), "chelsea"):
        with pytest.raises(
            TypeError, match="pictures must be a list of pictures with at least one in it"
        ):
            model.preprocess(nothing)
