"""How whole layers are tuned: shares and medians of their units, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from cnnwidgets.engines.gratings.tuning import TUNED, Tuning
from cnnwidgets.engines.shares import middle, wilson
from cnnwidgets.results import Progress, Result, no_progress

if TYPE_CHECKING:
    import pandas

RESAMPLES = 1000
MEDIANS = {
    "osi": "osi",
    "gosi": "gosi",
    "frequency": "preferred_frequency",
    "bandwidth": "bandwidth",
    "half_width": "half_width",
    "modulation": "modulation",
}
"""Name in a `Population` -> index of a `Tuning`."""
SHARES = ("silent", "tuned", "simple")
PER_LAYER, ENDS = ("layer",), ("layer", "end")


@dataclass(frozen=True, eq=False, kw_only=True)
class Population(Result):
    """Layers side by side: how many of their units are silent or tuned, and what is typical.

    Attributes
    ----------
    layers : their names, in the order of all arrays.
    units : int64 [layer], how many; `responsive` : int64 [layer], those that are not silent.
    padded : bool [layer], whether the units that were read see padding.
    silent : float64 [layer], share of all units that no grating drives.
    tuned : float64 [layer], share of the responsive units with a gOSI of at least `criterion`; NaN
        of a layer that was shown one orientation only.
    simple : float64 [layer], share of the units with a known F1/F0 where that is above 1.
    osi, gosi, modulation : float64 [layer], medians; modulation is F1/F0.
    frequency : float64 [layer], median of the preferred frequency, cycles per pixel.
    bandwidth : float64 [layer], median, octaves; `half_width` : float64 [layer], median, radians.
    silent_interval, ... : float64 [layer, 2], the two ends of a 95 % interval of each of these.
    criterion : of being tuned; `resamples` : of the bootstrap; `seed` : of its numbers.

    Notes
    -----
    Units whose index is NaN (silent, or not told by the stimuli) are left out of its median, which
    is NaN where none is left. The interval of a share is Wilson's (see `wilson`). Of a median it
    is between the 2.5th and the 97.5th percentile of the medians of resamples: as many units,
    drawn with replacement [1]_. Both take a layer's units for a sample of those that such a layer
    could have had.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, "An introduction to the bootstrap" (1993), chapter 13.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys(("units", "responsive", "padded", *SHARES, *MEDIANS), PER_LAYER),
        **dict.fromkeys((f"{name}_interval" for name in (*SHARES, *MEDIANS)), ENDS),
    }
    layers: tuple[str, ...]
    units: Tensor
    responsive: Tensor
    padded: Tensor
    silent: Tensor
    silent_interval: Tensor
    tuned: Tensor
    tuned_interval: Tensor
    simple: Tensor
    simple_interval: Tensor
    osi: Tensor
    osi_interval: Tensor
    gosi: Tensor
    gosi_interval: Tensor
    frequency: Tensor
    frequency_interval: Tensor
    bandwidth: Tensor
    bandwidth_interval: Tensor
    half_width: Tensor
    half_width_interval: Tensor
    modulation: Tensor
    modulation_interval: Tensor
    criterion: float = TUNED
    resamples: int = RESAMPLES
    seed: int = 0

    def to_frame(self) -> pandas.DataFrame:
        """Give a pandas DataFrame with a row a layer; intervals as columns _low and _high.

        Half widths are in degrees.
        """
        import pandas

        columns: dict[str, Any] = {"layer": list(self.layers)}
        columns |= {name: getattr(self, name).numpy() for name in ("units", "responsive")}
        for name in (*SHARES, *MEDIANS):
            found, ends = getattr(self, name), getattr(self, f"{name}_interval")
            if name == "half_width":
                name, found, ends = f"{name}_deg", found.rad2deg(), ends.rad2deg()
            columns[name] = found.numpy()
            columns[f"{name}_low"], columns[f"{name}_high"] = ends.numpy().T
        return pandas.DataFrame({**columns, "padded": self.padded.numpy()})


