"""All units of several layers shown gratings of all orientations and frequencies, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.grid import (
    FREQUENCIES,
    ORIENTATIONS,
    frequencies_of,
    orientations_of,
)
from cnnwidgets.engines.gratings.sampling import PHASE_GAP
from cnnwidgets.engines.gratings.showing import Group, sees_padding
from cnnwidgets.engines.gratings.stimuli import Grating, check_colour
from cnnwidgets.engines.gratings.tuning import Tuning
from cnnwidgets.engines.memory import Portions
from cnnwidgets.engines.provenance import provenance_of
from cnnwidgets.graph import Layer, place_bound
from cnnwidgets.models import VisionModel
from cnnwidgets.results import Progress, Provenance, no_progress


def tuning(
    model: VisionModel,
    layers: Sequence[str] | str | None = None,
    *,
    orientations: int | Sequence[float] = ORIENTATIONS,
    frequencies: int | Sequence[float] = FREQUENCIES,
    contrast: float = 1.0,
    colour: str = "grey",
    rectified: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Tuning]:
    """Measure how all units of several layers are tuned to orientation and spatial frequency.

    One pass over the gratings serves all layers. Each is read where no padding is seen, at all the
    phases that its map holds at once; so the gratings are shown in few and small pictures.

    Parameters
    ----------
    layers : names, or one; None takes every convolution.
    orientations : how many, evenly over [0, pi), or radians.
    frequencies : how many, evenly on a logarithmic axis from 1/64 to .45, or cycles per pixel.
    contrast, colour : of the gratings, see `Grating`.
    rectified : count negative answers as 0, as cells do and the layer's rectifier will; else the
        mean response of a linear unit is the same for all gratings, and F1 tells its tuning.
    progress : told (gratings done, all of them) between the layers; raising ends the work.

    Returns
    -------
    name -> `Tuning`, in the order of `layers`.

    Raises
    ------
    ValueError
        There is no such layer, its positions cannot be told apart, or a frequency cannot be shown.
    StaleRecordError
        The weights changed meanwhile.
    MemoryError
        Not even one picture fits.
    """
    sweep = TuningAccumulator(
        model,
        layers,
        orientations=orientations,
        frequencies=frequencies,
        contrast=contrast,
        colour=colour,
        rectified=rectified,
    )
    sweep.update(range(len(sweep)), between=lambda: progress(sweep.count, len(sweep)))
    progress(sweep.count, len(sweep))
    return sweep.result()


class TuningAccumulator:
    """Collects the responses to a set of gratings; the same whatever the split.

    The gratings are numbered: all frequencies of the first orientation, then of the second, ...

    Parameters
    ----------
    model, layers and the settings : as `tuning` takes them.
    phase_gap : cycles between the phases at which a grating is seen, at most (in the mean, see
        `sampling.plan`): 1/6 will do for a first look.

    Attributes
    ----------
    layers : their names.
    orientations, frequencies : float64 [O], [F].
    """

    def __init__(
        self,
        model: VisionModel,
        layers: Sequence[str] | str | None = None,
        *,
        orientations: int | Sequence[float] = ORIENTATIONS,
        frequencies: int | Sequence[float] = FREQUENCIES,
        contrast: float = 1.0,
        colour: str = "grey",
        rectified: bool = True,
        phase_gap: float = PHASE_GAP,
    ) -> None:
        self.orientations = orientations_of(orientations)
        self.frequencies = frequencies_of(frequencies)
        self._stimulus = Grating(contrast=contrast, colour=colour)
        check_colour(colour, model.input_shape[0])
        layers = [layers] if isinstance(layers, str) else layers
        names = list(dict.fromkeys(layers)) if layers is not None else _convolutions(model)
        if not 0 < phase_gap <= 1 / 4:
            raise ValueError(f"phase_gap is above 0 and at most 1/4 of a cycle, got {phase_gap}")
        found = [_checked(model, name) for name in names]
        if not found:
            raise ValueError(f"tuning needs at least one layer of {model.name}, got none")
        self.layers, self._rectified, self._portions = tuple(names), rectified, Portions()
        self._format = (model.input_shape, model.mean, model.std, phase_gap)
        grid = (self.orientations.tolist(), self.frequencies.tolist())
        kinds = [[x for x in found if _is_free(model, x) == free] for free in (True, False)]
        self._groups = [
            Group(
                model,
                layers,
                *grid,
                self._stimulus,
                rectified=rectified,
                free=free,
                phase_gap=phase_gap,
            )
            for layers, free in zip(kinds, (True, False), strict=True)
            if layers
        ]

    def __len__(self) -> int:
        return len(self.orientations) * len(self.frequencies)

    @property
    def done(self) -> Tensor:
        """Which gratings it has of all layers, bool [O, F]."""
        return (
            torch.stack([group.done for group in self._groups])
            .all(0)
            .view(len(self.orientations), len(self.frequencies))
        )

    @property
    def count(self) -> int:
        """How many gratings it has."""
        return int(self.done.sum())

    @property
    def pictures(self) -> list[tuple[int, int, int]]:
        """(height, width, how many) of the pictures that all gratings take."""
        return [kind for group in self._groups for kind in group.pictures]

    def is_current(self) -> bool:
        """Tell whether the network's weights are still those of the first grating."""
        return all(group.record.is_current() for group in self._groups)

    def update(self, numbers: Iterable[int], *, between: Callable[[], None] = lambda: None) -> None:
        """Show gratings by number; those that it has already are passed over.

        If something raises, the gratings that were not finished are not in.

        Parameters
        ----------
        between : called between the layers, where nothing is hooked or half written; it may do
            other work, or raise.

        Raises
        ------
        ValueError
            There is no such grating.
        StaleRecordError
            The weights changed since the first one.
        MemoryError
            Not even one picture fits.
        """
        wanted = [int(number) for number in dict.fromkeys(numbers)]
        if wrong := [n for n in wanted if not 0 <= n < len(self)]:
            raise ValueError(
                f"there are {len(self)} gratings, 0 to {len(self) - 1}; {wrong[0]} was asked"
            )
        for group in self._groups:
            group.update(wanted, self._portions, between)

    def merge(self, other: TuningAccumulator) -> None:
        """Take in what another has measured of the same gratings in the same network.

        Raises
        ------
        ValueError
            It is of other layers, gratings or weights.
        """
        if self._settings() != other._settings():
            raise ValueError(
                "only accumulators of the same network, weights, layers and gratings can be merged"
            )
        for own, theirs in zip(self._groups, other._groups, strict=True):
            own.merge(theirs)

    def result(self) -> dict[str, Tuning]:
        """Give what there is so far; NaN where a grating was not shown yet.

        Raises
        ------
        ValueError
            Nothing was shown yet.
        """
        if not any(group.done.any() for group in self._groups):
            raise ValueError("a tuning needs at least one grating, got none")
        record = self._groups[0].record
        provenance = provenance_of(record, at_once=self._portions.largest)
        found = {
            layer.name: self._tuning(group, layer.name, provenance)
            for group in self._groups
            for layer in group.layers
        }
        return {name: found[name] for name in self.layers}

    def _tuning(self, group: Group, name: str, provenance: Provenance) -> Tuning:
        shape = (len(self.orientations), len(self.frequencies), -1)
        mean, cosine, sine = group.sums[name].unbind(-1)
        missing = ~group.done[:, None]
        return Tuning(
            provenance=provenance,
            layer=name,
            orientations=self.orientations,
            frequencies=self.frequencies,
            f0=mean.masked_fill(missing, torch.nan).view(shape),
            f1=torch.hypot(cosine, sine).masked_fill(missing, torch.nan).view(shape),
            blank=group.blanks[name].clone(),
            contrast=self._stimulus.contrast,
            colour=self._stimulus.colour,
            rectified=self._rectified,
            padded=sees_padding(group.by_name[name], free=group.free),
        )

    def _settings(self) -> tuple[object, ...]:
        grid = (*self.orientations.tolist(), *self.frequencies.tolist())
        weights = self._groups[0].record.fingerprint
        return self.layers, grid, self._stimulus, self._rectified, self._format, weights


def _convolutions(model: VisionModel) -> list[str]:
    """Give every convolution; of a network without any, every map."""
    maps = [layer for layer in model.layers.values() if layer.spatial]
    return [x.name for x in maps if x.kind.startswith("Conv")] or [x.name for x in maps]


def _checked(model: VisionModel, name: str) -> Layer:
    layer = model.layer(name)
    if not layer.spatial and len(layer.shape) != 1:
        raise ValueError(
            f"{name} of {model.name} has shape {list(layer.shape)}; tuning takes maps [channels, "
            "rows, columns] and vectors"
        )
    return layer


def _is_free(model: VisionModel, layer: Layer) -> bool:
    """Tell whether the layer has positions without padding, and they are copies of one unit."""
    if not layer.spatial or layer.field.whole or place_bound(model.structure, [layer.name]):
        return False
    return layer.field.free_positions(*layer.shape[1:]) is not None
