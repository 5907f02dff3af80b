"""The pictures that each unit answers most: all units of all layers, in one pass over the pictures.

References
----------
.. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
   arXiv:1311.2901 (section 4: the nine strongest pictures of a feature map, each projected down
   separately).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from cnnwidgets.engines.memory import Portions, fitted
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.engines.strongest import LayerPeaks
from cnnwidgets.graph import closest_name
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, Result, no_progress

if TYPE_CHECKING:
    import pandas

NINE = 9
"""Pictures that are kept of each unit, as in the deconvnet paper."""


class Peak(NamedTuple):
    """A unit's strongest answer in one picture.

    `picture` is its number in the order of the pictures; `position` is (row, column), the first one
    if several are equal, and (0, 0) in a vector layer.
    """

    picture: int
    value: float
    position: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class TopImages(Result):
    """The strongest pictures of every unit of several layers.

    Attributes
    ----------
    layers : their names; `units` : how many units each has; `starts` : the row of its first one.
        Layers that are one tensor (a dropout at rest and what it reads) share their rows.
    values : float32 [R, k], each unit's peak over the positions of its map, strongest first; of
        equal ones the earlier picture comes first.
    pictures : int [R, k], their numbers. Where a unit has fewer, -1, and -infinity in `values`.
    positions : int [R, k, 2], (row, column) of the peak, the first one if several are equal; (0, 0)
        in a vector layer.
    count : how many pictures were looked through.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "values": ("unit", "rank"),
        "pictures": ("unit", "rank"),
        "positions": ("unit", "rank", "axis"),
    }
    layers: tuple[str, ...]
    units: tuple[int, ...]
    starts: tuple[int, ...]
    values: Tensor
    pictures: Tensor
    positions: Tensor
    count: int

    def __post_init__(self) -> None:
        last = max((a + b for a, b in zip(self.starts, self.units, strict=True)), default=0)
        shape = self.values.shape
        if (self.pictures.shape, self.positions.shape) != (shape, (*shape, 2)) or shape[0] != last:
            raise ValueError("the parts of these top images do not fit together")

    def best(self, layer: str, unit: int) -> list[Peak]:
        """Give a unit's strongest pictures, strongest first.

        Raises
        ------
        ValueError
            The layer is not among `layers`, or has no such unit.
        """
        if layer not in self.layers:
            raise ValueError(
                f"layer {layer!r} is not among those that were looked at"
                f"{closest_name(layer, self.layers) or '.'}"
            )
        number = self.layers.index(layer)
        if not 0 <= unit < self.units[number]:
            last = self.units[number] - 1
            raise ValueError(f"{layer} has {last + 1} units, 0 to {last}; {unit} was asked")
        row = self.starts[number] + unit
        found = zip(
            self.pictures[row].tolist(),
            self.values[row].tolist(),
            self.positions[row].tolist(),
            strict=True,
        )
        return [Peak(picture, value, (y, x)) for picture, value, (y, x) in found if picture >= 0]

    def to_frame(self) -> pandas.DataFrame:
        """Give a pandas DataFrame with a row a unit and picture: layer, unit, rank, value, ..."""
        import pandas

        rows = [
            (layer, unit, rank, peak.picture, peak.value, *peak.position)
            for layer, units in zip(self.layers, self.units, strict=True)
            for unit in range(units)
            for rank, peak in enumerate(self.best(layer, unit))
        ]
        names = ["layer", "unit", "rank", "picture", "value", "row", "column"]
        return pandas.DataFrame(rows, columns=names)


def top_images(
    model: VisionModel,
    images: Iterable[Any],
    layers: Sequence[str] | None = None,
    *,
    k: int = NINE,
    progress: Progress = no_progress,
) -> TopImages:
    """Find the pictures that each unit answers most, for all units of all layers in one pass.

    Activations are reduced inside the pass, so memory does not grow with the number of pictures.

    Parameters
    ----------
    images : pictures as `VisionModel.preprocess` takes them: an `ImageSet`, or PIL images.
    layers : names; None takes all of `VisionModel.layers`.
    k : how many pictures to keep of each unit.
    progress : told (pictures done, all of them or 0) every few milliseconds; raising ends the work.

    Raises
    ------
    ValueError
        There are no pictures or no such layer, or `k` is below 1.
    StaleRecordError
        The weights changed meanwhile.
    MemoryError
        Not even one picture fits. Where not as many as usual do, fewer are taken at a time, and the
        provenance says how many.
    """
    found = TopImagesAccumulator(model, layers, k=k)
    total = len(images) if isinstance(images, Sized) else 0
    for batch in _batches(images, pictures_at_once(model)):
        shown = model.preprocess(batch)
        found.update(shown, between=lambda: progress(found.count, total))
    progress(found.count, total)
    return found.result()


