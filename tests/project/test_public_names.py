"""The public names: all there, from one level, and a typing error is told."""

import pytest

import cnnwidgets as cw


def test_every_public_name_is_there() -> None:
    missing = [name for name in cw.__all__ if not hasattr(cw, name)]
    assert not missing
    assert set(cw.__all__) <= set(dir(cw))


def test_public_names_are_those_of_their_home() -> None:
    assert cw.load_model is cw.models.load_model
    assert cw.load_images is cw.data.load_images
    assert cw.UnitExplorer is cw.widgets.UnitExplorer


def test_a_wrong_name_is_told_the_right_one() -> None:
    with pytest.raises(AttributeError, match="'load_modle'; did you mean 'load_model'"):
        cw.load_modle  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'xyzzy'$"):
        cw.xyzzy  # noqa: B018
