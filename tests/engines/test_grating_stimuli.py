"""Gratings as pictures: the convention of angles, phase, contrast, patches, colours, refusals."""

from math import cos, pi, radians, sin

import numpy as np
import pytest
import torch

from cnnwidgets.engines.gratings import COLOURS, Grating, grating, render
from tests.engines.slow_gratings import picture


def test_thirty_degrees_point_to_the_right_and_up() -> None:
    """One period (10 px) along (cos 30, -sin 30), rows running down, the wave is the same again."""
    shown = grating(80, 80, orientation=radians(30), frequency=0.1)[0].double()
    spectrum = torch.fft.fft2(shown - shown.mean(), s=(1024, 1024)).abs()[:, :512]
    row, column = divmod(int(spectrum.argmax()), 512)
    down, right = (row + 512) % 1024 - 512, column  # cycles in 1024 px
    assert down < 0 < right  # brightness advances to the right and up
    assert np.arctan2(-down, right) == pytest.approx(pi / 6, abs=0.01)
    assert np.hypot(down, right) / 1024 == pytest.approx(0.1, abs=0.001)
    # One period further in that direction all is as it was: 3-4-5 lands on whole pixels.
    shown = grating(80, 80, orientation=float(np.arctan2(3, 4)), frequency=0.1)[0]
    assert torch.allclose(shown[:-6, 8:], shown[6:, :-8], atol=1e-5)
    assert not torch.allclose(shown[6:, 8:], shown[:-6, :-8], atol=0.1)


def test_vertical_bars_at_zero_and_horizontal_ones_at_a_right_angle() -> None:
    upright = grating(16, 16, orientation=0, frequency=0.11)[0]
    lying = grating(16, 16, orientation=pi / 2, frequency=0.11)[0]
    assert float(upright.diff(dim=0).abs().max()) < 1e-6 < 0.1 < float(upright.diff(dim=1).max())
    assert torch.allclose(lying, upright.T.flip(0), atol=1e-6)


@pytest.mark.parametrize("orientation", [0.0, 0.4, 1.3, pi / 2, 2.9])
@pytest.mark.parametrize("frequency", [0.0, 1 / 64, 0.13, 0.5])
def test_pixel_by_pixel(orientation: float, frequency: float) -> None:
    wanted = picture(33, orientation, frequency, 0.7)
    found = grating(33, 33, orientation=orientation, frequency=frequency, phase=0.7)
    assert found.dtype == torch.float32
    assert float((found - wanted).abs().max()) < 2e-6


def test_an_oblong_picture_and_another_centre_by_the_formula() -> None:
    one = Grating(
        orientation=2.2, frequency=0.21, phase=-1.1, contrast=0.6, centre=(3.5, 20.25), diameter=13
    )
    found = render([one], 3, 19, 31)[0]
    for row in range(19):
        for column in range(31):
            y, x = row + 0.5 - 3.5, column + 0.5 - 20.25
            distance = (y * y + x * x) ** 0.5
            if 6 < distance < 7:
                continue  # the edge is soft
            turns = 0.21 * (x * cos(2.2) - y * sin(2.2))
            inside = distance <= 6
            wanted = 0.5 + inside * 0.3 * cos(2 * pi * turns - 1.1)
            assert float(found[0, row, column]) == pytest.approx(wanted, abs=2e-6)
    assert torch.equal(found[0], found[2])


def test_the_phase_is_that_of_the_centre() -> None:
    for phase, wanted in ((0, 1.0), (pi / 2, 0.5), (pi, 0.0)):
        shown = grating(21, 21, orientation=1, frequency=0.2, phase=phase)
        assert float(shown[0, 10, 10]) == pytest.approx(wanted, abs=1e-6)
    moved = grating(21, 21, orientation=1, frequency=0.2, centre=(4.5, 16.5))
    assert float(moved[0, 4, 16]) == pytest.approx(1, abs=1e-6)
    later = grating(21, 21, orientation=0, frequency=0.1, phase=pi / 2)  # moves against the wave
    sooner = grating(21, 21, orientation=0, frequency=0.1)
    assert torch.allclose(later, grating(21, 21, frequency=0.1, centre=(10.5, 8)), atol=1e-6)
    assert not torch.allclose(later, sooner, atol=0.1)


