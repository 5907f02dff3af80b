"""All that the doctor looks at, in order."""

from __future__ import annotations

from functools import cache

from cnnwidgets import __version__
from cnnwidgets.health import devices, environments, files, front_end, machine, network, versions
from cnnwidgets.health.findings import Check, Finding, Report, looked


def examine(*, offline: bool = False) -> Report:
    """Look at everything; nothing that is broken here makes it fail.

    Parameters
    ----------
    offline : ask no server.
    """
    server = cache(environments.server)  # inside the checks, which may break down
    checks: list[tuple[str, str, Check]] = [
        ("versions", "python", versions.python),
        ("versions", "pip", versions.installer),
        ("versions", "requirements", versions.requirements),
        ("versions", "imports", versions.imports),
        ("versions", "torchvision", versions.torchvision),
        ("versions", "front ends", versions.front_ends),
        ("environments", "server", lambda: environments.told(server())),
        ("environments", "kernels", environments.kernels),
        ("front end", "labextensions", lambda: front_end.labextensions(server())),
        ("devices", "devices", devices.devices),
        ("machine", "threads", machine.threads),
        ("machine", "memory", machine.memory),
        ("files", "installation", files.installation),
        ("files", "weights", files.weights),
        ("files", "fetched weights", files.fetched_weights),
        ("files", "cache", files.cache),
        ("files", "data", files.data),
        ("files", "THINGS", files.things),
    ]
    if not offline:
        checks.append(("network", "servers", network.servers))
        checks.append(("network", "package index", network.package_index))
    found: list[Finding] = []
    for topic, name, check in checks:
        found += looked(topic, name, check)
    return Report(__version__, tuple(found))
