"""Wheel and source archive, away from the checkout: what is in them, and that they work."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import cnnwidgets

SMOKE = """
import numpy as np
import cnnwidgets as cw
print(cw.__file__)
model = cw.load_model("squeezenet1_1")
images, objects = cw.load_images("photos"), cw.load_images("objects")
assert len(images.images) >= 8, len(images.images)
assert len(objects.images) == 305, len(objects.images)
assert all(image.dtype == np.uint8 and image.ndim == 3 for image in images.images)
record = cw.graph.record(model, model.preprocess([images.images[0]]))
seen = cw.engines.deconv.reconstruct(record, "features.9", [311])
assert seen.images.shape[:2] == (1, 3) and seen.images.isfinite().all()
assert seen.images.abs().max() > 0
explorer = cw.UnitExplorer(model, images)
explorer.close()
assert not explorer.comm
from cnnwidgets.health import files
(found,) = files.installation()
assert found.state == "ok" and "files are as they came" in found.text, found
print("works")
"""


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built("wheel", checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built("sdist", checkout, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive's own folder: another place, without git."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def test_wheel_holds_code_and_data_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    kinds = Counter(Path(name).suffix for name in names)
    assert "cnnwidgets/py.typed" in names
    assert kinds[".safetensors"] == 2
    assert kinds[".webp"] == 305
    assert kinds[".jpg"] >= 8
    assert kinds[".csv"] >= 1
    assert kinds[".js"] >= 1
    assert kinds[".css"] >= 1
    licences = {Path(name).name for name in names if "/licenses/" in name}
    assert licences >= {"LICENSE", "NOTICE"}
    assert {Path(name).parts[0].partition("-")[0] for name in names} == {"cnnwidgets"}
    assert wheel.stat().st_size < 20e6, "a wheel of 20 MB is too much for what is embedded"


def test_every_tracked_file_is_in_both_and_no_other(
    wheel: Path, unpacked: Path, checkout: Path
) -> None:
    tracked = {name for name in _tracked(checkout) if name.startswith("cnnwidgets/")}
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert in_wheel == tracked
    in_sdist = {
        path.relative_to(unpacked).as_posix()
        for path in (unpacked / "cnnwidgets").rglob("*")
        if path.is_file()
    }
    assert in_sdist == tracked


def test_the_source_archive_holds_what_tests_need(unpacked: Path, checkout: Path) -> None:
    for name in ("LICENSE", "NOTICE", "CITATION.cff", "README.md", "CHANGELOG.md", "Makefile"):
        assert (unpacked / name).read_bytes() == (checkout / name).read_bytes(), name
    needed = ("tests/", "docs/", "notebooks/", "scripts/", "benchmarks/", "binder/")
    missing = [
        name
        for name in _tracked(checkout)
        if name.startswith(needed) and not (unpacked / name).is_file()
    ]
    assert not missing


def test_the_source_archive_makes_the_same_wheel(
    wheel: Path, unpacked: Path, tmp_path: Path
) -> None:
    again = _built("wheel", unpacked, tmp_path)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes(), "the wheel depends on where it is built"


def test_the_source_archive_makes_itself(sdist: Path, unpacked: Path, tmp_path: Path) -> None:
    again = _built("sdist", unpacked, tmp_path)
    assert again.name == sdist.name
    assert again.read_bytes() == sdist.read_bytes(), "the archive depends on where it is built"


def test_one_version_everywhere(wheel: Path, sdist: Path, checkout: Path) -> None:
    version = cnnwidgets.__version__
    assert wheel.name == f"cnnwidgets-{version}-py3-none-any.whl"
    assert sdist.name == f"cnnwidgets-{version}.tar.gz"
    archive = zipfile.ZipFile(wheel)
    (about,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    assert f"\nVersion: {version}\n" in archive.read(about).decode()
    assert f"\n## {version}" in (checkout / "CHANGELOG.md").read_text(encoding="utf-8")


def test_citation_file(checkout: Path) -> None:
    text = (checkout / "CITATION.cff").read_text(encoding="utf-8")
    said = dict(re.findall(r'^([\w-]+): *"?(.*?)"?$', text, re.MULTILINE))
    assert said["cff-version"] == "1.2.0"
    assert said["version"] == cnnwidgets.__version__
    assert said["type"] == "software"
    assert said["license"] == "BSD-3-Clause"
    assert said["message"] and said["title"]
    assert '\nauthors:\n  - name: "cnnwidgets developers"\n' in text
    assert not {"doi", "url", "repository-code"} & said.keys(), "there is none to be named yet"
    allowed = {"cff-version", "message", "type", "title", "abstract", "authors", "version"}
    assert said.keys() <= allowed | {"license", "keywords", "date-released"}


def test_installed_wheel_works(wheel: Path, tmp_path: Path) -> None:
    python = _environment(wheel, tmp_path / "env")
    printed = _run([str(python), "-c", SMOKE], cwd=tmp_path)
    where, works = printed.split()[-2:]
    assert Path(where).is_relative_to(tmp_path), "the checkout was tested, not the wheel"
    assert works == "works"


def _built(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or a source archive, as a release is built: at a date that is given."""
    _run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder)],
        cwd=source,
        SOURCE_DATE_EPOCH="1767225600",
    )
    (built,) = folder.iterdir()
    return built


def _tracked(checkout: Path) -> list[str]:
    """Files that are, or would be, committed."""
    if shutil.which("git") is None or not (checkout / ".git").exists():
        pytest.skip("this is no git checkout, so there is nothing tracked to compare with")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = _run(command, cwd=checkout).split("\0")
    return [name for name in names if name and (checkout / name).is_file()]


def _environment(wheel: Path, folder: Path) -> Path:
    """Make an environment that holds the wheel, and sees this one's packages but not its checkout.

    A line of a .pth file puts a folder on the path without reading the .pth files in that folder,
    so what is installed here as editable stays out.
    """
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], cwd=folder.parent)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-warn-script-location"]
    _run(
        [sys.executable, "-m", "pip", "--python", str(python), *install, str(wheel)],
        cwd=folder.parent,
    )
    shown = _run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        cwd=folder.parent,
    )
    borrowed = [
        entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")
    ]
    assert borrowed
    Path(shown.strip(), "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return python


def _run(command: list[str], cwd: Path, **settings: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean |= settings
    run = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
