"""Names and numbers of any kind, given to what looks things up: an answer, or one sentence."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.models import catalogue, load_model, stored_weights
from cnnwidgets.models.unit_groups import read_group
from tests.widgets.tiny import network

MODEL = network()
RECORD = record(MODEL, torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))

NEAR_LAYERS = st.sampled_from(
    ["", " ", "0", "3", "4", "5", "6", "00", "3 ", "0.weight", ":relu", "4#2", "-1", "３"]
)
NAMES = st.one_of(st.text(max_size=30), NEAR_LAYERS, st.sampled_from(list(MODEL.layers)))
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=5), st.just(()),
    st.lists(st.integers(-2, 9), max_size=4), st.dictionaries(st.text(max_size=2), st.none()),
    st.builds(object), st.builds(lambda: torch.zeros(2)), st.builds(lambda: math.nan),
)  # fmt: skip
UNITS = st.one_of(
    st.integers(-3, 12),
    st.integers(),
    st.tuples(st.integers(-2, 8), st.integers(-2, 20), st.integers(-2, 20)),
    st.text(max_size=5),
    ODD,
)


def told(ask: Callable[[], Any], *errors: type[Exception]) -> tuple[Any, str]:
    """Give the answer and "", or None and the sentence of an error of these; no other may come."""
    try:
        return ask(), ""
    except errors as error:
        found, sentence = type(error), str(error)
    assert found in errors
    assert len(sentence.splitlines()) == 1 and sentence.strip(), sentence
    assert len(sentence) < 1500, sentence
    sentence.encode()  # a notebook could not hold what cannot be written
    return None, sentence


@given(NAMES)
def test_a_layer_by_any_name(name):
    layer, sentence = told(lambda: MODEL.layer(name), ValueError)
    assert (layer is None) == (name not in RECORD.values)
    assert layer is None or layer.name == name
    assert layer is not None or sentence.startswith("layer ")


@given(ODD)
def test_a_layer_by_anything(name):
    layer, _ = told(lambda: MODEL.layer(name), ValueError, TypeError)
    assert layer is None


@given(st.one_of(NAMES, st.lists(NAMES, max_size=3), ODD))
def test_activations_by_any_names(names):
    pictures = torch.zeros(1, 3, 32, 32)
    found, _ = told(lambda: MODEL.run(pictures, names), ValueError, TypeError)
    if found is not None:
        assert set(found) == set([names] if isinstance(names, str) else names)


@given(st.sampled_from(["0", "3", "4", "6"]), UNITS)
def test_a_unit_of_any_number(layer, unit):
    found, _ = told(lambda: reconstruct(RECORD, layer, [unit]), ValueError, TypeError)
    channels = RECORD.layer(layer).units
    if found is None:
        assert not (isinstance(unit, int) and 0 <= unit < channels)
        return
    ((channel, *_),) = found.units
    assert channel == (unit[0] if isinstance(unit, list | tuple) else int(unit))
    assert 0 <= channel < channels


@given(NAMES, st.one_of(st.text(max_size=12), st.sampled_from(["guided", "saliency"]), ODD))
def test_reconstructions_by_any_layer_and_rule(layer, rule):
    found, _ = told(lambda: reconstruct(RECORD, layer, [0], rule=rule), ValueError, TypeError)
    assert found is None or found.layer == layer


@given(ODD)
def test_units_that_are_anything(units):
    found, _ = told(lambda: reconstruct(RECORD, "3", units), ValueError, TypeError)
    assert found is None or all(0 <= unit[0] < 8 for unit in found.units)


TERMS = st.lists(
    st.sampled_from(
        [
            *"0123456789+-*,;. ·×−eE\n\t",
            "mean of ",
            "1e999",
            "1e-999",
            "٣",
            "²",
            "9" * 400,
            "9" * 5000,
        ]
    ),
    max_size=14,
).map("".join)


@given(st.one_of(TERMS, st.text(max_size=40)))
def test_a_group_of_any_text(text):
    group, _ = told(lambda: read_group(text, MODEL.layer("3")), ValueError)
    if group is None:
        return
    assert all(0 <= unit < 8 for unit in group.weights)
    assert all(math.isfinite(weight) for weight in group.weights.values())
    assert any(group.weights.values())
    assert read_group(group.text, MODEL.layer("3")).weights == pytest.approx(group.weights)


NEAR_NETWORKS = st.sampled_from(
    ["alexnet ", "AlexNet", "../alexnet", "vgg16\n", "fcn_resnet50", "timm/", "timm/../x"]
)


@given(
    st.one_of(st.text(max_size=30), st.text(max_size=20).map("timm/{}".format), ODD, NEAR_NETWORKS)
)
def test_a_network_by_any_name(own_cache, monkeypatch, name):
    monkeypatch.setattr(stored_weights, "fetch", _no_traffic)
    known = name in [*catalogue.TITLES, "efficientnet_lite0"] if isinstance(name, str) else False
    if not known:
        ask = lambda: load_model(name, device="cpu")  # noqa: E731
        found, _ = told(ask, ValueError, TypeError, FileNotFoundError, ImportError)
        assert found is None


@given(st.one_of(st.text(max_size=12), ODD))
def test_any_device(device):
    found, _ = told(lambda: catalogue.choose_device(device), ValueError, TypeError, RuntimeError)
    assert found is None or isinstance(found, torch.device)


@pytest.mark.parametrize(
    "text", ["9" * 5000, "*" + "9" * 5000, "1, " * 3000 + "9", "1e308*1 + 1e308*1"]
)
def test_long_groups_are_quoted_in_short(text):
    group, sentence = told(lambda: read_group(text, MODEL.layer("3")), ValueError)
    assert group is None
    assert len(sentence) < 300


@given(NAMES, NAMES)
def test_a_read_out_of_any_name(name, at):
    weight = torch.ones(2, 8)
    found, _ = told(lambda: MODEL.attach(name, at=at, weight=weight), ValueError)
    assert found is None or found.layer(name).shape[0] == 2


def _no_traffic(network: Any) -> None:
    raise FileNotFoundError(f"no weights of {network.title} were found")
