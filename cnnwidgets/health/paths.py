"""Paths that may be closed to this user, or lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path

GONE = "it is not there"


def barred(path: Path) -> str:
    """Say why there is no way to a file or folder, `GONE` or the system's reason; else ""."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    except (OSError, ValueError) as error:  # a closed folder above it, a loop of links
        return f"it cannot be looked at ({getattr(error, 'strerror', None) or error})"
    return ""


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one place."""
    try:
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return False
