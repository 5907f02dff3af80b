"""Files of weights that may come from anybody: read without running anything that is in them."""

from __future__ import annotations

import pickle
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
        if path.suffix.lower() == ".safetensors":
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
            raise _untrusted(path, "it is a plain pickle")
        with path.open("rb") as opened:
            return pickle.load(opened)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            parts = {name.rpartition("/")[2] for name in archive.namelist()}
        if "constants.pkl" in parts:
            if not trust:
                raise _untrusted(path, "it is a TorchScript program")
            return torch.jit.load(path, map_location="cpu")
        if "data.pkl" not in parts:
            raise ValueError("a zip archive, but none of torch.save")
    return torch.load(path, map_location="cpu", weights_only=not trust)


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
