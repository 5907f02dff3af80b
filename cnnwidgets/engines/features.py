"""What a network says of whole pictures: each unit's mean over its map, of many layers at once.

References
----------
.. [1] F. P. Mahner, L. Muttenthaler, U. Güçlü, M. N. Hebart, "Dimensions underlying the
   representational alignment of deep neural networks with humans", Nature Machine Intelligence,
   2025 (methods: convolutional layers enter by global average pooling).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from cnnwidgets.engines.memory import Portions
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.graph import Record, closest_name, reachable, record, visit
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, Result, no_progress

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, kw_only=True)
class Features(Result):
    """Pictures as a network's layers see them.

    Attributes
    ----------
    layers : their names; `units` : how many units each has; `starts` : the column of its first one.
        Layers that are one tensor share their columns.
    values : float32 [N, R], a row a picture: the mean of a unit over its map [1]_, or the entry of
        a vector layer, as it leaves the layer (not rectified where the layer is not).
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"values": ("picture", "unit")}
    layers: tuple[str, ...]
    units: tuple[int, ...]
    starts: tuple[int, ...]
    values: Tensor

    def __post_init__(self) -> None:
        last = max((a + b for a, b in zip(self.starts, self.units, strict=True)), default=0)
        if self.values.dim() != 2 or self.values.shape[1] != last:
            raise ValueError("the parts of these features do not fit together")

    def of(self, layer: str) -> Tensor:
        """Give a layer's features [N, C].

        Raises
        ------
        ValueError
            The layer is not among `layers`.
        """
        if layer not in self.layers:
            raise ValueError(
                f"layer {layer!r} is not among those whose features were taken"
                f"{closest_name(layer, self.layers) or '.'}"
            )
        number = self.layers.index(layer)
        start = self.starts[number]
        return self.values[:, start : start + self.units[number]]

    def to_frame(self) -> pandas.DataFrame:
        """Give a pandas DataFrame with a row a picture and a column ("layer", unit) a unit."""
        import pandas

        parts = {layer: pandas.DataFrame(self.of(layer).numpy()) for layer in self.layers}
        return pandas.concat(parts, axis=1)


def features(
    model: VisionModel,
    images: Iterable[Any],
    layers: Sequence[str] | None = None,
    *,
    progress: Progress = no_progress,
) -> Features:
    """Give what the layers of a network say of pictures, in one pass over them.

    Parameters
    ----------
    images : pictures as `VisionModel.preprocess` takes them: an `ImageSet`, or PIL images.
    layers : names; None takes all that can be read a picture at a time.
    progress : told (pictures done, all of them or 0) every few milliseconds; raising ends the work.

    Raises
    ------
    ValueError
        There are no pictures or no such layer.
    StaleRecordError
        The weights changed meanwhile.
    MemoryError
        Not even one picture fits.
    """
    found = FeaturesAccumulator(model, layers)
    total = len(images) if isinstance(images, Sized) else 0
    remaining = iter(images)
    while batch := list(islice(remaining, pictures_at_once(model))):
        found.update(model.preprocess(batch), between=lambda: progress(len(found.numbers), total))
    progress(len(found.numbers), total)
    return found.result()


