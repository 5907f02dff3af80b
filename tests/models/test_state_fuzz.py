"""States of odd kinds: the numbers that were given, or one sentence of ours."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnwidgets.graph import record
from cnnwidgets.models import load_checkpoints
from tests.models.hearing import wrapped

PICTURE = torch.linspace(-1, 1, 3 * 4 * 4).reshape(1, 3, 4, 4)
WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network")
SHAPES = st.sampled_from([(2, 3, 1, 1), (2,), (), (0,), (2, 3)])
KINDS = (*(f"float{n}" for n in (16, 32, 64)), "int8", "uint8", "uint16", "int64", "bool")
NUMPY = (*KINDS, "complex64", "U3", "S2", "object", "datetime64[s]", ">f4", ">i2", "longdouble")


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()).eval()


MODEL = wrapped(tiny(), 4, name="Tiny")


def _array(kind: str, shape: tuple[int, ...], how: str) -> np.ndarray:
    made = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    if how == "backwards" and shape:
        return made[::-1]
    made.flags.writeable = how != "read-only"
    return made


ARRAYS = st.builds(
    _array, st.sampled_from(NUMPY), SHAPES, st.sampled_from(["plain", "backwards", "read-only"])
)
TENSORS = st.builds(
    lambda kind, shape: torch.ones(shape).to(getattr(torch, kind)),
    st.sampled_from((*KINDS, "bfloat16", "float8_e4m3fn", "complex64")),
    SHAPES,
)
ODD = st.one_of(
    st.sampled_from([None, 3, 2.5, "word", b"bytes", (), object, np.float32(2), tiny(), {1, 2}]),
    st.lists(TENSORS, max_size=2),
)
NAMES = st.sampled_from(["0.weight", "0.bias", "more", "_extra_state", *WRAPPINGS, 3, None, ("a",)])
VALUES = st.recursive(
    ARRAYS | TENSORS | ODD, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)


@settings(max_examples=80)
@given(st.dictionaries(NAMES, VALUES, max_size=3), st.booleans(), st.sampled_from(WRAPPINGS))
def test_any_state_fits_or_is_told_of(changes: dict[Any, Any], inside: bool, name: str) -> None:
    content = {**tiny().state_dict(), **changes}
    content = {name: content} if inside else content
    sentence = ""
    try:
        output = record(load_checkpoints(MODEL, [content])[0], PICTURE).output
        assert output.shape == (1, 2, 4, 4) and bool(torch.isfinite(output).all())
    except ValueError as error:
        sentence = str(error)
    assert re.fullmatch("|.* (holds|lacks) .*", sentence)  # on one line


def test_states_that_hold_themselves_are_refused() -> None:
    own: dict[str, Any] = dict(tiny().state_dict())
    own["model"] = own
    first: dict[str, Any] = {}
    second = {"net": first}
    first["state_dict"] = second
    for content in (own, first, second):
        with pytest.raises(ValueError, match="holds a dict under '(model|net|state_dict)', where"):
            load_checkpoints(MODEL, [content])


def test_a_state_inside_a_thousand_others_is_found() -> None:
    content: dict[str, Any] = {name: 2 * tensor for name, tensor in tiny().state_dict().items()}
    for number in range(5000):
        content = {WRAPPINGS[number % 5]: content}
    found = record(load_checkpoints(MODEL, [content])[0], PICTURE).output
    assert torch.equal(found, 2 * tiny()(PICTURE).detach())


@pytest.mark.parametrize("kind", ["U3", "object", "datetime64[s]", "longdouble"])
def test_arrays_that_are_no_numbers_of_torch_are_told_by_name(kind: str) -> None:
    content = {**tiny().state_dict(), "0.bias": np.zeros(2).astype(kind)}
    with pytest.raises(ValueError, match=r"holds '0\.bias' as .*, where a tensor is expected; con"):
        load_checkpoints(MODEL, [content])


def test_arrays_however_they_lie_give_their_numbers() -> None:
    weight, bias = np.arange(6.0).reshape(2, 3, 1, 1), np.array([1.0, -2.0])
    as_they_are = torch.tensor(bias).view(2, 1, 1) + torch.nn.functional.conv2d(
        PICTURE.double(), torch.tensor(weight)
    )
    still = bias.copy()
    still.flags.writeable = False
    turned: list[tuple[Any, Any]] = [
        (weight[::-1].copy()[::-1], bias),
        (weight.astype(">f4"), still),
        (np.asfortranarray(weight), bias.astype(">f8")),
    ]
    for one, other in turned:
        found: Tensor = record(
            load_checkpoints(MODEL, [{"0.weight": one, "0.bias": other}])[0], PICTURE
        ).output
        assert torch.allclose(found.double(), as_they_are.relu(), atol=1e-5)
