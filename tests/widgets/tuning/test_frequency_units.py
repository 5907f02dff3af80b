"""Spatial frequencies in the units of readers."""

import pytest

from cnnwidgets.widgets.frequency_units import number, per_pixel_factor


def test_at_2_8_widths_a_picture_is_20_degrees():
    assert per_pixel_factor("cycles / px", (100, 224), 2.8) == 1
    assert per_pixel_factor("cycles / image", (100, 224), 2.8) == 224
    assert per_pixel_factor("cycles / degree", (100, 224), 2.8) == pytest.approx(224 / 20, rel=0.02)
    # Twice as far away it is half as large, but for the tangent.
    far = per_pixel_factor("cycles / degree", (224, 224), 56)
    assert far == pytest.approx(20 * per_pixel_factor("cycles / degree", (224, 224), 2.8), rel=0.02)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.28, ".28"), (0.0078125, ".0078"), (0.999, "1.0"), (1.44, "1.4"), (9.96, "10"), (35, "35")],
)
def test_numbers_have_two_digits(value, text):
    assert number(value) == text