class FeaturesAccumulator:
    """Collects the features of pictures, batch after batch; the same whatever the split.

    Parameters
    ----------
    model : a `VisionModel`, or an `nn.Module`.
    layers : names; None takes all layers that can be read a picture at a time.

    Attributes
    ----------
    numbers : of the pictures that are in.
    """

    def __init__(self, model: Any, layers: Sequence[str] | None = None) -> None:
        self._model, self._asked = model, layers
        self._record: Record | None = None
        self._starts: dict[str, int] = {}
        self._units: dict[str, int] = {}
        self._read: list[str] = []
        self._rows: list[Tensor] = []
        self._portions = Portions()
        self.numbers: list[int] = []

    @property
    def last(self) -> int:
        """The highest of the numbers, -1 before the first."""
        return max(self.numbers, default=-1)

    def update(
        self,
        pictures: Tensor,
        numbers: Sequence[int] | None = None,
        *,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Take in pictures [N, C, H, W], normalised; all of one height and width.

        If something raises, the batch (after halving perhaps only its end) is not in.

        Parameters
        ----------
        numbers : of the pictures, each once; else they are counted on.
        between : called between the layers, where nothing is half written; it may raise.

        Raises
        ------
        ValueError
            Wrong numbers; there is no such layer, or it mixes pictures in one axis.
        StaleRecordError
            The weights changed since the first batch.
        MemoryError
            Not even one picture fits.
        """
        first = self.last + 1
        given = list(range(first, first + len(pictures))) if numbers is None else list(numbers)
        if len(set(given) - set(self.numbers)) != len(pictures) or min(given, default=0) < 0:
            raise ValueError(
                f"numbers must be {len(pictures)} of pictures that are not in yet, got {given}"
            )
        made = self._record or self._begin(pictures[:1])
        size = f"one picture of {pictures.shape[2]} × {pictures.shape[3]}"

        def pooled(part: slice) -> Tensor:
            rows = torch.empty(part.stop - part.start, self._width)

            def take(name: str, first: int, activation: Tensor) -> None:
                columns = slice(self._starts[name], self._starts[name] + self._units[name])
                means = activation.flatten(2).mean(2) if activation.dim() > 2 else activation
                rows[first : first + len(means), columns] = means.float().cpu()
                between()

            visit(made, pictures[part], self._read, take)
            made.check_current()
            return rows

        for part, rows in self._portions.each(len(given), pooled, size, pictures.device):
            self._rows.append(rows)
            self.numbers += given[part]

    def merge(self, other: FeaturesAccumulator) -> None:
        """Take in what another has collected of other pictures.

        Raises
        ------
        ValueError
            It looked at other layers or another network, or pictures are in both.
        """
        if other._record is None:
            return
        if self._record is None:
            self._begin(other._record.picture)
        assert self._record is not None
        if (other._starts, other._record.fingerprint) != (self._starts, self._record.fingerprint):
            raise ValueError("only features of the same layers of one network can be merged")
        if common := sorted(set(self.numbers) & set(other.numbers)):
            raise ValueError(f"picture {common[0]} is in both of the features to merge")
        self._rows += other._rows
        self.numbers += other.numbers
        known = [part.largest for part in (self._portions, other._portions) if part.largest]
        self._portions.largest = min(known, default=None)

    def result(self, total: int | None = None) -> Features:
        """Give what is in so far, in the order of the pictures' numbers.

        Parameters
        ----------
        total : how many pictures there are; those that are not in have NaN. By default up to the
            last that is in.

        Raises
        ------
        ValueError
            There are no pictures yet.
        """
        if self._record is None or not self.numbers:
            raise ValueError("features need at least one picture, got none")
        values = torch.full((total or max(self.numbers) + 1, self._width), torch.nan)
        values[self.numbers] = torch.cat(self._rows)
        return Features(
            provenance=provenance_of(self._record, at_once=self._portions.largest),
            layers=tuple(self._starts),
            units=tuple(self._units.values()),
            starts=tuple(self._starts.values()),
            values=values,
        )

    @property
    def _width(self) -> int:
        return max(start + self._units[name] for name, start in self._starts.items())

    def _begin(self, picture: Tensor) -> Record:
        made = record(self._model, picture)
        first: dict[int, int] = {}
        columns = 0
        for name in reachable(made) if self._asked is None else dict.fromkeys(self._asked):
            layer, value = made.layer(name), made.value_of(name)
            if made.shapes[value][0] != len(picture):
                raise ValueError(f"layer {name!r} mixes pictures in one axis: it has no features")
            if value not in first:
                first[value] = columns
                columns += layer.units
                self._read.append(name)
            self._starts[name], self._units[name] = first[value], layer.units
        self._record = made
        return made
