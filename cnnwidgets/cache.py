"""The user's cache: files that are fetched once, are what was asked for, and never half there."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import platformdirs
from tqdm import tqdm

CONNECT_SECONDS = 5.0
"""How long a server may take until it accepts a connection."""

SILENT_SECONDS = 30.0
"""How long it may then send nothing."""

_UNFINISHED = ".part"
_ABANDONED_SECONDS = 600  # what nobody has written to for so long, its process is dead
_digests: dict[tuple[str, int, int, int], str] = {}
_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def folder() -> Path:
    """Give the folder that fetched files are kept in; it need not be there yet.

    ``CNNWIDGETS_CACHE`` names it; else it is the place for caches of the user's system.
    """
    named = os.environ.get("CNNWIDGETS_CACHE", "").strip()
    return Path(named).expanduser() if named else platformdirs.user_cache_path("cnnwidgets")


def download(url: str, path: Path, *, sha256: str) -> None:
    """Fetch a file over HTTP, with a progress bar; it is at `path` only when it is whole and right.

    Parameters
    ----------
    url : http or https; a proxy named in the environment is used.
    path : where it goes, as a rule below `folder`.
    sha256 : the file's SHA-256 in hexadecimal, or its first digits where no more is published.

    Raises
    ------
    ConnectionError
        The server, or a proxy, cannot be reached, refuses, or breaks off.
    ValueError
        What came has another SHA-256.
    OSError
        The file cannot be written: the folder is read-only, the disk is full.
    """
    with writing(path) as unfinished:
        with _network_told(url):
            _stream(url, unfinished)
        check(unfinished, sha256, name=url)


def copy(source: Path, path: Path, *, sha256: str) -> None:
    """Take over a file that another program has fetched, if it is right.

    Raises
    ------
    ValueError
        It has another SHA-256.
    OSError
        The copy cannot be written.
    """
    check(source, sha256, name=f"'{source}'")
    with writing(path) as unfinished:
        shutil.copyfile(source, unfinished)


def probe(url: str) -> None:
    """Ask a server for nothing but an answer, to learn within seconds whether there is a way to it.

    Raises
    ------
    ConnectionError
        It cannot be reached, or a proxy refuses.
    """
    import requests

    with _network_told(url):
        answer = requests.head(url, timeout=CONNECT_SECONDS, allow_redirects=False)
        if answer.status_code >= 500:  # a proxy, as a rule
            answer.raise_for_status()


def check(path: Path, sha256: str, *, name: str) -> None:
    """Compare a file with the SHA-256, or its first digits, that it should have.

    Raises
    ------
    ValueError
        It has another.
    """
    if not (found := digest(path)).startswith(sha256.lower()):
        raise ValueError(
            f"{name} came with SHA-256 {found}, where {sha256} is expected: a proxy or a mirror "
            "has sent something else, so it was thrown away"
        )


def digest(path: Path) -> str:
    """Give a file's SHA-256 in hexadecimal; of one that rests, it is computed once a process."""
    about = path.stat()
    known = (str(path), about.st_ino, about.st_size, about.st_mtime_ns)
    if not (found := _digests.get(known, "")):
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if time.time() - about.st_mtime > 2:  # another write within the clock's step does not show
            _digests[known] = found
    return found


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is there at the end of the block takes the place of `path`.

    At any moment, and after an error or a kill, `path` holds its old content or the whole new one.
    Each writer has a path of its own, so two at once do no harm: the last one stays.

    Raises
    ------
    OSError
        The folder cannot be made or written; the sentence says what to do.
    """
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}{_UNFINISHED}")
    with _disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path.parent)
        try:
            unfinished.touch()  # what cannot be written is told before anything is fetched
            yield unfinished
            with unfinished.open("rb+") as written:
                os.fsync(written.fileno())  # else a power cut could leave the name without content
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder in the cache, whose disk has room for downloads; then remove it."""
    place = folder() / f"{uuid4().hex}{_UNFINISHED}"
    with _disk_told(place):
        place.mkdir(parents=True)
        _clear_abandoned(place.parent)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def progress_bar(name: str) -> tqdm:
    """Give a bar of bytes on standard error, which is gone when it is closed."""
    return tqdm(desc=name, unit="B", unit_scale=True, leave=False)


def _stream(url: str, path: Path) -> None:
    import requests  # late: it loads for longer than all else here, and nobody offline needs it

    timeout = (CONNECT_SECONDS, SILENT_SECONDS)
    with (
        requests.get(url, stream=True, timeout=timeout) as answer,
        path.open("wb") as file,
        progress_bar(path.name.partition(".")[0]) as bar,
    ):
        answer.raise_for_status()
        bar.total = int(answer.headers.get("Content-Length", 0)) or None
        for chunk in answer.iter_content(1 << 20):
            bar.update(file.write(chunk))


@contextmanager
def _network_told(url: str) -> Iterator[None]:
    """Turn the exceptions of requests into one sentence each."""
    import requests.exceptions as wrong

    host = urlsplit(url).netloc
    try:
        yield
    except wrong.HTTPError as error:
        raise ConnectionError(f"{host} answered{_proxied(url)}: {error}") from error
    except wrong.ProxyError as error:
        raise ConnectionError(f"no way to {host}{_proxied(url)}: {_last(error)}") from error
    except wrong.SSLError as error:
        raise ConnectionError(f"{host} has no certificate to trust: {_last(error)}") from error
    except (wrong.ReadTimeout, wrong.ChunkedEncodingError) as error:
        raise ConnectionError(f"{host} broke off before {url} was whole; try again") from error
    except wrong.ConnectTimeout as error:
        raise ConnectionError(
            f"{host} could not be reached within {CONNECT_SECONDS:.0f} s{_proxied(url)}"
        ) from error
    except wrong.ConnectionError as error:
        # urllib3 tells a line that breaks while bytes come by this name, too.
        begun = "broke off" if "Read timed out" in str(error) else "could not be reached"
        raise ConnectionError(f"{host} {begun}{_proxied(url)}: {_last(error)}") from error
    except wrong.RequestException as error:
        raise ConnectionError(f"{url} could not be fetched: {_last(error)}") from error


def _proxied(url: str) -> str:
    import requests

    proxy = requests.utils.get_environ_proxies(url).get(urlsplit(url).scheme)
    scheme = urlsplit(url).scheme.upper()
    return f" through the proxy that {scheme}_PROXY names" if proxy else ""


def _last(error: BaseException) -> str:
    """Give the innermost reason: what the system said, without the layers around it."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return str(error)


@contextmanager
def _disk_told(path: Path) -> Iterator[None]:
    """Say what to do when the cache cannot be written; other errors pass as they are."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a sentence of ours already
            raise
        cause = error.strerror or str(error)
        remedy = "free some space, or name" if error.errno in _DISK else "name"
        raise type(error)(
            f"'{path}' cannot be written ({cause}); {remedy} a folder of your own in "
            "CNNWIDGETS_CACHE"
        ) from error


def _clear_abandoned(place: Path) -> None:
    """Remove what killed processes left; what is being written is younger."""
    oldest = time.time() - _ABANDONED_SECONDS
    for left in place.glob(f"*{_UNFINISHED}"):
        try:
            if max(part.stat().st_mtime for part in [left, *left.rglob("*")]) > oldest:
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
        except OSError:  # its owner has just finished, or it is another user's
            continue
