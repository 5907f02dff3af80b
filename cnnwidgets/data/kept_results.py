"""Results that took long, kept in the user's cache by what they were made of."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from cnnwidgets import cache
from cnnwidgets.results import Result

MOST_BYTES = 256 * 2**20
"""All that is kept; the results that were used longest ago go first."""

AnyResult = TypeVar("AnyResult", bound=Result)


def key_of(parts: Iterable[str | bytes]) -> str:
    """Give a name that stands for all these parts, in their order, and for no others."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def kept(kind: type[AnyResult], key: str) -> AnyResult | None:
    """Give the result of a kind that was kept under this key, or None; a broken file is none."""
    path = _path(kind, key)
    try:
        found = kind.load(path)
        os.utime(path)  # used now
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found


def keep(result: Result, key: str) -> bool:
    """Keep a result for later sessions; False where the cache cannot be written, which is no harm.

    The file appears whole or not at all. Beyond `MOST_BYTES`, what was used longest ago is removed.
    """
    path = _path(type(result), key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        result.save(path)
    except OSError:
        return False
    _clear(path.parent)
    return True


def _path(kind: type[Result], key: str) -> Path:
    return cache.folder() / "results" / f"{kind.__name__}-{key}.safetensors"


def _clear(folder: Path) -> None:
    """Remove the oldest files beyond the limit, and with time what killed processes left."""
    with suppress(OSError):  # another process clears, too
        files = [(path, path.stat()) for path in folder.iterdir()]
        used = 0
        for path, about in sorted(files, key=lambda file: -file[1].st_mtime):
            used += about.st_size
            if used > MOST_BYTES:
                path.unlink()
