"""The files that Binder builds from, as the tests read them."""

import re
from pathlib import Path

import yaml

from tests.project.source_files import PACKAGE

BINDER = PACKAGE.parent / "binder"

NAMES = {"pytorch-cpu": "torch"}
"""What pip calls a package of conda-forge, where it is not the same."""

NOT_PIP = {"python", "libblas"}
BUILDS = {"hatchling"}
"""With which the checkout is installed."""


def asked() -> dict[str, str]:
    """Give what is asked of each package of environment.yml, by pip's names: ">=2.4,<=2.13.0"."""
    text = (BINDER / "environment.yml").read_text(encoding="utf-8")
    lines = yaml.safe_load(text)["dependencies"]
    pairs = [re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines]
    return {NAMES.get(name, name): version for name, version in pairs}


def pinned() -> dict[str, str]:
    """Give the versions of constraints.txt."""
    lines = (PACKAGE.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def from_repo2docker() -> dict[str, str]:
    """Give the versions that its environment for our Python starts from, by conda's names."""
    from repo2docker.buildpacks import conda

    lock = Path(conda.__file__).with_name("environment.py-3.11-linux-64.lock").read_text()
    found = re.findall(r"^https:\S*/(.+)-([^-]+)-[^-]+\.conda", lock, re.MULTILINE)
    return dict(found)
