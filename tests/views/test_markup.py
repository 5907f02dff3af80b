"""The scripts of the views set text, never markup; names of files are words and nothing else."""

import re
from pathlib import Path

import pytest

import cnnwidgets
from cnnwidgets.views import layout, words
from cnnwidgets.views.still import still_html
from tests.browser.hostile import NAMES

SCRIPTS = sorted(Path(cnnwidgets.__file__).parent.rglob("*.js"))
MARKUP = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment|srcdoc|"
    r"DOMParser|parseFromString|document\.write(ln)?|eval|Function|setTimeout\(\s*[\"'`]|"
    r"setAttribute\(\s*[\"'`]on\w+|javascript:|import\()"
)


def test_there_are_scripts_to_look_at():
    assert len(SCRIPTS) > 20


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_or_code_of_what_it_is_given(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if MARKUP.search(line.partition("// ")[0])] == []


@pytest.mark.parametrize("line", ["el.innerHTML = name;", "eval(x)", "new Function(x)"])
def test_the_look_finds_what_it_looks_for(line):
    assert MARKUP.search(line)


@pytest.mark.parametrize("name", [*NAMES, "../../x", "..\\x", "-rf", ".bashrc", "CON:\ud800"])
def test_a_file_name_is_one_name_that_is_seen_as_it_is(name):
    made = words.file_name(name, "part", ending="png")
    assert made.endswith("part.png") and made.isprintable() and made[0] not in ".-"
    assert not {*'/\\:*?"<>|\n\0\u202e'} & {*made} and len(made) < 100


@pytest.mark.parametrize(
    ("parts", "made"),
    [
        (["CON"], "cnnwidgets_CON.png"),
        (["lpt1.tar", "x"], "cnnwidgets_lpt1.tar_x.png"),
        (["console"], "console.png"),
        ([".."], "cnnwidgets.png"),
        (["", "\u202e"], "cnnwidgets.png"),
        (["SqueezeNet 1.1", "features.9", "unit 311"], "SqueezeNet_1.1_features.9_unit_311.png"),
    ],
)
def test_a_file_name_is_none_of_a_system_s_own(parts, made):
    assert words.file_name(*parts, ending="png") == made


def test_a_file_name_of_long_parts_keeps_something_of_each():
    for sign in ("ü", "語", "\N{GRINNING FACE}", "x"):
        made = words.file_name(*(f"{part}{sign * 99}" for part in "abcd"), "unit 3", ending="png")
        assert len(made.encode()) <= 200 and made.endswith("_unit_3.png")
        starts = [part[0] for part in made.split("_")]
        assert starts == [*"abcd", "u", "3"] and made.count(sign) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_still_holds_names_as_words_that_are_no_mathematics(name):
    page = still_html("key", b"", name, name)
    assert re.fullmatch(
        r"<figure [^<>]*><style>.*</style><p>[^<>]*</p>.*</figure>", page, re.DOTALL
    )
    assert "<script" not in page and "<img" not in page and layout.NO_MATHS in page


def test_words_that_hold_names_are_no_mathematics():
    for label in (layout.plain(NAMES[7]), layout.named("model", NAMES[7]).children[1]):
        assert label.value == NAMES[7] and layout.NO_MATHS in label._dom_classes
