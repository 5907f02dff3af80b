"""Which interpreter a program belongs to, and the environment around it."""

from __future__ import annotations

import filecmp
import os
import shlex
import shutil
import sys
from importlib import import_module
from pathlib import Path


def is_this(program: Path) -> bool:
    """Tell whether a path leads to this interpreter, in this environment.

    The file alone does not say: the interpreters of many environments are links to one. Nor does
    the folder: many interpreters may lie in one.
    """
    one, own = _in_real_folder(program), _in_real_folder(Path(sys.executable))
    if os.path.normcase(one.parent) != os.path.normcase(own.parent):
        return False
    try:  # python, python3 and python3.11 are links to each other, or copies
        return os.path.realpath(one) == os.path.realpath(own) or filecmp.cmp(one, own, False)
    except OSError:
        return False


def prefix_of(interpreter: Path) -> Path | None:
    """Give the environment that an interpreter lies in; None where it is not there."""
    if not os.path.exists(interpreter):
        return None
    place = _in_real_folder(interpreter).parent
    return place if os.name == "nt" and place.name.lower() != "scripts" else place.parent


def prefix_of_script(script: Path) -> Path | None:
    """Give the environment that a command runs in; None where it does not say.

    Where the command lies says little: pip --user and pipx put it into a folder of the user's, and
    pyenv another in its place. What an installer writes begins with the interpreter's path.
    """
    real = Path(os.path.realpath(script))
    if os.name == "nt":  # a program, in the folder beside which its environment is
        beside = (real.parent / "python.exe", real.parent.parent / "python.exe")
        return next((found for path in beside if (found := prefix_of(path))), None)
    try:
        with real.open("rb") as opened:
            lines = opened.read(1000).decode("utf-8", "replace").splitlines()[:2]
        first = lines[0].removeprefix("#!").split()[0] if lines[0].startswith("#!") else ""
        if first == "/bin/sh" and len(lines) > 1 and lines[1].startswith("'''exec' "):
            first = shlex.split(lines[1])[1]  # a path with spaces, or too long for the system
    except (OSError, IndexError, ValueError):
        return None
    program = Path(first)
    if not ("python" in program.name and program.is_absolute()):
        return None
    return prefix_of(program)


def prefix_of_process(number: str) -> Path | None:
    """Give the environment of the interpreter that a process runs; None where it is hidden."""
    if not number.isdecimal():
        return None
    try:
        psutil = import_module("psutil")  # comes with ipykernel
        process = psutil.Process(int(number))
        program = process.cmdline()[0]
        if not os.path.dirname(program):
            program = shutil.which(program, path=process.environ().get("PATH")) or process.exe()
        return prefix_of(Path(process.cwd(), program))
    except Exception:  # noqa: BLE001 - psutil's own errors, and those of a psutil that is broken
        return None


def _in_real_folder(program: Path) -> Path:
    """Follow the links to the folder, and not the last one: an interpreter's is to the system's."""
    path = Path(os.path.abspath(program))
    return Path(os.path.realpath(path.parent)) / path.name
