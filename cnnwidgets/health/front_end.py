"""The half of the widgets that runs in the browser: there, switched on, and of the right version.

A server looks for it in the folders of its own environment and of its user. What is missing there,
or older than the half in the kernel, is what "model not found" means.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from cnnwidgets.health.environments import Server
from cnnwidgets.health.findings import Finding
from cnnwidgets.health.paths import same
from cnnwidgets.health.versions import installed

TOPIC = "front end"
BROUGHT = ("ipywidgets", "anywidget", "bqplot")
"""What brings all extensions into another environment."""


class Extension(NamedTuple):
    """A part of JupyterLab.

    Attributes
    ----------
    package : that asks for it; `brought_by` : that brings it.
    home, attribute : where the package says which it asks for; "" where it does not.
    otherwise : what is asked for then.
    """

    package: str
    brought_by: str
    home: str
    attribute: str
    otherwise: str = ""


EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": Extension(
        "ipywidgets", "jupyterlab-widgets", "", "", "^5.0.0"
    ),
    "anywidget": Extension(
        "anywidget", "anywidget", "anywidget._version", "_ANYWIDGET_SEMVER_VERSION"
    ),
    "bqplot": Extension("bqplot", "bqplot", "bqplot._version", "__frontend_version__"),
    "bqscales": Extension("bqscales", "bqscales", "bqscales._frontend", "module_version"),
}


def labextensions(server: Server) -> Iterator[Finding]:
    """Compare what the server will send to the browser with what the kernel asks for."""
    folders = [folder / "labextensions" for folder in data_folders(server)]
    off = disabled(config_folders(server))
    for name, extension in EXTENSIONS.items():
        if installed(extension.package) is not None:
            yield _looked_for(name, extension, folders, off, server)
    if server.elsewhere and not server.running:
        yield from _in_the_other(server)


def _in_the_other(server: Server) -> Iterator[Finding]:
    """Tell what the JupyterLab on PATH, which is another, would not show."""
    if not (server.prefix and os.path.isdir(server.prefix / "share/jupyter/lab")):
        return
    found = list(labextensions(replace(server, running=True)))
    lacking = [one.name.removeprefix("labextension ") for one in found if one.state == "fault"]
    if lacking:
        text = f"the JupyterLab in {server.prefix} cannot show all: {', '.join(lacking)}"
        packages = " ".join(f'"{name}=={installed(name)}"' for name in BROUGHT)
        remedy = f'"{server.python}" -m pip install {packages}'
        yield Finding(TOPIC, "labextensions elsewhere", "note", text, remedy, lacking)


def _looked_for(
    name: str, extension: Extension, folders: list[Path], off: set[str], server: Server
) -> Finding:
    python = server.python if server.elsewhere and server.running else sys.executable
    package = extension.brought_by
    label, wanted = f"labextension {name}", wanted_version(extension)
    pin = "" if package == "jupyterlab-widgets" else f"=={installed(package)}"
    bring = f'"{python}" -m pip install --force-reinstall --no-deps "{package}{pin}"'
    bring += ", then restart the server and reload the page"
    there = [(folder / name, found) for folder in folders if (found := read(folder / name))]
    if not there:
        text = f"in none of the folders where the server looks ({_listed(folders)})"
        return Finding(TOPIC, label, "fault", text, bring)
    place, version = there[0]
    if name in off:
        text = f"{version} is there, and switched off"
        remedy = f'"{python}" -m jupyter labextension enable {name}'
        return Finding(TOPIC, label, "fault", text, remedy, version)
    if fits(version, wanted):
        return Finding(TOPIC, label, "ok", f"{version}, in {place}", value=version)
    text = f"{version} in {place}, where the kernel asks for {wanted}"
    behind = [folder for folder, found in there[1:] if fits(found, wanted)]
    remedy = f'the right one is hidden behind it: rm -r "{place}"' if behind else bring
    return Finding(TOPIC, label, "fault", text, remedy, version)


def _listed(folders: list[Path]) -> str:
    return ", ".join(map(str, folders[:2])) + (" ..." if len(folders) > 2 else "")


def wanted_version(extension: Extension) -> str:
    """Give the range that the package in this environment asks the browser for; "" for any."""
    if not extension.home:
        return extension.otherwise
    try:
        module = import_module(extension.home)
    except (Exception, SystemExit):  # noqa: BLE001 - told by the check of imports
        return extension.otherwise
    return str(getattr(module, extension.attribute, extension.otherwise))


def data_folders(server: Server) -> list[Path]:
    """Give the folders that the server takes extensions from, in its order."""
    from jupyter_core.paths import jupyter_path

    return _moved([Path(folder) for folder in jupyter_path()], server)


def config_folders(server: Server) -> list[Path]:
    """Give the folders of the server's settings, in its order."""
    from jupyter_core.paths import jupyter_config_path

    return _moved([Path(folder) for folder in jupyter_config_path()], server)


def _moved(folders: list[Path], server: Server) -> list[Path]:
    """Put the folders of the server's environment in the place of those of this one.

    A terminal may start this environment's Jupyter as well, so there it is this one that counts.
    """
    if server.prefix is None or not (server.elsewhere and server.running):
        return folders
    found = []
    for folder in folders:
        inside = [own for own in (folder, *folder.parents) if same(own, Path(sys.prefix))]
        found.append(server.prefix / folder.relative_to(inside[0]) if inside else folder)
    return found


def read(place: Path) -> str:
    """Give the version that an extension's package.json says; "" where there is none."""
    try:
        about = json.loads((place / "package.json").read_text(encoding="utf-8"))
        return str(about["version"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def disabled(folders: list[Path]) -> set[str]:
    """Give the extensions that are switched off, as a whole or a part of them."""
    found: dict[str, bool] = {}
    for folder in folders:
        try:
            page = json.loads((folder / "labconfig" / "page_config.json").read_text("utf-8"))
            said = page.get("disabledExtensions", {})
            states = said if isinstance(said, dict) else dict.fromkeys(said, True)
        except (OSError, ValueError, AttributeError, TypeError):
            continue
        for name, state in states.items():
            found.setdefault(str(name).partition(":")[0], bool(state))
    return {name for name, state in found.items() if state}


def fits(version: str, wanted: str) -> bool:
    """Tell whether a version is in a range as npm writes it: ^1.2.3, ~1.2.*, 1.2.3."""
    found, first = _numbers(version), _numbers(wanted)
    if not first:
        return True
    if wanted.startswith("^"):  # up to the first number that is not 0
        fixed = next((n for n, number in enumerate(first) if number), len(first) - 1) + 1
    else:
        fixed = min(2, len(first)) if wanted.startswith("~") else len(first)
    return found[:fixed] == first[:fixed] and found >= first


def _numbers(text: str) -> tuple[int, ...]:
    match = re.match(r"[\^~=v]*(\d+(?:\.\d+)*)", text)
    return tuple(int(number) for number in match[1].split(".")) if match else ()
