"""The wheel, away from the checkout: what is in it, and that it works for a user."""

import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

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
print("works")
"""


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)],
        cwd=checkout,
    )
    (built,) = folder.glob("*.whl")
    return built


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


def test_installed_wheel_works(wheel: Path, tmp_path: Path) -> None:
    python = _environment(wheel, tmp_path / "env")
    printed = _run([str(python), "-c", SMOKE], cwd=tmp_path)
    where, works = printed.split()[-2:]
    assert Path(where).is_relative_to(tmp_path), "the checkout was tested, not the wheel"
    assert works == "works"


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


def _run(command: list[str], cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
