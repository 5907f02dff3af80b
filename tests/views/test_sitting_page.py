"""The page without a kernel as text: what it holds, what it refuses, and that words stay words."""

import json
import re
from base64 import b64encode
from hashlib import sha256

import numpy as np
import pytest

from cnnwidgets.views import encoding
from cnnwidgets.views.sitting_page import sitting_page

NAMES = ["lemon", "balloon", "taxi", "dog"]
TRIPLETS = [[0, 1, 2], [0, 1, 3], [1, 2, 3]]
DOT = encoding.jpeg(np.zeros((8, 8, 3), np.uint8))["data"]


def page(**other: object) -> str:
    given = {"names": NAMES, "pictures": [None] * 4, "triplets": TRIPLETS, **other}
    first = [given.pop(name) for name in ("names", "pictures", "triplets")]
    return sitting_page("Which one?", *first, **{"trials": 3, "set_id": "abc", **given})


def data_of(text: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_everything_is_in_the_file_and_nothing_else_may_act() -> None:
    text = page(pictures=[DOT, None, None, DOT], triplets=TRIPLETS[:1])
    assert "http:" not in text and "https:" not in text and "{{" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'; img-src data:;" in policy and "unsafe-inline" not in policy
    for tag in ("style", "script"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashed = b64encode(sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{hashed}'" in policy
    assert "--cw-accent: var(--jp-brand-color1, #1976d2);" in text
    data = data_of(text)
    assert data["pictures"][0] == f"data:image/jpeg;base64,{b64encode(DOT).decode()}"
    assert data["pictures"][1:] == ["", "", ""]  # the dog is never shown
    assert data["triplets"] == [[0, 1, 2]] and data["counts"] == {"new": 1, "repeat": 0, "catch": 0}


def test_words_are_never_markup() -> None:
    bad = "</script><img src=x onerror=alert(1)>&\u2028\u2029{{SCRIPT}}"
    text = sitting_page(bad, [bad, "a", "b"], [None] * 3, [[0, 1, 2]], trials=1, set_id=bad)
    assert "<img" not in text and "\u2028" not in data_text(text)
    data = data_of(text)
    assert data["names"][0] == bad and data["set"] == bad
    assert text.count('"use strict"') == 1  # what is filled in is not filled in again


def data_text(text: str) -> str:
    return re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"trials": 100, "triplets": [[0, 1, 2]] * 300}, (90, 10, 0)),
        ({"trials": 20, "triplets": [[0, 1, 2]] * 300, "repeats": 0}, (20, 0, 0)),
        ({"trials": 20}, (3, 2, 0)),
        (
            {
                "trials": 20,
                "triplets": [[0, 1, 2]] * 40,
                "catches": 0.1,
                "catch_triplets": TRIPLETS,
            },
            (16, 2, 2),
        ),
        ({"trials": 1, "repeats": 0.5}, (1, 0, 0)),
    ],
)
def test_counts_of_trials(given: dict, wanted: tuple[int, int, int]) -> None:
    assert tuple(data_of(page(**given))["counts"].values()) == wanted


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"names": ["a", "a", "b", "c"]}, "three names or more, each once, .*; got 4 names, 3 of"),
        ({"pictures": [None]}, "a picture or None for each; got 4 names, 4 .*, 1 pictures"),
        ({"triplets": [[0, 1, 4]]}, "triplets are whole numbers .* from 0 to 3"),
        ({"triplets": [[0, 1, -1]]}, "triplets are whole numbers"),
        ({"triplets": [[0.0, 1, 2]]}, "got float64"),
        ({"triplets": [[0, 1, 1]]}, r"three different objects; got \[0, 1, 1\]"),
        ({"triplets": []}, "asks for one triplet or more; got 0"),
        ({"trials": 0}, "got 3, 0 trials"),
        ({"repeats": 0.7}, "shares from 0 to .5"),
        ({"catches": 0.1}, "catches need catch_triplets"),
        ({"pictures": [b"none", None, None, None]}, "a JPEG, PNG or WebP file; got none"),
    ],
)
def test_refusals(given: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        page(**given)
