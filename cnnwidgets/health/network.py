"""Whether there is a way to the servers that weights and data are fetched from, on request only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from threading import Thread
from urllib.parse import urlsplit

from cnnwidgets import cache
from cnnwidgets.health.findings import Finding, reason

TOPIC = "network"
SECONDS = 3.0
"""How long all servers together may take to answer."""
REMEDY = (
    "only what is fetched on request needs it; behind a proxy: export HTTPS_PROXY=http://HOST:PORT"
)


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
            yield Finding(TOPIC, what, "note", f"{host} was not reached: {fault}", REMEDY, host)
        else:
            yield Finding(TOPIC, what, "ok", f"{host} answers", value=host)


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
