"""The site: every public thing has its entry and its words, and what the pages name is there."""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cnnwidgets as cw
from cnnwidgets.widgets.explorer import Explorer
from docs.building.names import MODULES, home, public
from tests.project.pages import pages

ENTRY = re.compile(r"^\.\. public-names:: (\S+)\n(?:\n((?:   .+\n)+))?", re.MULTILINE)


def public_things() -> dict[str, Any]:
    """Everything public by the full name of its entry."""
    found = {}
    for module in map(import_module, MODULES):
        for name in public(module):
            found[home(name, getattr(module, name))] = getattr(module, name)
    return found


def documented(owner: Any) -> Iterator[tuple[str, Any]]:
    """Methods and properties that have an entry beneath their class's."""
    for name, member in inspect.getmembers_static(owner):
        inner = getattr(member, "fget", None) or getattr(member, "func", None) or member
        made_here = getattr(inner, "__module__", None) or ""
        if not name.startswith("_") and made_here.startswith("cnnwidgets"):
            yield name, member


def packages_below(module: ModuleType) -> Iterator[str]:
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield value.__name__
            yield from packages_below(value)


def test_no_public_module_is_forgotten() -> None:
    assert set(packages_below(cw)) - {"cnnwidgets.engines"} <= set(MODULES)


def test_everything_public_has_one_entry(checkout: Path) -> None:
    entries = []
    for page in (checkout / "docs" / "api").glob("*.rst"):
        for name, content in ENTRY.findall(page.read_text(encoding="utf-8")):
            module = import_module(name)
            for one in content.split() or public(module):
                full = home(one, getattr(module, one))
                entries += [full] if full == f"{name}.{one}" else []
    assert sorted(entries) == sorted(public_things())


def test_every_public_thing_says_in_one_line_what_it_is() -> None:
    silent = []
    for full, value in public_things().items():
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        members = documented(value) if inspect.isclass(value) else ()
        for name, one in [(full, value), *((f"{full}.{name}", one) for name, one in members)]:
            words = inspect.getdoc(one) or ""
            first, *others = words.splitlines() or [""]
            if not first.endswith((".", ":")) or (others and others[0]):
                silent.append(f"{name}: {first!r}")
    assert not silent, "\n".join(silent)


def parameters_told(words: str) -> list[str]:
    """The names of a docstring's parameters; several may stand in one item, after a semicolon."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}$|\Z)", words, re.M | re.S)
    found = section[1] if section else ""
    items = re.findall(r"^([\w*]+(?:, [\w*]+)*) : ", found, re.M)
    within = re.findall(r"[;.,]\s+((?:and )?`\w+`(?:(?:,| and) `\w+`)*) : ", found)
    return re.findall(r"(?!and\b)\w+", " ".join(items + within))


def test_docstrings_tell_of_no_parameter_that_is_not_there() -> None:
    wrong, seen = [], 0
    for full, value in public_things().items():
        if not callable(value) or not (told := parameters_told(inspect.getdoc(value) or "")):
            continue
        start = value.__init__ if inspect.isclass(value) else value
        taken = inspect.signature(start).parameters
        seen += 1
        wrong += [f"{full}: {name}" for name in told if name.strip("*") not in taken]
    assert seen > 40
    assert not wrong, "\n".join(wrong)


def test_every_explorer_is_in_the_gallery_with_pictures_lines_and_its_entry(
    checkout: Path,
) -> None:
    gallery = pages(checkout)[checkout / "docs" / "site" / "gallery.md"]
    explorers = [
        name for name in cw.widgets.__all__ if issubclass(getattr(cw.widgets, name), Explorer)
    ]
    assert len(explorers) >= 4
    for name in explorers:
        part = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", gallery, re.M | re.S)
        assert part, f"{name} is not in the gallery"
        for wanted in (
            "_light.png",
            "_dark.png",
            "```python",
            f"cw.{name}(",
            "accessibility.md#keys",
        ):
            assert wanted in part[1], f"{name} has no {wanted} in the gallery"
        assert f"{{py:obj}}`cnnwidgets.{name}`" in part[1]


def test_every_page_is_reached_from_the_first(checkout: Path) -> None:
    docs = checkout / "docs"
    reached, asked = set(), [docs / "index.md"]
    while asked:
        page = asked.pop()
        if page in reached:
            continue
        reached.add(page)
        text = page.read_text(encoding="utf-8")
        trees = re.findall(r"\{toctree\}\n(.*?)```", text, re.S)
        trees += re.findall(r"\.\. toctree::\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
        for entry in " ".join(trees).split():
            if not entry.startswith(":"):
                asked += [
                    found
                    for ending in (".md", ".rst")
                    for found in page.parent.glob(f"{entry}{ending}")
                ]
    built = {*docs.rglob("*.md"), *docs.rglob("*.rst")}
    assert reached == built


def test_parts_of_the_readme_that_pages_include_are_there(checkout: Path) -> None:
    marks = [
        mark
        for page in (checkout / "docs").rglob("*.md")
        for mark in re.findall(
            r'^:(?:start-after|end-before): "(.+)"$', page.read_text("utf-8"), re.M
        )
    ]
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert len(marks) >= 6
    assert [mark for mark in marks if readme.count(mark) != 1] == []


def test_docstrings_become_what_numpydoc_reads(monkeypatch: Any, checkout: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    monkeypatch.syspath_prepend(str(checkout / "docs"))
    from building.sections import rewrite

    def planted(a: int, b: "cw.ImageSet | None" = None) -> str:
        return f"{a}{b}"

    lines = inspect.cleandoc(
        """Add.

        Parameters
        ----------
        a : how many,
            in words; `b` : of `Layer`s.
        """
    ).splitlines()
    rewrite(None, "function", "planted", planted, None, lines)
    for name in [name for name in sys.modules if name.split(".")[0] == "building"]:
        monkeypatch.delitem(sys.modules, name)
    assert [line for line in lines if line] == [
        "Add.",
        "Parameters",
        "----------",
        "a : int",
        "    how many,",
        "    in words",
        "b : cw.\\ :py:obj:`ImageSet` \\| None",
        "    of `Layer`\\ s.",
        "Returns",
        "-------",
        "str",
    ]
