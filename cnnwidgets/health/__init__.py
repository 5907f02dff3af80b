"""The doctor: what stands in the way of cnnwidgets on this machine, and what to do about it."""

import sys

from cnnwidgets.health.examination import examine
from cnnwidgets.health.findings import Finding, Report

__all__ = ["Finding", "Report", "doctor", "examine"]


def doctor(*, offline: bool = False) -> Report:
    """Look at versions, front end, environments, devices, memory, files and network, and print it.

    Parameters
    ----------
    offline : ask no server; otherwise those that weights and data are fetched from get 3 seconds
        to answer, and pip 8 to ask its index.

    Returns
    -------
    Report
        ``report.healthy``, ``report["torch"]``, ``report.findings``, ``report.to_json()``.
    """
    report = examine(offline=offline)
    write(str(report))
    return report


def write(text: str) -> None:
    """Write to standard output whatever its encoding cannot say, too."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
