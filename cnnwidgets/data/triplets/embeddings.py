"""Embeddings and features of objects as the programs of the field write them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

_ARRAYS = (  # the most wanted first: what remained after pruning
    "pruned_loc", "pruned_q_mu", "pruned_weights", "loc", "embedding", "q_mu", "weights",
)  # fmt: skip


class StoredFeatures(NamedTuple):
    """Features of pictures: float [pictures, ...], and the files they came from, or None."""

    values: np.ndarray
    files: tuple[str, ...] | None


def load_embedding(path: str | os.PathLike[str], objects: int | None = None) -> np.ndarray:
    """Read an embedding of objects.

    Parameters
    ----------
    path : ``.npy``; ``.npz`` of VICE or object-dimensions, of which the pruned mean is taken; or
        text, as SPoSE writes it.
    objects : how many there are. SPoSE's ``sparse_embed_epoch*.txt`` is dimensions x objects: it
        is turned where the number tells so, or without it where the file's name does.

    Returns
    -------
    float32 [objects, dimensions]

    Raises
    ------
    FileNotFoundError, OSError
        It cannot be read.
    ValueError
        It is no table of numbers, has gaps, or is about another number of objects.
    """
    place = Path(path).expanduser()
    found = np.asarray(_array(place))
    if found.dtype.kind not in "iuf" or found.ndim != 2 or 0 in found.shape:
        raise ValueError(
            f"'{place}' should hold a number for each object and dimension, and has the shape "
            f"{list(found.shape)} of {found.dtype}"
        )
    if objects is None:
        turned = place.name.startswith("sparse_embed_epoch")
    else:
        turned = len(found) != objects and found.shape[1] == objects
        if objects not in found.shape:
            raise ValueError(f"'{place}' has the shape {list(found.shape)}, for {objects} objects")
    if not np.isfinite(found).all():
        raise ValueError(f"'{place}' has gaps: NaN or infinity stands among its numbers")
    return np.ascontiguousarray(found.T if turned else found, np.float32)


def load_features(folder: str | os.PathLike[str]) -> StoredFeatures:
    """Read features that thingsvision has extracted: ``features.npy`` or ``.txt``, and its names.

    Raises
    ------
    FileNotFoundError
        The folder holds neither.
    ValueError
        There are no numbers, or not as many as ``file_names.txt`` has lines.
    """
    place = Path(folder).expanduser()
    both = (place / f"features{suffix}" for suffix in (".npy", ".txt"))
    path = next((file for file in both if file.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"'{place}' holds neither features.npy nor features.txt")
    values = np.asarray(_array(path))
    if values.dtype.kind not in "iuf" or values.ndim < 2:
        raise ValueError(f"'{path}' should hold a row of numbers for each picture")
    listed = place / "file_names.txt"
    if not listed.is_file():
        return StoredFeatures(values, None)
    names = tuple(line for line in listed.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(names) != len(values):
        raise ValueError(f"'{path}' has {len(values)} rows, and {listed.name} {len(names)} names")
    return StoredFeatures(values, names)


def _array(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as found:
                return _chosen(found)
        with path.open(encoding="utf-8") as opened:
            rows = [line.replace(",", " ").split() for line in opened if line.strip()]
        return np.array(rows, np.float64)
    except (ValueError, EOFError) as error:
        raise ValueError(f"'{path}' is no table of numbers: {error}") from error


def _chosen(found: Mapping[str, np.ndarray]) -> np.ndarray:
    name = next((name for name in _ARRAYS if name in found), None)
    if name is None:
        raise ValueError(f"it holds none of {', '.join(_ARRAYS)}")
    # A variational mean may be negative; the embedding is what is left above zero.
    return np.maximum(found[name], 0)
