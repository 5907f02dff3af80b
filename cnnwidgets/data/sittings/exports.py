"""Sittings for other programs: one table, or the folder that VICE and SPoSE read."""

import csv
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from cnnwidgets.data.sittings.merging import AnySitting, Merged, merge
from cnnwidgets.data.sittings.reading import Sitting
from cnnwidgets.data.triplets.sets import TripletSet
from cnnwidgets.data.triplets.writing import vice_files

COLUMNS = (
    "i", "j", "odd", "name_i", "name_j", "name_odd", "sitting", "trial", "rt_ms", "kind", "time",
    "order",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What table programs take for the beginning of a formula; anybody may have written the names."""


def export_csv(sittings: Merged | Sitting | Sequence[AnySitting]) -> str:
    """Give a table of all answers, catch trials among them.

    Columns: the two objects that are left and the odd one, as numbers from 0 and as names, the
    sitting's id, the trial, the reaction time in ms, the kind of trial, when it was answered and
    why the triplet was shown. A text that a table program would take for a formula has an
    apostrophe before it. `load_triplets` reads the table.
    """
    merged = _merged(sittings)
    text = io.StringIO()
    text.write(",".join(COLUMNS) + "\n")
    # Every text in quotes: without them, half a line's end in a name would begin a row.
    table = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for sitting in merged.sittings:
        rows = sitting.triplets(catch=True).tolist()
        for row, answer in zip(rows, sitting.answers, strict=True):
            names = [merged.names[number] for number in row]
            about = [sitting.id, answer.trial, answer.rt_ms]
            about += [answer.kind, answer.time, answer.order]
            table.writerow([harmless(cell) for cell in (*row, *names, *about)])
    return text.getvalue()


def export_vice(
    sittings: Merged | Sitting | Sequence[AnySitting],
    folder: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
) -> bytes:
    """Give ``train_90.npy`` and ``test_10.npy``, int64 [m, 3] with the odd one last, and names.

    Catch trials are left out. The answers are shuffled, and all answers to a tenth of the triplets
    held out: a repeat would tell in training what is tested.

    Parameters
    ----------
    folder : where the files are written, too; created where it is missing.
    seed : of the shuffling.

    Returns
    -------
    bytes
        A zip archive of the files.

    Raises
    ------
    ValueError
        There are not answers to two triplets at least.
    OSError
        The folder cannot be written.
    """
    merged = _merged(sittings)
    files = vice_files(TripletSet(merged.triplets(), len(merged.names), merged.names), seed=seed)
    if folder is not None:
        place = Path(folder).expanduser()
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name).write_bytes(content)
    return _zipped(files)


def _merged(sittings: Merged | Sitting | Sequence[AnySitting]) -> Merged:
    if isinstance(sittings, Merged):
        return sittings
    return merge([sittings] if isinstance(sittings, Sitting) else sittings)


def harmless(cell: object) -> object:
    """Give a cell of a table; a text that begins as a formula does gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():  # ZipInfo's own date: the same answers, the same bytes
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
