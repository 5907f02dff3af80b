"""Sittings for other programs: one table, or the folder that VICE and SPoSE read."""

import csv
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnwidgets.data.sittings.merging import AnySitting, Merged, merge
from cnnwidgets.data.sittings.reading import Sitting

COLUMNS = (
    "i", "j", "odd", "name_i", "name_j", "name_odd", "sitting", "trial", "rt_ms", "kind", "time",
)  # fmt: skip
HELD_OUT = 0.1


def export_csv(sittings: Merged | Sitting | Sequence[AnySitting]) -> str:
    """Give a table of all answers, catch trials among them.

    Columns: the two objects that are left and the odd one, as numbers from 0 and as names, the
    sitting's id, the trial, the reaction time in ms, the kind of trial and when it was answered.
    `load_triplets` reads it.
    """
    merged = _merged(sittings)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for sitting in merged.sittings:
        rows = sitting.triplets(catch=True).tolist()
        for row, answer in zip(rows, sitting.answers, strict=True):
            names = [merged.names[number] for number in row]
            about = [sitting.id, answer.trial, answer.rt_ms, answer.kind, answer.time]
            table.writerow([*row, *names, *about])
    return text.getvalue()


def export_vice(
    sittings: Merged | Sitting | Sequence[AnySitting],
    folder: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
) -> bytes:
    """Give ``train_90.npy`` and ``test_10.npy``, int64 [m, 3] with the odd one last, and names.

    Catch trials are left out. The answers are shuffled before a tenth is held out.

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
        There are fewer than two answers.
    OSError
        The folder cannot be written.
    """
    merged = _merged(sittings)
    rows = merged.triplets().astype(np.int64)
    if len(rows) < 2:
        raise ValueError(
            f"training and testing take two answers at least, and here are {len(rows)} (catch "
            "trials do not count)"
        )
    rows = np.random.default_rng(seed).permutation(rows)
    held_out = max(1, round(HELD_OUT * len(rows)))
    words = "".join(" ".join(name.split()) + "\n" for name in merged.names)
    files = {
        "train_90.npy": _npy(rows[held_out:]),
        "test_10.npy": _npy(rows[:held_out]),
        "names.txt": words.encode(),
    }
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


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():  # ZipInfo's own date: the same answers, the same bytes
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