def test_contrast_is_michelsons_around_mid_grey() -> None:
    for contrast in (0.0, 0.25, 1.0):
        shown = grating(40, 40, frequency=0.1, phase=pi / 10, contrast=contrast)[0].double()
        assert float(shown.mean()) == pytest.approx(0.5, abs=1e-6)
        least, most = float(shown.min()), float(shown.max())
        assert (most - least) / (most + least) == pytest.approx(contrast, rel=0.06)
    assert float(shown.max()) <= 1 and float(shown.min()) >= 0
    half, full = (grating(9, 9, frequency=0.2, contrast=c) - 0.5 for c in (0.5, 1))
    assert torch.allclose(2 * half, full, atol=1e-6)


@pytest.mark.parametrize("diameter", [0, 1, 4, 12.5, 30])
def test_a_patch_has_its_area_and_is_grey_around(diameter: float) -> None:
    shown = grating(41, 41, frequency=0, diameter=diameter)[0].double()  # white all over
    area = float((shown - 0.5).sum() / 0.5)
    # The edge is a pixel wide: its ring adds pi/12 px², and pixels are no circles.
    assert area == pytest.approx(pi * diameter**2 / 4, abs=0.6 + 0.02 * diameter)
    rows, columns = np.mgrid[:41, :41] + 0.5 - 20.5
    outside = torch.from_numpy(np.hypot(rows, columns) > diameter / 2 + 0.5)
    assert (shown[outside] == 0.5).all()
    if diameter >= 4:
        full = grating(41, 41, frequency=0.2)[0]
        inside = torch.from_numpy(np.hypot(rows, columns) < diameter / 2 - 0.5)
        assert torch.equal(
            grating(41, 41, frequency=0.2, diameter=diameter)[0][inside], full[inside]
        )


def test_colours() -> None:
    grey = grating(12, 12, frequency=0.17, orientation=1)[0] - 0.5
    for name, shares in COLOURS.items():
        shown = grating(12, 12, frequency=0.17, orientation=1, colour=name) - 0.5
        for channel, share in zip(shown, shares, strict=True):
            assert torch.allclose(channel, share * grey, atol=1e-7)
    pure = grating(1, 1, frequency=0, colour="red-green")[:, 0, 0]
    assert pure.tolist() == [1, 0, 0.5]
    pure = grating(1, 1, frequency=0, colour="blue-yellow")[:, 0, 0]
    assert pure.tolist() == [0, 0, 1]


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_numbers_of_channels_are_grey(channels: int) -> None:
    shown = grating(8, 9, channels=channels, frequency=0.2)
    assert shown.shape == (channels, 8, 9)
    assert torch.equal(shown, grating(8, 9, frequency=0.2)[:1].expand(channels, -1, -1))


def test_several_at_once_are_the_single_ones() -> None:
    many = [
        Grating(frequency=0.3, colour="red"),
        Grating(orientation=1, diameter=5, contrast=0.2),
        Grating(frequency=0.45, phase=2),
    ]
    together = render(many, 3, 10, 12)
    for one, shown in zip(many, together, strict=True):
        assert torch.equal(render([one], 3, 10, 12)[0], shown)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"frequency": 0.51}, r"frequency is 0 to 0\.5 cycles per pixel .* got 0\.51"),
        ({"frequency": -0.1}, r"frequency is 0 to 0\.5 .* got -0\.1"),
        ({"frequency": float("nan")}, "frequency is 0 to .* got nan"),
        ({"contrast": 1.5}, r"contrast is 0 to 1, got 1\.5"),
        ({"contrast": -0.1}, r"contrast is 0 to 1, got -0\.1"),
        ({"diameter": -1}, "diameter is 0 px or more, got -1"),
        ({"orientation": float("inf")}, "orientation and phase are finite angles in radians"),
        ({"phase": float("nan")}, "orientation and phase are finite angles in radians"),
        ({"colour": "mauve"}, "colour is one of grey, red-green, .*, got 'mauve'"),
    ],
)
def test_what_no_grating_can_be(parameters: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^a grating's .*{sentence}$|^a patch's {sentence}$"):
        Grating(**parameters)


def test_a_colour_on_one_channel() -> None:
    with pytest.raises(
        ValueError, match="^a red grating takes .* 3 input channels, this one has 1; take colour"
    ):
        grating(8, 8, channels=1, colour="red")
