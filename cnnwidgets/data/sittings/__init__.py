"""Sittings: the record of who took out which object, one file each, and what becomes of them."""

from cnnwidgets.data.sittings.exports import export_csv, export_vice
from cnnwidgets.data.sittings.lines import Answer
from cnnwidgets.data.sittings.log import SittingLog
from cnnwidgets.data.sittings.merging import Merged, merge
from cnnwidgets.data.sittings.reading import FAST_MS, Share, Sitting, read

__all__ = [
    "FAST_MS",
    "Answer",
    "Merged",
    "Share",
    "Sitting",
    "SittingLog",
    "export_csv",
    "export_vice",
    "merge",
    "read",
]
