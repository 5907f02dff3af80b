"""Sums over all third objects of a triplet, by tiles that stay in the cache and by threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnwidgets.models.cores import share_out
from cnnwidgets.results import Progress

Matrix: TypeAlias = NDArray[np.float64]
Strip = Callable[[Matrix, Matrix, int, int], None]
"""Adds to the second matrix all triplets i < j < k of the first with j in start..stop."""
TILE_ROWS, TILE_COLUMNS = 128, 512
COMPILED_ROWS = 32
LARGE = 700
"""From so many objects on, a compiled loop saves more than its compilation takes."""
MOST_THREADS = 8
"""Each has an n x n matrix of its own."""


def sums(values: Matrix, *, wide: bool, compiled: bool | None, progress: Progress) -> Matrix:
    """Give for each pair the sum over contexts, symmetric [n, n], 0 on the diagonal.

    Parameters
    ----------
    values : symmetric [n, n], above 0; where `wide` is true, the logarithms of such.
    wide : False sums 1 / (v_ij + v_ik + v_jk), True v_ij / (v_ij + v_ik + v_jk).
    compiled : whether to use numba; None: where it is installed and pays. `wide` sums never do.
    progress : told (strips done, all of them); raising ends the work.

    Notes
    -----
    One denominator serves three pairs, so each triplet is visited once, for i < j < k: a sixth of
    all ordered ones.
    """
    n = len(values)
    strip: Strip = _softmax_strip if wide else _reciprocal_strip
    height = TILE_ROWS
    if compiled or (compiled is None and n >= LARGE):
        faster = _compiled_strip()
        if faster is None and compiled:
            raise ImportError("a compiled similarity needs numba: pip install 'cnnwidgets[fast]'")
        if faster is not None and not wide:
            strip, height = faster, COMPILED_ROWS
    # The longest first.
    starts = sorted(range(0, n, height), key=lambda start: -(start + height) * (n - start))

    def work(start: int, own: Matrix) -> None:
        strip(values, own, start, min(start + height, n))

    first, *others = share_out(
        work, starts, lambda: np.zeros((n, n)), most=MOST_THREADS, progress=progress
    )
    for other in others:
        first += other
    total: Matrix = first + first.T
    return total


def _reciprocal_strip(values: Matrix, total: Matrix, start: int, stop: int) -> None:
    """Add 1 / (v_ij + v_ik + v_jk) to all three pairs, tile by tile of (j, k)."""
    space = np.empty(TILE_ROWS * TILE_COLUMNS)
    for left in range(start, len(values), TILE_COLUMNS):
        right = min(left + TILE_COLUMNS, len(values))
        tile = values[start:stop, left:right].copy()
        tile[_done(start, stop, left, right)] = np.inf  # whose reciprocal is 0
        here, pieces = np.zeros_like(tile), space[: tile.size].reshape(tile.shape)
        for i in range(stop - 1):
            top = max(i + 1 - start, 0)
            piece = pieces[top:]
            np.add(tile[top:], values[i, left:right], out=piece)
            piece += values[i, start + top : stop, None]
            np.reciprocal(piece, out=piece)
            here[top:] += piece
            total[i, start + top : stop] += piece.sum(1)
            total[i, left:right] += piece.sum(0)
        total[start:stop, left:right] += here


def _softmax_strip(values: Matrix, total: Matrix, start: int, stop: int) -> None:
    """Add the softmax of (s_ij, s_ik, s_jk) to the three pairs, whatever the range of s."""
    for left in range(start, len(values), TILE_COLUMNS):
        right = min(left + TILE_COLUMNS, len(values))
        tile = values[start:stop, left:right]
        counts = ~_done(start, stop, left, right)
        for i in range(stop - 1):
            top = max(i + 1 - start, 0)
            three = (tile[top:], values[i, start + top : stop, None], values[i, None, left:right])
            most = np.maximum(np.maximum(*three[:2]), three[2])
            jk, ij, ik = (np.exp(one - most) for one in three)
            part = counts[top:] / (jk + ij + ik)
            total[start + top : stop, left:right] += jk * part
            total[i, start + top : stop] += (ij * part).sum(1)
            total[i, left:right] += (ik * part).sum(0)


def _done(start: int, stop: int, left: int, right: int) -> NDArray[np.bool_]:
    """Tell where k <= j in a tile: these triplets are visited in another order."""
    done: NDArray[np.bool_] = np.arange(left, right) <= np.arange(start, stop)[:, None]
    return done


@cache
def _compiled_strip() -> Strip | None:
    """Compile the loop of `_reciprocal_strip`, which lets other threads run; None without numba.

    The threads are not numba's, which may end the process where two callers want them at a time.
    """
    try:
        numba: Any = import_module("numba")
    except ImportError:  # also where it is too old for the numpy that is installed
        return None

    def strip(values: Matrix, total: Matrix, start: int, stop: int) -> None:
        n = len(values)
        for i in range(stop - 1):
            for j in range(max(start, i + 1), stop):
                sum_ij = 0.0
                for k in range(j + 1, n):
                    part = 1.0 / (values[i, j] + values[i, k] + values[j, k])
                    sum_ij += part
                    total[i, k] += part
                    total[j, k] += part
                total[i, j] += sum_ij

    # Sums may be taken in any order, so that four or eight go at a time; nothing else is relaxed.
    compiled: Strip = numba.njit(nogil=True, fastmath={"reassoc", "contract"})(strip)
    return compiled
