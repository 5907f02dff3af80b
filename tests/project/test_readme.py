"""What the README shows works as it stands there, and the files that it names exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


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
    links = re.findall(r"\]\(([^)#:]+)\)", readme) + re.findall(r'src(?:set)?="([^"]+)"', readme)
    links += re.findall(r"`(notebooks/[^`]+)`", readme)
    assert len(links) >= 5
    assert not [link for link in links if not (checkout / link).exists()]


def _code_under(readme: str, heading: str) -> str:
    found = re.search(re.escape(heading) + r".*?```python\n(.*?)```", readme, re.DOTALL)
    assert found
    return found.group(1)
