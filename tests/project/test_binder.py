"""What Binder builds from fits the package, and repo2docker understands it.

`tests/browser/test_binder_lab.py` builds the same with pip, and measures it.
"""

import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.project.binder_files import BINDER, BUILDS, NOT_PIP, asked, from_repo2docker, pinned

SCRIPTS = ("postBuild", "start")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((BINDER.parent / "pyproject.toml").read_text(encoding="utf-8"))


def test_it_asks_for_what_the_package_needs_and_nothing_untested(project: dict) -> None:
    needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted = {}
    for line in map(Requirement, needed):
        newest = pinned()[line.name]
        assert line.specifier.contains(newest), f"constraints.txt has {line.name} {newest}"
        wanted[line.name] = line.specifier & SpecifierSet(f"<={newest}")
    got = {name: text for name, text in asked().items() if name not in NOT_PIP}
    assert {name: SpecifierSet(text) for name, text in got.items()} == wanted
    assert set(wanted) >= BUILDS


def test_its_python_is_the_tested_one(project: dict) -> None:
    version = asked()["python"].removeprefix("=")
    assert SpecifierSet(project["project"]["requires-python"]).contains(f"{version}.0")
    assert f"on Python {version}." in (BINDER.parent / "constraints.txt").read_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_scripts_can_be_run(name: str) -> None:
    assert (BINDER / name).read_bytes().startswith(b"#!/bin/bash\n")
    assert os.access(BINDER / name, os.X_OK)
    subprocess.run(["bash", "-n", str(BINDER / name)], check=True)


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, "2"),
        ({"CPU_LIMIT": "1.0"}, "1"),
        ({"CPU_LIMIT": "0.5"}, "1"),
        ({"CPU_LIMIT": "2"}, "2"),
        ({"CPU_LIMIT": "16.0"}, "2"),
        ({"CPU_LIMIT": "2.0", "OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "7"}, "7"),
    ],
)
def test_a_container_starts_with_few_threads(given: dict[str, str], threads: str) -> None:
    show = 'echo "$OMP_NUM_THREADS $OPENBLAS_NUM_THREADS $MALLOC_ARENA_MAX $0"'
    run = subprocess.run(
        [str(BINDER / "start"), "bash", "-c", show, "two words"],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{threads} {threads} 2 two words\n"


def test_lab_is_as_quiet_as_that_of_make(checkout: Path) -> None:
    config = json.loads((BINDER / "jupyter_lab_config.json").read_text())
    made = (checkout / "Makefile").read_text(encoding="utf-8")
    quiet = re.search(r"^QUIET := ((?:.*\\\n)*.*)$", made, re.MULTILINE)
    assert quiet
    for option in shlex.split(quiet[1].replace("\\\n", "")):
        name, value = option.removeprefix("--LabApp.").split("=")
        assert config["LabApp"].pop(name) == (None if value == "None" else value)
    assert config == {"LabApp": {}}
    post = (BINDER / "postBuild").read_text()
    copied = set(re.findall(r"binder/(\w+\.json)", post))
    assert copied == {path.name for path in BINDER.glob("*.json")}


def test_its_address_opens_a_notebook_that_is_there(checkout: Path) -> None:
    text = (BINDER / "README.md").read_text(encoding="utf-8")
    addresses = re.findall(r"https://\S*/v2/gh/OWNER/REPO/HEAD\?urlpath=lab/tree/(\S+)", text)
    assert addresses and all((checkout / path).is_file() for path in addresses)


def test_repo2docker_makes_a_docker_file_of_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = pytest.importorskip("repo2docker.buildpacks", reason="repo2docker is not installed")
    monkeypatch.chdir(checkout)
    others = (packs.NixBuildPack, packs.RBuildPack, packs.PipfileBuildPack, packs.DockerBuildPack)
    assert not [pack for pack in others if pack("base").detect()]
    pack = packs.CondaBuildPack("base")
    pack.platform = "linux/amd64"
    assert pack.detect() and pack.environment_yaml_path == "binder/environment.yml"
    assert pack.python_version == asked()["python"].removeprefix("=")
    assert not pack.separate_kernel_env
    made = pack.render({})
    # The packages come before the checkout, so that its next commit finds them built.
    steps = [
        "env update",
        "COPY --chown=1000:1000 src/ ",
        "RUN ./binder/postBuild",
        "R2D_ENTRYPOINT",
    ]
    places = [made.index(step) for step in steps]
    assert places == sorted(places)
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in made


def test_what_repo2docker_brings_is_new_enough() -> None:
    """Also its ipykernel 7.0, which refuses widget messages from the worker, is told to go."""
    pytest.importorskip("repo2docker", reason="repo2docker is not installed")
    brought = from_repo2docker()
    assert SpecifierSet(">=4.2").contains(brought["jupyterlab"])
    assert SpecifierSet(asked()["ipywidgets"]).contains(brought["ipywidgets"])
    assert not SpecifierSet(asked()["ipykernel"]).contains("7.0.1")
