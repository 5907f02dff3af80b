"""Files of weights that may come from anybody: read without running anything that is in them."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

BROKEN = (
    *(SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError),
    *(AssertionError, TypeError, AttributeError, struct.error, zipfile.BadZipFile),
)
"""What reading a broken file raises; pickles that are cut or changed somewhere raise them all."""

_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # of torch.save, before it wrote archives
_BEGINNING = 2**16  # bytes
_INSTEAD = {
    b"version https://git-lfs": "a pointer of git-lfs is in its place, git lfs pull fetches it",
    b"<": "a web page stands in its place",
}


class UntrustedError(ValueError):
    """Reading the file would run code that is in it."""


def named_sha256(file: str) -> str:
    """Give the first digits of its SHA-256 that a published file's name ends in, or ""."""
    digits = re.search(r"-([0-9a-f]{8,64})\.\w+$", file)
    return digits[1] if digits else ""


def read_file(path: Path, *, trust: bool = False) -> Any:
    """Read safetensors or a file of `torch.save`: tensors and plain values only, unless trusted.

    Parameters
    ----------
    trust : also run the code that a pickle or a TorchScript program asks for.

    Raises
    ------
    UntrustedError
        More than plain values is in it, and `trust` is False; nothing was run.
    ValueError
        It is broken, or something else. Both sentences leave open what to do.
    """
    with path.open("rb") as opened:
        start = opened.read(64)
    try:
        if path.suffix.lower() == ".safetensors" or _is_safetensors(path, start):
            return load_file(path)
        return _read_torch(path, start, trust)
    except UntrustedError:
        raise
    except (*BROKEN, OSError, ImportError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        more = re.search(r"GLOBAL (\S+)", str(error))
        if more and not trust:
            raise _untrusted(path, f"{more[1]} is in it, too") from error
        raise ValueError(
            f"'{path}' holds no weights that can be read: {_reason(start, error)}"
        ) from error


def _read_torch(path: Path, start: bytes, trust: bool) -> Any:
    """Read what torch.save or torch.jit.save wrote, or with trust any pickle."""
    if start[:1] == b"\x80" and not start.startswith(_MAGIC, 2):
        if not trust:
            _check_pickle(path)
            raise _untrusted(path, "it is a plain pickle")
        with path.open("rb") as opened:
            return pickle.load(opened)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        parts = {entry.filename.rpartition("/")[2] for entry in entries}
        if "constants.pkl" in parts:
            if not trust:
                raise _untrusted(path, "it is a TorchScript program")
            return torch.jit.load(path, map_location="cpu")
        if "data.pkl" not in parts:
            raise ValueError("a zip archive, but none of torch.save")
        if not trust:
            _check_size(path, entries)
    return torch.load(path, map_location="cpu", weights_only=not trust)


def _is_safetensors(path: Path, start: bytes) -> bool:
    """Tell by content: the length of a header that begins as one in JSON, and is all there."""
    return start[8:9] == b"{" and 8 + int.from_bytes(start[:8], "little") <= path.stat().st_size


def _check_pickle(path: Path) -> None:
    """Refuse what only begins like a pickle; of a long one, the beginning is looked at."""
    with path.open("rb") as opened:
        beginning = io.BytesIO(opened.read(_BEGINNING))
        whole = not opened.read(1)
    try:
        for _ in pickletools.genops(beginning):
            pass
    except ValueError as error:
        if whole or beginning.tell() < _BEGINNING:
            raise ValueError("begins like a pickle") from error


def _check_size(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse archives that unpack to more than they are, which those of torch.save never do."""
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("a compressed archive, which torch.save does not write")
    if unpacked > path.stat().st_size:
        raise ValueError(f"an archive that claims {unpacked} bytes, more than it has")


def _untrusted(path: Path, what: str) -> UntrustedError:
    return UntrustedError(
        f"'{path}' holds no weights that can be read without trusting it ({what})"
    )


def _reason(start: bytes, error: Exception) -> str:
    if not start:
        return "it is empty"
    for beginning, instead in _INSTEAD.items():
        if start.startswith(beginning):
            return instead
    said = str(error).partition("\n")[0].removeprefix("Error while deserializing header: ")
    if said.startswith("Weights only load failed"):
        said = "no file of torch.save"
    return f"it is broken, cut short or something else ({said[:120].rstrip('. ')})"
