"""Downloads from a stand-in server: whole and right, or not there at all and a clear sentence."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from cnnwidgets import cache
from tests.stand_in import StandInServer, keep_to_this_machine, sha256

CONTENT = bytes(range(256)) * 8192  # 2 MB
SCRIPT = """
import os, resource, sys
from pathlib import Path
from cnnwidgets import cache
url, path, digits, first = sys.argv[1:]
exec(first)
cache.download(url, Path(path), sha256=digits)
"""
needs_posix = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_to_this_machine(tmp_path, monkeypatch)


@pytest.fixture
def server() -> Iterator[StandInServer]:
    with StandInServer() as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights" / "net.pth"


def nothing_left(path: Path) -> bool:
    return not path.parent.exists() or not list(path.parent.iterdir())


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.folder() == tmp_path / "cache"
    monkeypatch.setenv("CNNWIDGETS_CACHE", "~/of-cnnwidgets")
    assert cache.folder() == Path.home() / "of-cnnwidgets"
    monkeypatch.setenv("CNNWIDGETS_CACHE", " ")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "system"))
    if sys.platform == "linux":
        assert cache.folder() == tmp_path / "system" / "cnnwidgets"


@pytest.mark.parametrize("digits", [64, 8])
def test_a_file_comes_whole(server: StandInServer, path: Path, digits: int) -> None:
    cache.download(server.serve("/net.pth", CONTENT), path, sha256=sha256(CONTENT)[:digits])
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    umask = os.umask(0)
    os.umask(umask)
    if os.name == "posix":  # others may read it where the folder is shared
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_progress_is_shown(
    server: StandInServer, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache.download(server.serve("/net.pth", CONTENT), path, sha256=sha256(CONTENT))
    assert "net: " in capfd.readouterr().err


def test_another_hash_is_refused(server: StandInServer, path: Path) -> None:
    url = server.serve("/net.pth", CONTENT[:-1] + b"!")
    with pytest.raises(ValueError, match=f"net.pth came with SHA-256 .* where {sha256(CONTENT)}"):
        cache.download(url, path, sha256=sha256(CONTENT))
    assert nothing_left(path)


def test_what_was_there_stays_when_the_new_fails(server: StandInServer, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="SHA-256"):
        cache.download(server.serve("/net.pth", CONTENT), path, sha256="0" * 64)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_line_that_breaks_is_told(server: StandInServer, path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:\d+ broke off"):
        cache.download(server.break_off("/net.pth", CONTENT), path, sha256=sha256(CONTENT))
    assert nothing_left(path)


def test_a_silent_server_is_told(
    server: StandInServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SILENT_SECONDS", 0.3)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:\d+ broke off"):
        cache.download(server.hang("/net.pth", CONTENT), path, sha256=sha256(CONTENT))
    assert nothing_left(path)


@pytest.mark.parametrize("status", [403, 404, 500, 502])
def test_a_refusal_is_told(server: StandInServer, path: Path, status: int) -> None:
    with pytest.raises(ConnectionError, match=rf"127\.0\.0\.1:\d+ answered: {status} "):
        cache.download(server.refuse("/net.pth", status), path, sha256=sha256(CONTENT))
    assert nothing_left(path)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told(
    server: StandInServer, path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    variable = f"{scheme.upper()}_PROXY"
    monkeypatch.setenv(variable, server.address)
    url = f"{scheme}://weights.invalid/net.pth"
    server.refuse("weights.invalid:443" if scheme == "https" else url, 502)
    told = rf"weights\.invalid .*through the proxy that {variable} names.*502"
    with pytest.raises(ConnectionError, match=told):
        cache.download(url, path, sha256=sha256(CONTENT))
    with pytest.raises(ConnectionError, match=told):
        cache.probe(url)
    assert nothing_left(path)
    assert server.requested


def test_no_network_is_told(path: Path) -> None:
    told = r"127\.0\.0\.1:9 could not be reached: .*refused"
    with pytest.raises(ConnectionError, match=told):
        cache.download("http://127.0.0.1:9/net.pth", path, sha256=sha256(CONTENT))
    with pytest.raises(ConnectionError, match=told):
        cache.probe("http://127.0.0.1:9/net.pth")
    assert nothing_left(path)


def test_a_server_has_five_seconds_to_accept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def unanswered(url: str, *, timeout: object, **_: object) -> None:
        seen.append(timeout)
        raise requests.exceptions.ConnectTimeout

    monkeypatch.setattr(requests, "get", unanswered)
    with pytest.raises(ConnectionError, match="127.0.0.1 could not be reached within 5 s"):
        cache.download("http://127.0.0.1/net.pth", path, sha256=sha256(CONTENT))
    assert seen == [(5.0, 30.0)]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/net.pth", "net.pth", "http://"])
def test_an_address_that_is_none_is_told(path: Path, url: str) -> None:
    with pytest.raises(ConnectionError, match="could not be fetched"):
        cache.download(url, path, sha256=sha256(CONTENT))
    assert nothing_left(path)


@needs_posix
def test_a_full_disk_is_told(server: StandInServer, path: Path) -> None:
    limited = "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    with _elsewhere(server.serve("/net.pth", CONTENT), path, first=limited) as run:
        assert run.wait(60) == 1
        assert run.stderr is not None
        last = run.stderr.read().strip().splitlines()[-1]
    assert last.endswith(
        f"'{path}' cannot be written (File too large); free some space, or name a folder of your "
        "own in CNNWIDGETS_CACHE"
    )
    assert nothing_left(path)


@needs_posix
def test_a_kill_leaves_no_half_file(server: StandInServer, path: Path) -> None:
    with _elsewhere(server.hang("/net.pth", CONTENT), path) as run:
        _wait_until(lambda: _unfinished(path) == [1 << 20])
        run.kill()
    assert run.returncode < 0
    assert not path.exists()
    (left,) = path.parent.iterdir()

    # What is young may be somebody's who is still at work; what is old is cleared away.
    for age, remains in ((0, 2), (3600, 1)):
        os.utime(left, (time.time() - age,) * 2)
        cache.download(server.serve("/net.pth", CONTENT), path, sha256=sha256(CONTENT))
        assert path.read_bytes() == CONTENT
        assert len(list(path.parent.iterdir())) == remains


@needs_posix
def test_two_processes_at_once_do_no_harm(server: StandInServer, path: Path) -> None:
    url = server.hang("/net.pth", CONTENT)
    with _elsewhere(url, path) as one, _elsewhere(url, path) as other:
        _wait_until(lambda: _unfinished(path) == [1 << 20] * 2)
        server.go_on.set()
        for run in (one, other):
            assert run.stderr is not None
            assert run.wait(60) == 0, run.stderr.read()
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@needs_posix
def test_a_read_only_folder_is_told(server: StandInServer) -> None:
    # Root may write anywhere, so another user does; and not in pytest's folder, which is root's.
    other_user = "os.geteuid() or os.seteuid(65534)"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        path = Path(folder, "weights", "net.pth")
        with _elsewhere(server.serve("/n", CONTENT), path, first=other_user) as run:
            assert run.stderr is not None
            last = run.stderr.read().strip().splitlines()[-1]
    assert last.startswith("PermissionError: ")
    assert last.endswith(
        "cannot be written (Permission denied); name a folder of your own in CNNWIDGETS_CACHE"
    )
    assert server.requested == []


def test_a_folder_that_cannot_be_is_told(server: StandInServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match=r"net.pth' cannot be written \(.+\); name a folder of your"):
        cache.download(
            server.serve("/n", CONTENT), tmp_path / "cache" / "net.pth", sha256=sha256(CONTENT)
        )
    with pytest.raises(OSError, match="cannot be written"), cache.scratch():
        pass
    assert server.requested == []


def test_a_copy_is_checked_first(tmp_path: Path, path: Path) -> None:
    source = tmp_path / "fetched.pth"
    source.write_bytes(CONTENT)
    with pytest.raises(ValueError, match="'.*fetched.pth' came with SHA-256"):
        cache.copy(source, path, sha256="0" * 8)
    assert nothing_left(path)
    cache.copy(source, path, sha256=sha256(CONTENT))
    assert path.read_bytes() == source.read_bytes() == CONTENT


def test_scratch_is_gone_after_an_error() -> None:
    with pytest.raises(KeyError), cache.scratch() as place:
        (place / "deep").mkdir()
        (place / "deep" / "file").write_bytes(CONTENT)
        raise KeyError("stop")
    assert place.parent == cache.folder()
    assert not place.exists()


def _elsewhere(url: str, path: Path, first: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, url, str(path), sha256(CONTENT), first]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _unfinished(path: Path) -> list[int]:
    return [part.stat().st_size for part in path.parent.glob("*.part")]


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
