"""Groups of units as they are written: what each text means, and which mean nothing."""

import pytest
import torch

from cnnwidgets.graph import Layer
from cnnwidgets.graph.fields import Field
from cnnwidgets.models.unit_groups import read_group

LAYER = Layer("features.9", "Fire", (384, 13, 13), Field.of_pixels((13, 13)))


@pytest.mark.parametrize(
    ("text", "weights", "shown"),
    [
        ("311 + 0.5*40 - 12", {311: 1, 40: 0.5, 12: -1}, "311 + 0.5·40 − 12"),
        ("311+.5*40-12", {311: 1, 40: 0.5, 12: -1}, "311 + 0.5·40 − 12"),
        ("  311 + 0.5·40 − 12 ", {311: 1, 40: 0.5, 12: -1}, "311 + 0.5·40 − 12"),
        ("-2 × 7", {7: -2}, "−2·7"),
        ("- 7 + 3", {7: -1, 3: 1}, "−7 + 3"),
        ("7", {7: 1}, "7"),
        ("2*3 + 3", {3: 3}, "2·3 + 3"),
        ("1e-3*3 + 2.*4", {3: 0.001, 4: 2}, "0.001·3 + 2·4"),
        ("1E2*3", {3: 100}, "100·3"),
        ("0*3 + 4", {3: 0, 4: 1}, "0·3 + 4"),
        ("311, 40, 12", {311: 1 / 3, 40: 1 / 3, 12: 1 / 3}, "mean of 311, 40, 12"),
        ("mean of 311,40", {311: 0.5, 40: 0.5}, "mean of 311, 40"),
        ("mean of 7", {7: 1}, "mean of 7"),
        ("311;40", {311: 0.5, 40: 0.5}, "mean of 311, 40"),
        ("311  40", {311: 0.5, 40: 0.5}, "mean of 311, 40"),
        ("7, 7, 8,", {7: 2 / 3, 8: 1 / 3}, "mean of 7, 7, 8"),
    ],
)
def test_a_text_means_these_weights(text, weights, shown):
    group = read_group(text, LAYER)
    assert group.weights == pytest.approx(weights)
    assert group.text == shown
    wanted = torch.zeros(384, dtype=torch.float64)
    for unit, weight in weights.items():
        wanted[unit] = weight
    assert torch.allclose(group.weight, wanted[None], rtol=0, atol=1e-15)


def test_what_is_shown_can_be_read_again():
    for text in ("311 + 0.5*40 - 12", "-0.123456789*3 - 4", "3e-7*1 + 2", "7 8 9"):
        group = read_group(text, LAYER)
        assert read_group(group.text, LAYER) == group


NONSENSE = (
    *("", "  ", "eyes", "311 +", "+ + 3", "40*0.5", "311, 0.5*40", "0,5*40", "3 4 + 5", "3.5"),
    *(
        "311 ++ 40",
        "1*2*3",
        "311 40 - 3",
        "nan*3",
        "-1, 3",
        "3)",
        "3e5",
        "--3",
        "3 +- 4",
        "mean of",
    ),
)


@pytest.mark.parametrize("text", NONSENSE)
def test_a_text_that_means_nothing_is_refused(text):
    with pytest.raises(
        ValueError, match=r"is no group of units; write a sum, weights before units"
    ) as refused:
        read_group(text, LAYER)
    assert repr(text.strip()) in str(refused.value)


def test_units_that_are_not_there_and_weights_that_cancel_out():
    with pytest.raises(ValueError, match="features.9 has 384 units, 0 to 383; 384 was asked"):
        read_group("3 + 384", LAYER)
    with pytest.raises(ValueError, match="'3 - 3' cancel out"):
        read_group("3 - 3", LAYER)
