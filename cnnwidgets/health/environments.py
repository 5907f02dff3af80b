"""Which environment the server runs in, and which interpreter the kernels do."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cnnwidgets.health.findings import Finding

TOPIC = "environments"


@dataclass(frozen=True)
class Server:
    """The server that shows the widgets, or would.

    Attributes
    ----------
    prefix : of its environment; None where it cannot be known.
    running : it is the one that started this kernel.
    """

    prefix: Path | None
    running: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether it is known to run in another environment than this interpreter."""
        return self.prefix is not None and not same(self.prefix, Path(sys.prefix))

    @property
    def python(self) -> str:
        """Its interpreter."""
        assert self.prefix is not None
        return str(self.prefix / ("python.exe" if os.name == "nt" else "bin/python"))


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one place."""
    try:
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return False


def server() -> Server:
    """Find the server: of this kernel, or the one that the command ``jupyter`` would start."""
    if in_kernel():
        return Server(_prefix_of_process(os.environ.get("JPY_PARENT_PID", "")), running=True)
    command = shutil.which("jupyter")
    return Server(Path(command).parent.parent if command else None)


def in_kernel() -> bool:
    """Tell whether this is a kernel of Jupyter."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    found: Any = getattr(kernel, "IPKernelApp", None)
    return bool(found is not None and found.initialized())


def _prefix_of_process(number: str) -> Path | None:
    """Give the prefix of the interpreter that a process runs; None where the system hides it."""
    if not number.isdecimal():
        return None
    try:
        psutil = import_module("psutil")  # comes with ipykernel
        process = psutil.Process(int(number))
        program = process.cmdline()[0]
        if os.path.dirname(program):
            path = Path(process.cwd(), program)
        else:
            path = Path(shutil.which(program, path=process.environ().get("PATH")) or process.exe())
    except (ImportError, OSError, IndexError, ValueError):
        return None
    except Exception as error:
        if type(error).__module__.startswith("psutil"):  # it is gone, or another user's
            return None
        raise
    # Links are not followed: the interpreter of an environment is one to that of the system.
    return path.parent.parent if path.exists() else None


def told(found: Server) -> Iterator[Finding]:
    """Tell where the server is, and whether that is where cnnwidgets is."""
    who = "this kernel's server" if found.running else "the jupyter that a terminal here starts"
    if found.prefix is None and found.running:
        yield Finding(TOPIC, "server", "note", f"where {who} is installed is not known")
    elif found.prefix is None:
        text = f'no jupyter is on PATH; "{sys.executable}" -m jupyterlab starts the one here'
        yield Finding(TOPIC, "server", "ok", text)
    elif found.elsewhere:
        text = f"{who} is in {found.prefix}, cnnwidgets in {sys.prefix}"
        remedy = f'"{sys.executable}" -m jupyterlab starts the one beside cnnwidgets'
        yield Finding(TOPIC, "server", "note", text, remedy, str(found.prefix))
    else:
        text = f"{who} is in the same environment, {sys.prefix}"
        yield Finding(TOPIC, "server", "ok", text, value=str(found.prefix))


def kernels() -> Iterator[Finding]:
    """Tell which interpreters the kernels of this environment's Jupyter start."""
    from jupyter_core.paths import jupyter_path

    register = f'"{sys.executable}" -m ipykernel install --user --name cnnwidgets'
    found = _specs([Path(folder) for folder in jupyter_path("kernels")])
    here = sorted(name for name, program in found.items() if _is_this(program))
    for name, program in sorted(found.items()):
        if program is not None and not program.exists():
            text = f"its interpreter {program} is not there"
            remedy = f'{register}, and "{sys.executable}" -m jupyter kernelspec remove {name}'
            yield Finding(TOPIC, f"kernel {name}", "fault", text, remedy, str(program))
    python3 = found.get("python3")
    if here:
        text = f"this interpreter is run by {', '.join(here)}"
        if python3 is not None and "python3" not in here:
            text += f"; python3 runs another, {python3}"
        yield Finding(TOPIC, "kernels", "ok", text, value=here)
    elif not in_kernel():  # which runs here, whatever files there are
        text = "none of them runs this interpreter, so notebooks do not find cnnwidgets"
        remedy = f"{register}, then choose the kernel cnnwidgets in the notebook"
        yield Finding(TOPIC, "kernels", "fault", text, remedy, [])


def _specs(folders: list[Path]) -> dict[str, Path | None]:
    """Give the interpreter of each Python kernel; None stands for that of the server itself."""
    found: dict[str, Path | None] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/kernel.json")):
            try:
                program = str(json.loads(file.read_text(encoding="utf-8"))["argv"][0])
            except (OSError, ValueError, LookupError, TypeError):
                continue  # Jupyter passes it over, too
            name = file.parent.name.lower()
            if name not in found and "python" in Path(program).name:
                found[name] = Path(program) if os.path.isabs(program) else None
    return found


def _is_this(program: Path | None) -> bool:
    # Links are not followed: the interpreters of many environments are links to one.
    if program is None:
        return True
    return Path(os.path.abspath(program)).parent == Path(os.path.abspath(sys.executable)).parent
