"""What Binder would build and start, made here: the same packages by pip, the same scripts.

JupyterLab and what is around it come in the versions that repo2docker's environment starts from,
all else in those of constraints.txt; conda's own torch is not the wheel's, but as large.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.browser.lab import Lab, address, finish
from tests.project.binder_files import BINDER, NOT_PIP, asked, from_repo2docker, pinned

CHECKOUT = BINDER.parent
NEEDED = ("binder", "cnnwidgets", "notebooks", "LICENSE", "NOTICE", "README.md", "pyproject.toml")

FRONT = (  # of repo2docker's own packages: what serves and shows notebooks
    "jupyterlab",
    "notebook",
    "jupyter_server",
    "jupyterlab_server",
    "jupyterlab_widgets",
    "widgetsnbextension",
    "ipywidgets",
    "jupyter-resource-usage",
    "jupyter-offlinenotebook",
)

LEFT_OUT = ("CNNWIDGETS_", "JUPYTER", "IPYTHON", "PYTHON", "OMP_", "OPENBLAS_", "MALLOC_")
"""What this machine's environment says, and a container's does not."""


class Image(NamedTuple):
    """A built image: the copy of the checkout, and the programs of its environment."""

    home: Path
    checkout: Path
    programs: Path


def build(home: Path) -> Image:
    """Install the packages and the checkout in a folder: some minutes, and 2 GB."""
    image = Image(home, home / "checkout", home / "environment" / "bin")
    subprocess.run([sys.executable, "-m", "venv", str(image.programs.parent)], check=True)
    lines = list(_requirements())
    named = set(map(_name, lines))
    others = [
        f"{name}=={version}" for name, version in pinned().items() if _name(name) not in named
    ]
    constraints = home / "constraints.txt"
    constraints.write_text("\n".join(others), encoding="utf-8")
    pip = [str(image.programs / "python"), "-m", "pip", "install", "--quiet", "-c"]
    subprocess.run([*pip, str(constraints), *lines], check=True)
    install(image)
    return image


def install(image: Image) -> None:
    """Copy the checkout, and run postBuild there."""
    shutil.rmtree(image.checkout, ignore_errors=True)
    image.checkout.mkdir()
    for name in NEEDED:
        source = CHECKOUT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, image.checkout / name)
    post = [str(image.checkout / "binder" / "postBuild")]
    subprocess.run(post, cwd=image.checkout, env=_environment(image), check=True)


@contextlib.contextmanager
def serve(image: Image, *, through: str = "binder/start") -> Iterator[tuple[Lab, psutil.Process]]:
    """Start JupyterLab as Binder does, with an address and a token of its own."""
    token, runtime, log = secrets.token_hex(16), image.home / "runtime", image.home / "log"
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir()
    command = [str(image.programs / "jupyter-lab"), "--ip=127.0.0.1", "--no-browser"]
    command += ["--allow-root", f"--port={_free_port()}", f"--IdentityProvider.token={token}"]
    command += ["--ServerApp.base_url=/user/reader-1/"]
    command += ["--LabApp.expose_app_in_browser=True"]  # by which the test drives notebooks
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*([str(image.checkout / through)] if through else []), *command],
            cwd=image.checkout,
            env=_environment(image) | {"JUPYTER_RUNTIME_DIR": str(runtime)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        url = address(server, runtime, log, token)
        yield Lab(url, token, image.checkout), psutil.Process(server.pid)
    finally:
        finish(server)


class Memory:
    """Watches the memory of a server and its kernels, as long as the block runs.

    Attributes
    ----------
    peak : bytes, the largest sum of the proportional shares (PSS) of all processes.
    """

    def __init__(self, server: psutil.Process) -> None:
        self._server, self._ended, self.peak = server, threading.Event(), 0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def now(self) -> dict[int, int]:
        """Give the share of each process, by its id, in bytes."""
        found = {}
        for process in (self._server, *self._server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                found[process.pid] = process.memory_full_info().pss
        return found

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            self.peak = max(self.peak, sum(self.now().values()))


def highest(process: int) -> int:
    """Give the most memory that a process ever had (RSS), in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def kernels(lab: Lab, server: psutil.Process) -> dict[str, psutil.Process]:
    """Give the kernels' processes by the names of their notebooks."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{lab.url}api/sessions?token={lab.token}", timeout=30) as reply:
        sessions = json.load(reply)
    family = server.children(recursive=True)
    return {
        Path(session["path"]).stem: process
        for session in sessions
        for process in family
        if any(session["kernel"]["id"] in word for word in process.cmdline())
    }


def age(process: psutil.Process) -> float:
    """Give the seconds since a process was started."""
    return time.time() - process.create_time()


def _free_port() -> int:
    """Jupyter Server 2.17 does not tell which one it took when it may choose."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _requirements() -> Iterator[str]:
    brought, tested = from_repo2docker(), pinned()
    for name in FRONT:
        yield f"{name}=={brought[name]}"
    for name in asked():
        if name not in NOT_PIP and name not in FRONT:
            yield f"{name}=={tested[name]}"


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()


def _environment(image: Image) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    path = os.pathsep.join([str(image.programs), os.environ["PATH"]])
    return kept | {"PATH": path, "HOME": str(image.home), "CPU_LIMIT": "2.0"}
