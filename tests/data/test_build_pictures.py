"""The script that makes the embedded pictures makes the committed ones again."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cnnwidgets.data import read_picture

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "cnnwidgets" / "data"


@pytest.fixture
def build_pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_pictures", ROOT / "scripts" / "build_pictures.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_pictures_are_made_again(build_pictures, tmp_path, monkeypatch):
    packages = Path(os.environ.get("CNNWIDGETS_PACKAGES", tmp_path))
    needed = (*build_pictures.WHEELS, build_pictures.FLUENT_EMOJI)
    missing = [package.archive for package in needed if not (packages / package.archive).is_file()]
    if missing:
        pytest.skip(f"CNNWIDGETS_PACKAGES names no folder with {missing[0]}.")
    monkeypatch.setattr("sys.argv", ["x", "--packages", str(packages), "--out", str(tmp_path)])
    build_pictures.main()

    def tree(folder: Path) -> dict[str, bytes]:
        files = [*folder.glob("photos/*"), *folder.glob("objects/*")]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}

    made, committed = tree(tmp_path), tree(DATA)
    assert set(made) == set(committed)
    for name, content in made.items():
        if name.endswith(".jpg"):  # another Pillow may write other bytes
            difference = read_picture(tmp_path / name) - read_picture(DATA / name).astype(int)
            assert np.abs(difference).mean() < 2
        else:
            assert content == committed[name]


def test_other_archive_is_refused_by_its_hash(build_pictures, tmp_path):
    (tmp_path / build_pictures.SCIPY.archive).write_bytes(b"another archive")
    with pytest.raises(ValueError, match=r"scipy-1\.9\.3-.*\.whl has SHA-256 .* is expected"):
        build_pictures.read_archive(tmp_path, build_pictures.SCIPY)
    with pytest.raises(FileNotFoundError, match=r"matplotlib.*\.whl of matplotlib==3.* is not in"):
        build_pictures.read_archive(tmp_path, build_pictures.MATPLOTLIB)
