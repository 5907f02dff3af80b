"""A real JupyterLab in a real Chromium: for tests that look as a user does, and for benchmarks.

Its server shows the same notebooks in Notebook 7 and in Voila, where these are installed.

`with lab() as server, chromium() as browser, server.open(browser, name) as notebook: ...`
Everything is temporary and of its own: settings, workspaces, runtime files, the browser's profile.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.notebook import Notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EDITORS = {"lab": "lab/tree/{}", "notebook": "notebooks/{}"}
"""Where a server shows a notebook that can be edited: JupyterLab and Notebook 7."""

PATIENCE = 120
"""Seconds for anything that starts: generous, since several may share two cores."""

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # reaches nothing but this machine
]
LAB_ARGUMENTS = [
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",  # window.jupyterapp, by which notebooks are driven
    "--JupyterNotebookApp.expose_app_in_browser=True",
]
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "apputils-extension/themes": {"adaptive-theme": False, "theme": "JupyterLab Light"},
}


def missing() -> str | None:
    """Say in one sentence what is not there to open a notebook in a browser."""
    for module in ("playwright", "jupyterlab"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: `pip install cnnwidgets[lab,test]`"
    if not chromium_path():
        return "no Chromium: install Debian's `chromium`, or name one in CNNWIDGETS_CHROMIUM"
    return None


def chromium_path() -> str | None:
    """Find the browser's program."""
    return shutil.which(os.environ.get("CNNWIDGETS_CHROMIUM") or "chromium")


@contextlib.contextmanager
def chromium() -> "Iterator[Browser]":
    """A headless Chromium with an empty profile.

    Within the block this thread has a running event loop, Playwright's: `asyncio.run` fails there.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS, timeout=PATIENCE * 1000
        )
        try:
            yield browser
        finally:
            browser.close()


class Lab:
    """A running server: where it listens, and the folder that it shows."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        self.url, self.token, self.folder = url, token, folder

    def write(self, name: str, cells: Iterable[str]) -> str:
        """Put a notebook of these code cells into the folder, with this interpreter's kernel."""
        import nbformat.v4 as nb

        made = nb.new_notebook(cells=[nb.new_code_cell(source) for source in cells])
        return self.put(name, json.loads(nb.writes(made)))

    def copy(self, path: Path) -> str:
        """Put a copy of a notebook into the folder, with this interpreter's kernel."""
        return self.put(path.name, json.loads(path.read_text(encoding="utf-8")))

    def put(self, name: str, notebook: dict[str, Any]) -> str:
        """Put a notebook into the folder, with this interpreter's kernel."""
        notebook["metadata"]["kernelspec"] = KERNELSPEC  # without it Lab would ask which kernel
        (self.folder / name).write_text(json.dumps(notebook), encoding="utf-8")
        return name

    @contextlib.contextmanager
    def open(
        self,
        browser: "Browser",
        name: str,
        *,
        dark: bool = False,
        size: tuple[int, int] = (1400, 1000),
        editor: str = "lab",
    ) -> Iterator[Notebook]:
        """Open a notebook of the folder with a fresh kernel, which ends with the block.

        Parameters
        ----------
        dark
            JupyterLab's dark theme.
        size
            Width and height of the window in CSS pixels.
        editor
            One of `EDITORS`.
        """
        with _page(browser, size) as page:
            notebook = Notebook(page)
            where = EDITORS[editor].format(name)
            notebook.page.goto(f"{self.url}{where}?token={self.token}&reset")
            notebook.ready(name)
            notebook.set_theme(dark)
            try:
                yield notebook
            finally:
                notebook.shut_down()

    @contextlib.contextmanager
    def render(
        self, browser: "Browser", name: str, *, dark: bool = False, size: tuple[int, int]
    ) -> "Iterator[Page]":
        """Run a notebook of the folder in Voila, and give the page with its outputs alone."""
        with _page(browser, size) as page:
            theme = "dark" if dark else "light"
            page.goto(f"{self.url}voila/render/{name}?token={self.token}&theme={theme}")
            yield page


@contextlib.contextmanager
def _page(browser: "Browser", size: tuple[int, int]) -> "Iterator[Page]":
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(PATIENCE * 1000)
    try:
        yield context.new_page()
    finally:
        context.close()


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    """Start JupyterLab of this interpreter on a free port; end it and all its kernels."""
    with tempfile.TemporaryDirectory(prefix="cnnwidgets-lab-", ignore_cleanup_errors=True) as made:
        top, token = Path(made), secrets.token_hex(16)
        folders = {name: top / name for name in ("notebooks", "runtime", "settings", "workspaces")}
        for folder in folders.values():
            folder.mkdir()
        for name, values in SETTINGS.items():
            path = folders["settings"] / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")
        with (top / "log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *LAB_ARGUMENTS, *_arguments(folders, token)],
                env=os.environ | _environment(top, folders),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield Lab(
                address(server, folders["runtime"], top / "log", token),
                token,
                folders["notebooks"],
            )
        finally:
            finish(server)


def _arguments(folders: dict[str, Path], token: str) -> list[str]:
    return [
        "--port=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folders['notebooks']}",
        f"--LabApp.user_settings_dir={folders['settings']}",
        f"--LabApp.workspaces_dir={folders['workspaces']}",
    ]


def _environment(top: Path, folders: dict[str, Path]) -> dict[str, str]:
    """Nothing of the user's own settings; kernels import this checkout."""
    checkout = str(Path(__file__).resolve().parents[2])
    return {
        "JUPYTER_CONFIG_DIR": str(top / "config"),
        "JUPYTER_DATA_DIR": str(top / "data"),
        "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
        "IPYTHONDIR": str(top / "ipython"),
        "CNNWIDGETS_CACHE": str(top / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH")])),
    }


def address(server: "subprocess.Popen[bytes]", runtime: Path, log: Path, token: str) -> str:
    """Wait until the server answers; where it listens stands in its runtime folder."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(OSError, ValueError):  # half written, or not listening yet
                found = json.loads(path.read_text())
                url = f"http://127.0.0.1:{found['port']}{found['base_url']}"
                with direct.open(f"{url}api/status?token={token}", timeout=10):
                    return url
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-4000:]}")


def finish(server: "subprocess.Popen[bytes]") -> None:
    """Ask the server to end with its kernels, then end by their ids what is left of them."""
    import psutil

    try:
        family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
    except psutil.NoSuchProcess:
        family = []
    server.terminate()
    _, left = psutil.wait_procs(family, timeout=20)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()
