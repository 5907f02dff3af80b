"""What README and pages show works as it stands there, and what they name exists."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import cnnwidgets as cw
from tests.project.pages import pages, python_blocks

CALLS = re.compile(r"`((?:cw|cnnwidgets)(?:\.\w+)+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PICTURE = re.compile(r'src(?:set)?="([^"]+)"|\{image\} (\S+)')


@pytest.fixture(scope="module")
def readme(checkout: Path) -> str:
    return (checkout / "README.md").read_text(encoding="utf-8")


def test_the_script_without_widgets_runs(readme: str, checkout: Path, tmp_path: Path) -> None:
    script = _code_under(readme, "## In a script")
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert "(311, 6, 4)" in run.stdout  # the left eye of the cat
    (picture,) = (Image.open(path) for path in tmp_path.glob("*.png"))
    darkest, brightest = picture.convert("L").getextrema()
    assert darkest < 60
    assert brightest > 196


def test_the_notebook_cell_shows_an_explorer(readme: str) -> None:
    lines = _code_under(readme, "## In a notebook").strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines[:-1]), names)
    explorer = eval(lines[-1], names)
    assert type(explorer).__name__ == "UnitExplorer"
    explorer.close()


def test_files_that_are_named_exist(readme: str, checkout: Path) -> None:
    named = re.findall(r"`(notebooks/[^`]+)`", readme)
    assert len(named) >= 5
    assert not [name for name in named if not (checkout / name).exists()]


def test_links_and_pictures_lead_to_something(checkout: Path) -> None:
    lost, seen = [], 0
    for page in pages(checkout):
        text = page.read_text(encoding="utf-8")
        pictures = [one or other for one, other in PICTURE.findall(text)]
        for link in LINK.findall(text) + pictures:
            if re.match(r"[a-z]+:", link):
                continue
            name, _, place = link.partition("#")
            top = checkout / "docs" if name.startswith("/") else page.parent
            found = top / name.lstrip("/") if name else page
            seen += 1
            if not found.is_file() or (place and place not in _places(found)):
                lost.append(f"{page.relative_to(checkout)}: {link}")
    assert seen > 30
    assert not lost, "\n".join(lost)


def test_every_picture_says_what_it_shows(checkout: Path) -> None:
    for page in pages(checkout):
        text = page.read_text(encoding="utf-8")
        shown = re.findall(r"<img [^>]*>", text) + re.findall(r"```\{image\}[^`]*```", text)
        shown += [f'alt="{alt}"' for alt in re.findall(r"!\[([^\]]*)\]", text)]
        for picture in shown:
            alt = re.search(r'alt="([^"]*)"|:alt: (.*)', picture)
            words = (alt[1] or alt[2] or "") if alt else ""
            assert len(words) > 40, f"{page.relative_to(checkout)}: {picture[:80]}"


def test_blocks_of_python_are_python_and_name_what_is_there(checkout: Path) -> None:
    seen = 0
    for page, text in pages(checkout).items():
        named: list[tuple[str, list[str]]] = [(name, []) for name in CALLS.findall(text)]
        for block in python_blocks(text):
            seen += 1
            named += _named(ast.parse(block, str(page)))
        for name, keywords in named:
            wrong = [keyword for keyword in keywords if not _takes(_value(name), keyword)]
            assert not wrong, f"{page.relative_to(checkout)}: {name} takes no {wrong[0]}"
    assert seen >= 12


def test_a_wrong_name_in_a_block_is_found() -> None:
    with pytest.raises(AttributeError, match="load_modle"):
        _value("cw.load_modle")
    (call,) = _named(ast.parse('cw.load_model("alexnet", colour=True)'))
    assert call == ("cw.load_model", ["colour"])
    assert not _takes(cw.load_model, "colour")
    assert not _takes(cw.UnitExplorer, "color")
    with pytest.raises(AttributeError, match="deconv' has no attribute 'x'"):
        _value("cnnwidgets.engines.deconv.x")


@pytest.mark.parametrize("name", ["TuningExplorer", "TripletStepper", "ClassBoard"])
def test_the_lines_of_the_gallery_show_their_explorer(
    name: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNWIDGETS_DATA", str(tmp_path))
    gallery = pages(checkout)[checkout / "docs" / "site" / "gallery.md"]
    block = next(block for block in python_blocks(gallery) if f"cw.{name}(" in block)
    *before, last = ast.parse(block).body
    assert isinstance(last, ast.Expr)
    names: dict[str, object] = {"cw": cw}
    exec(compile(ast.Module(before, []), block, "exec"), names)
    explorer = eval(compile(ast.Expression(last.value), block, "eval"), names)
    assert type(explorer).__name__ == name
    explorer.close()


def _places(page: Path) -> set[str]:
    """What a link may name after `#`: the headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _named(block: ast.AST) -> list[tuple[str, list[str]]]:
    """The names of ours in a block, with the keywords they are called with."""
    keywords = {
        id(call.func): [keyword.arg for keyword in call.keywords if keyword.arg]
        for call in ast.walk(block)
        if isinstance(call, ast.Call)
    }
    found = [
        (ast.unparse(node), keywords.get(id(node), []))
        for node in ast.walk(block)
        if isinstance(node, ast.Attribute)
    ]
    for node in ast.walk(block):
        if isinstance(node, ast.ImportFrom):
            found += [(f"{node.module}.{alias.name}", []) for alias in node.names]
    return [one for one in found if re.fullmatch(r"(?:cw|cnnwidgets)(?:\.\w+)+", one[0])]


def _takes(called: object, keyword: str) -> bool:
    """Whether a keyword is taken: by name, or as a trait of an explorer."""
    assert callable(called)
    known = inspect.signature(called.__init__ if inspect.isclass(called) else called).parameters
    state = known["state"].kind is inspect.Parameter.VAR_KEYWORD if "state" in known else False
    return keyword in known or (state and hasattr(called, keyword))


def _value(name: str) -> object:
    """What a full name stands for; a field of a class counts by its annotation."""
    value: object = cw
    for part in name.split(".")[1:]:
        if part in getattr(value, "__annotations__", {}):
            return None
        value = getattr(value, part)
    return value


def _code_under(readme: str, heading: str) -> str:
    found = re.search(re.escape(heading) + r".*?```python\n(.*?)```", readme, re.DOTALL)
    assert found
    return found.group(1)
