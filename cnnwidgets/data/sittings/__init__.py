"""Sittings: the record of who took out which object, one file each, and what becomes of them."""

from cnnwidgets.data.sittings.exports import export_csv, export_vice
from cnnwidgets.data.sittings.lines import MISTAKES, Answer
from cnnwidgets.data.sittings.lines import clean as clean_name
from cnnwidgets.data.sittings.log import SittingLog
from cnnwidgets.data.sittings.merging import Merged, files, merge
from cnnwidgets.data.sittings.reading import FAST_MS, Share, Sitting, read

__all__ = [
    "FAST_MS",
    "MISTAKES",
    "Answer",
    "Merged",
    "Share",
    "Sitting",
    "SittingLog",
    "clean_name",
    "export_csv",
    "export_vice",
    "files",
    "merge",
    "read",
]