class TopImagesAccumulator:
    """Collects the strongest pictures of every unit; the same whatever the split.

    Parameters
    ----------
    model : a `VisionModel`, or an `nn.Module`.
    layers : names; None takes all layers that can be read a picture at a time.
    k : how many pictures to keep of each unit.

    Attributes
    ----------
    count : how many pictures it has seen; `last` : the number of the last one, -1 before the first.
    """

    def __init__(self, model: Any, layers: Sequence[str] | None = None, *, k: int = NINE) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self._model, self._layers, self._k = model, layers, k
        self.count, self.last = 0, -1
        self._rows: LayerPeaks | None = None
        self._portions = Portions()

    @property
    def at_once(self) -> int | None:
        """How many pictures it takes at a time, once a batch did not fit into memory."""
        return self._portions.largest

    def update(
        self,
        pictures: Tensor,
        numbers: Sequence[int] | None = None,
        *,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Take a batch in, in halves where it does not fit into memory.

        If something raises, the batch (after halving perhaps only its end) is not in.

        Parameters
        ----------
        pictures : [N, C, H, W], normalised; all batches of one height and width.
        numbers : of the pictures, ascending over all updates; else they are counted on.
        between : called between the layers, where nothing is hooked or half written; it may do
            other work, or raise.

        Raises
        ------
        ValueError
            Wrong numbers, or no such layer.
        StaleRecordError
            The weights changed since the first batch.
        MemoryError
            Not even one picture fits.
        """
        given = list(range(self.last + 1, self.last + 1 + len(pictures)))
        given = given if numbers is None else list(numbers)
        if len(given) != len(pictures) or any(
            a >= b for a, b in zip([self.last, *given], given, strict=False)
        ):
            raise ValueError(
                f"numbers must be {len(pictures)} ascending ones above {self.last}, got {given}"
            )
        asked = f"one picture of {pictures.shape[2]} × {pictures.shape[3]}"
        rows = self._rows = self._rows or fitted(
            lambda: LayerPeaks(self._model, pictures[:1], self._layers, self._k),
            asked,
            pictures.device,
        )

        def take_in(part: slice) -> None:
            rows.take_in(pictures[part], given[part], between)

        for part, _ in self._portions.each(len(given), take_in, asked, pictures.device):
            self.count, self.last = self.count + part.stop - part.start, given[part.stop - 1]

    def merge(self, other: TopImagesAccumulator) -> None:
        """Take in what another has collected on other pictures of the same numbering.

        Raises
        ------
        ValueError
            It looked at other layers, at another network, or keeps another number of pictures.
        """
        if other._k != self._k or other._layers != self._layers:
            raise ValueError("only accumulators of the same layers and the same k can be merged")
        if other._rows is None:
            return
        if self._rows is None:
            self._rows = LayerPeaks(self._model, other._rows.record.picture, self._layers, self._k)
        self._rows.merge(other._rows)
        self.count += other.count
        self.last = max(self.last, other.last)
        known = [number for number in (self.at_once, other.at_once) if number is not None]
        self._portions.largest = min(known, default=None)

    def result(self) -> TopImages:
        """Give what there is so far.

        Raises
        ------
        ValueError
            There are no pictures yet.
        """
        if self._rows is None or not self.count:
            raise ValueError("top images need at least one picture, got none")
        rows, kept = self._rows, min(self._k, self.count)
        best = rows.strongest
        places, widths = best.places[:, :kept].cpu(), rows.widths[:, None]
        lines = torch.div(places, widths, rounding_mode="floor")
        return TopImages(
            provenance=provenance_of(rows.record, at_once=self.at_once),
            layers=tuple(rows.starts),
            units=tuple(rows.units.values()),
            starts=tuple(rows.starts.values()),
            values=best.values[:, :kept].to("cpu", copy=True),
            pictures=best.numbers[:, :kept].to("cpu", copy=True),
            positions=torch.stack([lines, places % widths], 2),
            count=self.count,
        )


def _batches(images: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(images)
    while batch := list(islice(remaining, size)):
        yield batch
