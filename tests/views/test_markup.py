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
