"""The k strongest entries of each of many rows, collected from a stream; the same however split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnwidgets.graph import Layer, derived, reachable, record, visit


class Strongest:
    """The k largest values of each row, with the picture that each came from and its place there.

    Of equal values the one of the earlier picture is stronger. NaN never counts.

    Parameters
    ----------
    rows, k : how many rows, and entries of each.
    device : where they lie.

    Attributes
    ----------
    values : float32 [rows, k], strongest first; -infinity where there is none yet.
    numbers : int32 [rows, k], of the pictures; -1 where there is none.
    places : int32 [rows, k].
    """

    def __init__(self, rows: int, k: int, device: torch.device) -> None:
        self.values = torch.full((rows, k), -torch.inf, device=device)
        self.numbers = torch.full((rows, k), -1, dtype=torch.int32, device=device)
        self.places = torch.zeros((rows, k), dtype=torch.int32, device=device)

    def __len__(self) -> int:
        return len(self.values)

    def add(self, values: Tensor, numbers: Sequence[int], places: Tensor) -> None:
        """Take in values and places [n, rows] of n pictures, whose numbers are above all before."""
        new = torch.tensor(numbers, dtype=torch.int32, device=self.values.device)
        rows = (values > self.values[:, -1]).any(0).nonzero()[:, 0]
        self._keep_best(
            rows,
            torch.cat([self.values[rows], values[:, rows].T], 1),
            torch.cat([self.numbers[rows], new.expand(len(rows), -1)], 1),
            torch.cat([self.places[rows], places[:, rows].T], 1),
        )

    def merge(self, other: Strongest) -> None:
        """Take in what another has collected on other pictures of the same numbering."""
        device = self.values.device
        numbers = torch.cat([self.numbers, other.numbers.to(device)], 1)
        by_number = numbers.argsort(dim=1, stable=True)
        self._keep_best(
            torch.arange(len(self), device=device),
            torch.cat([self.values, other.values.to(device)], 1).gather(1, by_number),
            numbers.gather(1, by_number),
            torch.cat([self.places, other.places.to(device)], 1).gather(1, by_number),
        )

    def _keep_best(self, rows: Tensor, values: Tensor, numbers: Tensor, places: Tensor) -> None:
        """Keep the k best of [n, m] candidates for each of n rows; the columns are in order."""
        undefined = values.isnan()
        values, numbers = (
            values.masked_fill(undefined, -torch.inf),
            numbers.masked_fill(undefined, -1),
        )
        order = values.argsort(dim=1, descending=True, stable=True)[:, : self.values.shape[1]]
        self.values[rows] = values.gather(1, order)
        self.numbers[rows] = numbers.gather(1, order)
        self.places[rows] = places.gather(1, order)


class LayerPeaks:
    """The strongest pictures of all units of several layers, and the pass that finds them.

    Parameters
    ----------
    picture : [1, C, H, W]; all others have its height and width.
    layers : names; None takes all that can be read a picture at a time.

    Attributes
    ----------
    starts, units : a layer's first row, and how many it has, by its name. Layers that are one
        tensor share their rows.
    widths : int [rows], the length of a row of the unit's map, 1 without one.
    """

    def __init__(self, model: Any, picture: Tensor, layers: Sequence[str] | None, k: int) -> None:
        self.record = record(model, picture)
        self.starts: dict[str, int] = {}
        self.units: dict[str, int] = {}
        distinct: list[str] = []  # of layers that are one tensor, the first
        first_rows: dict[int, int] = {}
        widths: list[int] = []
        for name in reachable(self.record) if layers is None else dict.fromkeys(layers):
            layer, value = self._checked(name), self.record.value_of(name)
            if value not in first_rows:
                first_rows[value] = len(widths)
                widths += [layer.shape[-1] if layer.spatial else 1] * layer.units
                distinct.append(name)
            self.starts[name], self.units[name] = first_rows[value], layer.units
        # Half of all layers or more are rectifiers and joins: their peaks are not looked for.
        self._derived = derived(self.record, distinct)
        self._read = [name for name in distinct if name not in self._derived]
        self.widths = torch.tensor(widths, dtype=torch.int32)  # row lengths of the units' maps
        self.strongest = Strongest(len(widths), k, picture.device)

    def take_in(
        self, pictures: Tensor, numbers: Sequence[int], between: Callable[[], None]
    ) -> None:
        """Take in pictures whose numbers are above all before."""
        best = self.strongest
        peaks = best.values.new_empty((len(pictures), len(best)))
        places = best.places.new_empty(peaks.shape)

        def take(name: str, first: int, activation: Tensor) -> None:
            part, rows = slice(first, first + len(activation)), self._rows_of(name)
            peaks[part, rows], places[part, rows] = _peaks(activation)
            between()

        visit(self.record, pictures.to(peaks.device), self._read, take)
        self.record.check_current()
        for name, (parts, rectified) in self._derived.items():
            rows = self._rows_of(name)
            found = torch.cat([peaks[:, self._rows_of(part)] for part in parts], 1)
            at = torch.cat([places[:, self._rows_of(part)] for part in parts], 1)
            peaks[:, rows] = found.clamp_min(0) if rectified else found
            places[:, rows] = at * (found > 0) if rectified else at
        best.add(peaks, numbers, places)

    def merge(self, other: LayerPeaks) -> None:
        """Take in what another has."""
        if (other.starts, other.record.fingerprint) != (self.starts, self.record.fingerprint):
            raise ValueError("only accumulators of one network and its weights can be merged")
        self.strongest.merge(other.strongest)

    def _rows_of(self, name: str) -> slice:
        return slice(self.starts[name], self.starts[name] + self.units[name])

    def _checked(self, name: str) -> Layer:
        layer = self.record.layer(name)
        if self.record.shapes[self.record.value_of(name)][0] != len(self.record.picture):
            raise ValueError(f"layer {name!r} mixes pictures in one axis, so it has no top images")
        return layer


def _peaks(activation: Tensor) -> tuple[Tensor, Tensor]:
    """Give each map's peak, and its first place in the flat map: [n, C] of [n, C, ...]."""
    maps = activation.reshape(*activation.shape[:2], -1).float()
    if maps.device.type != "cpu":
        peaks, places = maps.max(2)
        return peaks, places
    # numpy looks for peak and place in one run, as fast as torch for the peak alone.
    rows = maps.flatten(0, 1).numpy()
    at = rows.argmax(1)
    peaks, places = map(torch.from_numpy, (rows[np.arange(len(rows)), at], at))
    return peaks.view(maps.shape[:2]), places.view(maps.shape[:2])
