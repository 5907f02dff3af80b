"""Words: what a number looks like."""

import numpy as np
import pytest

from cnnwidgets.views import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.39, ".39"),
        (0.0, "< .01"),
        (0.0049, "< .01"),
        (0.005, ".01"),
        (0.994, ".99"),
        (0.9999, "> .99"),
        (1.0, "1.00"),
        (float("nan"), "undefined"),
    ],
)
def test_probability(value: float, said: str) -> None:
    assert words.probability(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (831.2, "831"),
        (12.36, "12.4"),
        (0.01234, "0.0123"),
        (99.96, "100"),
        (-3.14159, "−3.14"),
        (12345.6, "12\u2009346"),
        (0.00001234, "1.23 × 10⁻⁵"),
        (-1234567.0, "−1.23 × 10⁶"),
        (0.0, "silent"),
        (float("nan"), "undefined"),
        (np.float32(2.5), "2.50"),
    ],
)
def test_response(value: float, said: str) -> None:
    assert words.response(value) == said


def test_response_keeps_three_figures_at_every_size() -> None:
    for value in np.random.default_rng(0).lognormal(0, 4, 300):
        said = words.response(value).replace("\u2009", "")
        if "×" not in said:
            assert float(said) == pytest.approx(value, rel=5.1e-3)


def test_shares_sizes_and_lists() -> None:
    assert words.share(0.668) == "67\u2009%"
    assert words.size(384, 13, 13) == "384 × 13 × 13"
    assert words.listing([]) == ""
    assert words.listing(["lemon"]) == "lemon"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing("abcdefghijkl", most=3) == "a, b, c and nine more"
    assert words.listing("abc", most=3) == "a, b and c"
    assert words.count(13) == "13"


def test_long_names_are_shortened() -> None:
    assert words.shortened("features.9", 10) == "features.9"
    assert words.shortened("features.10", 10) == "features.…"
    assert words.shortened("a bc", 3) == "a…"