def by_layer(
    tunings: Mapping[str, Tuning],
    *,
    criterion: float = TUNED,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Population:
    """Summarise how the units of each layer are tuned, layer beside layer.

    Parameters
    ----------
    tunings : name -> `Tuning`, as `tuning` gives them.
    criterion : gOSI from which a unit is called tuned to orientation.
    resamples : of the bootstrap; `seed` : of its random numbers, which depend on nothing else, so
        that a layer's intervals are the same whatever stands beside it.
    progress : told (layers done, all of them); raising ends the work.

    Raises
    ------
    ValueError
        There is no layer, they are of different networks or weights, or less than one resample.
    """
    if not tunings:
        raise ValueError("a population needs the tuning of at least one layer, got none")
    if resamples < 1:
        raise ValueError(f"the bootstrap takes at least one resample, got {resamples}")
    provenances = [tuning.provenance for tuning in tunings.values()]
    if len({(origin.model, origin.weights) for origin in provenances}) > 1:
        raise ValueError("the layers of a population are of one network with the same weights")
    ranks: dict[int, Tensor] = {}
    rows: list[dict[str, Tensor]] = []
    for number, tuning in enumerate(tunings.values()):
        progress(number, len(tunings))
        rows.append(_shares(tuning, criterion) | _medians(tuning, resamples, seed, ranks))
    progress(len(tunings), len(tunings))
    return Population(
        provenance=provenances[0],
        layers=tuple(tunings),
        criterion=criterion,
        resamples=resamples,
        seed=seed,
        **{name: torch.stack([row[name] for row in rows]) for name in rows[0]},
    )


def all_units(tunings: Mapping[str, Tuning]) -> pandas.DataFrame:
    """Give a pandas DataFrame with a row a unit of all layers: all indices, angles in degrees.

    Raises
    ------
    ValueError
        There is no layer.
    """
    import pandas

    if not tunings:
        raise ValueError("a table of units needs the tuning of at least one layer, got none")
    frames = [tuning.to_frame().assign(layer=name) for name, tuning in tunings.items()]
    return pandas.concat(frames, ignore_index=True)


def _shares(tuning: Tuning, criterion: float) -> dict[str, Tensor]:
    """Give units and shares of a layer with their intervals."""
    responsive, turned = ~tuning.silent, ~tuning.gosi.isnan()  # NaN also of one orientation only
    known = ~tuning.modulation.isnan()
    counted = {
        "silent": (tuning.silent, torch.ones_like(responsive)),
        "tuned": (tuning.tuned(criterion), turned),
        "simple": ((tuning.modulation > 1) & known, known),
    }
    found = {
        "units": torch.tensor(tuning.units),
        "responsive": responsive.sum(),
        "padded": torch.tensor(tuning.padded),
    }
    for name, (having, among) in counted.items():
        found[name] = having.sum().double() / among.sum()
        found[f"{name}_interval"] = wilson(having.sum(), among.sum())
    return found


def _medians(
    tuning: Tuning, resamples: int, seed: int, ranks: dict[int, Tensor]
) -> dict[str, Tensor]:
    """Give the medians of a layer's indices with their intervals."""
    found = {}
    for name, index in MEDIANS.items():
        values: Tensor = getattr(tuning, index).double()
        values = values[~values.isnan()].sort().values
        count = len(values)
        if not count:
            found[name] = torch.tensor(torch.nan).double()
            found[f"{name}_interval"] = torch.full((2,), torch.nan).double()
            continue
        if count not in ranks:
            ranks[count] = _median_ranks(count, resamples, seed)
        found[name] = values[[(count - 1) // 2, count // 2]].mean()
        found[f"{name}_interval"] = middle(values[ranks[count]].mean(1))
    return found


def _median_ranks(count: int, resamples: int, seed: int) -> Tensor:
    """Give the two middle ranks of each resample, int64 [resamples, 2].

    Which of so many sorted values a resample's median lies at does not depend on the values, so
    one drawing serves all indices with as many known units.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(count, (resamples, count), generator=generator)
    return drawn.sort(1).values[:, [(count - 1) // 2, count // 2]]
