"""What has one home stays there, and no file has a name that could hold anything."""

import re
from pathlib import Path

from tests.project.source_files import PACKAGE, imports, sources

CHECKOUT = PACKAGE.parent
NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}
# The means and deviations of ImageNet, however they are written (0.485, .485, 123.675 / 255).
IMAGENET = re.compile(r"0?\.(485|456|406|229|224|225)\b|\b(123\.675|116\.28|103\.53)\b")


def test_no_file_or_folder_is_named_after_nothing() -> None:
    everywhere = [
        path
        for top in ("cnnwidgets", "tests", "scripts", "benchmarks")
        for path in (CHECKOUT / top).rglob("*")
        if "__pycache__" not in path.parts
    ]
    assert everywhere
    assert not [path for path in everywhere if path.stem.strip("_") in NAMES_OF_NOTHING]


def test_the_mean_of_imagenet_is_written_once() -> None:
    holders = {
        path.relative_to(CHECKOUT).as_posix()
        for path in [*sources(), *_beside("scripts", "benchmarks")]  # a test may derive them anew
        if len(IMAGENET.findall(path.read_text(encoding="utf-8"))) >= 3
    }
    assert holders <= {"cnnwidgets/models/preprocess.py"}


def test_one_file_imports_torchvision() -> None:
    own = PACKAGE / "models" / "torchvision_import.py"
    its_test = CHECKOUT / "tests" / "models" / "test_torchvision_import.py"
    assert "torchvision" in {name for _, name in imports(own)}
    others = [
        f"{path}:{line} imports {name}; take import_torchvision()"
        for path in [*sources(), *_beside("scripts", "benchmarks", "tests")]
        for line, name in imports(path)
        if name.partition(".")[0] == "torchvision" and path not in (own, its_test)
    ]
    assert not others, "\n".join(others)


def _beside(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((CHECKOUT / folder).rglob("*.py"))]
