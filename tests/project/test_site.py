"""The site is built without a warning, holds everything public once, and needs nothing outside."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser.lab import chromium, missing
from tests.project.test_docs import public_things

pytestmark = pytest.mark.slow
OUTSIDE = re.compile(r"(?:[a-z]+:)?//|data:text")
STYLE = re.compile(r"url\(\s*[\"']?([^)\"']+)|@import\s+[\"']([^\"']+)")


class Page(HTMLParser):
    """What a page loads, where it leads, and the places it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.places: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.places.append(given["id"])
        if tag == "a":
            self.leads += [given["href"]] if "href" in given else []
            return
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            self.loads += [given[name]] if name in given else []
        self.loads += [one or other for one, other in STYLE.findall(given.get("style", ""))]


@pytest.fixture(scope="module")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("sphinx", "furo", "myst_parser", "numpydoc", "sphinx_copybutton"):
        pytest.importorskip(package, reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(folder / "doctrees"), str(checkout / "docs"), str(folder / "html")]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_everything_public_stands_there_once(built: dict[Path, Page]) -> None:
    places = [place for page in built.values() for place in page.places]
    assert {name: places.count(name) for name in public_things()} == dict.fromkeys(
        public_things(), 1
    )


def test_nothing_is_loaded_from_outside(built: dict[Path, Page], site: Path) -> None:
    outside = [
        f"{path.relative_to(site)}: {name}"
        for path, page in built.items()
        for name in page.loads
        if OUTSIDE.match(name)
    ]
    for sheet in site.rglob("*.css"):
        for found in STYLE.findall(sheet.read_text(encoding="utf-8")):
            name = found[0] or found[1]
            if OUTSIDE.match(name):
                outside.append(f"{sheet.relative_to(site)}: {name}")
    assert not outside, "\n".join(outside)


def test_what_is_loaded_and_linked_is_there(built: dict[Path, Page], site: Path) -> None:
    lost, seen = [], 0
    for path, page in built.items():
        for name in [*page.loads, *page.leads]:
            address, _, place = name.partition("#")
            if re.match(r"[a-z]+:", name) or OUTSIDE.match(name):
                continue
            found = (path.parent / unquote(address.partition("?")[0])) if address else path
            seen += 1
            known = built.get(found.resolve()) if found.suffix == ".html" else None
            if not found.is_file() or (place and known and unquote(place) not in known.places):
                lost.append(f"{path.relative_to(site)}: {name}")
    assert seen > 1000
    assert not lost, "\n".join(lost[:40])


@pytest.fixture(scope="module")
def requests(site: Path) -> Iterator[tuple[object, list[str]]]:
    if why := missing():
        pytest.skip(why)
    with chromium() as browser:
        page, asked = browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        yield page, asked


def test_it_is_read_and_searched_from_a_folder(requests, site: Path) -> None:
    page, asked = requests
    page.goto((site / "site" / "gallery.html").as_uri())
    page.locator("h1").wait_for()
    page.goto((site / "search.html").as_uri() + "?q=reconstruct")
    page.locator("ul.search li a").first.wait_for()
    assert "reconstruct" in " ".join(page.locator("ul.search li a").all_inner_texts())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
