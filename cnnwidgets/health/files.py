"""What comes with cnnwidgets, what it keeps, and what it was told to read."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from importlib.resources import files as resources
from pathlib import Path

from cnnwidgets import cache as user_cache
from cnnwidgets.health.findings import Finding, reason
from cnnwidgets.health.paths import GONE, barred
from cnnwidgets.health.versions import installed, pip

TOPIC = "files"
EMBEDDED = ("squeezenet1_1", "alexnet")
ROOM = 1e9
"""Bytes; the largest usual network, VGG16, takes half of them."""
AGAIN = pip("--force-reinstall --no-deps cnnwidgets")


def installation() -> Iterator[Finding]:
    """Compare every file of the installed package with the list that came with it."""
    try:
        listed = distribution("cnnwidgets").files or []
    except PackageNotFoundError:
        return  # told already
    own = [path for path in listed if path.parts[0] == "cnnwidgets" and path.hash]
    if not own:
        folder = Path(str(resources("cnnwidgets")))
        yield Finding(TOPIC, "installation", "ok", f"used from {folder}, as it is there")
        return
    wrong = [str(path) for path in own if not _as_installed(path)]
    if wrong:
        text = f"{len(wrong)} of {len(own)} files are missing or changed, such as {wrong[0]}"
        yield Finding(TOPIC, "installation", "fault", text, AGAIN, wrong)
    else:
        yield Finding(TOPIC, "installation", "ok", f"{len(own)} files are as they came")


def _as_installed(path: PackagePath) -> bool:
    assert path.hash is not None
    try:
        digest = hashlib.new(path.hash.mode, Path(str(path.locate())).read_bytes()).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == path.hash.value


def weights() -> Iterator[Finding]:
    """Read the weights that come with cnnwidgets."""
    from safetensors.numpy import load_file

    for name in EMBEDDED:
        path = Path(str(resources("cnnwidgets"))) / "models" / "weights" / f"{name}.safetensors"
        try:
            read = load_file(path)
            broken = [key for key, values in read.items() if not _finite(values)]
        except Exception as error:  # noqa: BLE001 - safetensors' own error derives from Exception
            text = f"those that come with cnnwidgets cannot be read ({reason(error)})"
            yield Finding(TOPIC, f"weights {name}", "fault", text, AGAIN, str(path))
            continue
        if broken or not read:
            text = f"NaN or infinity stands in {broken[0] if broken else 'an empty file'}"
            yield Finding(TOPIC, f"weights {name}", "fault", text, AGAIN, str(path))
        else:
            size = path.stat().st_size
            text = f"here and whole, {len(read)} tensors, {size / 1e6:.1f} MB"
            yield Finding(TOPIC, f"weights {name}", "ok", text, value=size)


def fetched_weights() -> Iterator[Finding]:
    """Read the weights in the user's cache that networks would take."""
    if installed("torch") is None:
        return  # told already
    from cnnwidgets.models import catalogue, stored_weights, torchvision_nets

    whole, broken = [], 0
    known = dict.fromkeys([*catalogue.TITLES, *torchvision_nets.names()])
    for name in known if os.path.isdir(stored_weights.folder()) else ():
        network = catalogue.find_network(name)
        path = stored_weights.in_cache(network)
        if path is None:
            continue
        fault = _unusable(path)
        if fault:
            again = "those that come with cnnwidgets take its place"
            if network.embedded != "whole":
                again = f'"{sys.executable}" -m cnnwidgets weights get {name}'
            remedy = f'rm "{path}", then {again}'
            yield Finding(TOPIC, f"fetched weights {name}", "fault", fault, remedy, str(path))
            broken += 1
        else:
            whole.append(name)
    if whole or not broken:
        text = f"whole: {', '.join(whole)}" if whole else "none, and none need be"
        yield Finding(TOPIC, "fetched weights", "ok", text, value=whole)


def _unusable(path: Path) -> str:
    """Say what is wrong with a file of weights, by the SHA-256 it is published with or by reading.

    Formats of weights have no checksum; where none is published, only what cannot be read shows.
    """
    from cnnwidgets.models.weights_file import named_sha256, read_file

    digits = named_sha256(path.name)
    try:
        if not digits:
            read_file(path)
            return ""
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return str(error)
    if found.startswith(digits):
        return ""
    return f"'{path}' was cut short or changed: it is not what was published under that name"


def _finite(values: object) -> bool:
    import numpy as np

    return bool(np.isfinite(np.asarray(values)).all())


def cache() -> Iterator[Finding]:
    """Write to the user's cache, and tell how much room is left there."""
    folder = user_cache.folder()
    elsewhere = "export CNNWIDGETS_CACHE=FOLDER names one of your own"
    missing = [place for place in (folder, *folder.parents) if barred(place) == GONE]
    try:
        with user_cache.scratch() as place:
            (place / "written").write_bytes(b"cnnwidgets")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding(TOPIC, "cache", "fault", str(error), elsewhere, str(folder))
        return
    finally:
        _remove_empty(missing)
    value = {"folder": str(folder), "free": free}
    text = f"{folder} can be written, {free / 1e9:.1f} GB free"
    if free < ROOM:
        remedy = f"free some space, or {elsewhere}"
        yield Finding(TOPIC, "cache", "note", f"{text}: too little for VGG16", remedy, value)
    else:
        yield Finding(TOPIC, "cache", "ok", text, value=value)


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that were made, the inner ones first; looking leaves nothing behind."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # never made, or in use by now
            return


def data() -> Iterator[Finding]:
    """Look into the folder that CNNWIDGETS_DATA names."""
    named = os.environ.get("CNNWIDGETS_DATA", "").strip()
    if not named:
        yield Finding(TOPIC, "CNNWIDGETS_DATA", "ok", "not set, and need not be")
    elif not os.path.isdir(folder := os.path.expanduser(named)):
        text = f"it names '{named}', and {barred(Path(folder)) or 'it is no folder'}"
        remedy = "export CNNWIDGETS_DATA=FOLDER, or unset CNNWIDGETS_DATA"
        yield Finding(TOPIC, "CNNWIDGETS_DATA", "fault", text, remedy, named)
    else:
        yield Finding(TOPIC, "CNNWIDGETS_DATA", "ok", named, value=named)


def things() -> Iterator[Finding]:
    """Look for THINGS' files, which are fetched on request only."""
    from cnnwidgets.data import load_things

    get = f'"{sys.executable}" -m cnnwidgets things get'
    try:
        found = load_things()
    except FileNotFoundError:
        text = "not here; the odd-one-out explorer then compares networks with you only"
        yield Finding(TOPIC, "THINGS", "ok", text, get)
    except (OSError, ValueError) as error:
        remedy = f"remove that file, then {get}"
        yield Finding(TOPIC, "THINGS", "fault", str(error), remedy)
    else:
        asked = "with" if found.trials is not None else "without"
        text = f"{len(found)} objects in {found.folder}, {asked} people's choices"
        yield Finding(TOPIC, "THINGS", "ok", text, value=str(found.folder))
