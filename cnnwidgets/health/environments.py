"""Which environment the server runs in, and which interpreter the kernels do."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnwidgets.health.findings import Finding, State
from cnnwidgets.health.interpreters import is_this, prefix_of_process, prefix_of_script
from cnnwidgets.health.paths import GONE, barred, same

TOPIC = "environments"


@dataclass(frozen=True)
class Server:
    """The server that shows the widgets, or would.

    Attributes
    ----------
    prefix : of its environment; None where it cannot be known.
    running : it is the one that started this kernel.
    command : that would start it; "" where there is none on PATH.
    """

    prefix: Path | None
    running: bool = False
    command: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether it is known to run in another environment than this interpreter."""
        return self.prefix is not None and not same(self.prefix, Path(sys.prefix))

    @property
    def python(self) -> str:
        """Its interpreter."""
        assert self.prefix is not None
        return str(self.prefix / ("python.exe" if os.name == "nt" else "bin/python"))


def server() -> Server:
    """Find the server: of this kernel, or the one that the command ``jupyter`` would start."""
    if in_kernel():
        return Server(prefix_of_process(os.environ.get("JPY_PARENT_PID", "")), running=True)
    command = shutil.which("jupyter") or shutil.which("jupyter-lab")  # pipx gives the latter only
    return Server(prefix_of_script(Path(command)) if command else None, command=command or "")


def in_kernel() -> bool:
    """Tell whether this is a kernel of Jupyter."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    found: Any = getattr(kernel, "IPKernelApp", None)
    return bool(found is not None and found.initialized())


def told(found: Server) -> Iterator[Finding]:
    """Tell where the server is, and whether that is where cnnwidgets is."""
    who = "this kernel's server" if found.running else "the jupyter that a terminal here starts"
    beside = f'"{sys.executable}" -m jupyterlab starts the one beside cnnwidgets'
    if found.prefix is None and (found.running or found.command):
        named = f" ({found.command})" if found.command else ""
        text = f"where {who}{named} is installed is not known"
        yield Finding(TOPIC, "server", "note", text, beside)
    elif found.prefix is None:
        yield Finding(TOPIC, "server", "ok", "no jupyter is on PATH", beside)
    elif found.elsewhere:
        text = f"{who} is in {found.prefix}, cnnwidgets in {sys.prefix}"
        yield Finding(TOPIC, "server", "note", text, beside, str(found.prefix))
    else:
        text = f"{who} is in the same environment, {sys.prefix}"
        yield Finding(TOPIC, "server", "ok", text, value=str(found.prefix))


def kernels() -> Iterator[Finding]:
    """Tell which interpreters the kernels of this environment's Jupyter start."""
    from jupyter_core.paths import jupyter_path

    register = f'"{sys.executable}" -m ipykernel install --user --name cnnwidgets'
    found = _specs([Path(folder) for folder in jupyter_path("kernels")])
    here = sorted(name for name, program in found.items() if program is None or is_this(program))
    for name, program in sorted(found.items()):
        if program is not None and (why := barred(program)):
            yield _without_interpreter(name, program, why)
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


def _without_interpreter(name: str, program: Path, why: str) -> Finding:
    """Tell of a kernel that cannot start: a leftover, unless it is the one that notebooks name."""
    remedy = f'"{sys.executable}" -m jupyter kernelspec remove {name}'
    state: State = "note"
    text = f"its interpreter is {program}, and {why}"
    if name == "python3":
        state = "fault"
        text += "; this is the name of the kernel that most notebooks ask for"
    if why != GONE:
        remedy = f"let yourself read that folder, or {remedy}"
    return Finding(TOPIC, f"kernel {name}", state, text, remedy, str(program))


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
