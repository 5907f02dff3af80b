"""The slow, obvious way to measure tuning: one grating a call, in float64, at one unit a channel.

Also a command, which compares the engine with it on the real VGG16, unit by unit, and writes
docs/gratings.md: ``python -m tests.engines.slow_gratings`` (some 25 minutes of two cores).
"""

import argparse
import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cnnwidgets.engines.gratings import Tuning, TuningAccumulator
from cnnwidgets.models import VisionModel, load_model

LAYERS = {
    f"features.{number}": title
    for number, title in zip(
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21),
        ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3"),
        strict=True,
    )
}
PHASES = 32
RESPONSIVE = 1e-3
"""Of the layer's strongest mean response: units that answer less to every grating are left out."""
TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs" / "gratings.md"
STORED = Path(__file__).parent / "vgg16_gratings.safetensors"
STORED_GRATINGS = (2, 27, 38, 45, 56, 69, 74, 88, 103, 117)
"""Numbers of the gratings of which the slow way's F0 and F1 stand beside the tests."""
STORED_LAYERS = ("features.7", "features.14", "features.21")


def picture(size: int, orientation: float, frequency: float, phase: float) -> Tensor:
    """One grating [3, size, size] in 0..1, pixel by pixel from the formula."""
    rows, columns = np.mgrid[:size, :size] + 0.5 - size / 2
    along = columns * cos(orientation) - rows * sin(orientation)
    wave = 0.5 + 0.5 * np.cos(2 * pi * frequency * along + phase)
    return torch.from_numpy(np.stack([wave] * 3))


@torch.no_grad()
def middle_responses(
    module: nn.Module,
    layers: Sequence[str],
    stimuli: Sequence[tuple[float, float]],
    phases: int,
    *,
    size: int = 224,
    mean: Sequence[float],
    std: Sequence[float],
) -> dict[str, Tensor]:
    """Rectified responses [stimuli, phases, unit] of the units in the middle of each layer's map.

    The module is made float64.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str):
        def hook(_module: nn.Module, _given: object, answer: Tensor) -> None:
            row, column = (length // 2 for length in answer.shape[2:])
            found[name].append(answer[0, :, row, column].clamp_min(0))

        return hook

    double = module.double()
    scale = [torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (mean, std)]
    hooks = [double.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    for orientation, frequency in stimuli:
        for k in range(phases):
            shown = picture(size, orientation, frequency, 2 * pi * k / phases)
            double(((shown - scale[0]) / scale[1])[None])
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(kept).view(len(stimuli), phases, -1) for name, kept in found.items()}


def harmonics(responses: Tensor) -> tuple[Tensor, Tensor]:
    """F0 and F1 [..., unit] of responses [..., phases, unit] at evenly spaced phases."""
    phases = responses.shape[-2]
    turns = 2 * pi * torch.arange(phases, dtype=torch.float64) / phases
    waves = torch.polar(torch.ones_like(turns), -turns)[:, None]
    return responses.mean(-2), 2 * (responses * waves).mean(-2).abs()


def agreement(tuning: Tuning, f0: Tensor, f1: Tensor) -> dict[str, float]:
    """How a sweep's F0 and F1 compare with others [O, F, unit], unit by unit, as shares.

    Of units whose mean response to some grating is above `RESPONSIVE` of the layer's strongest:
    correlation of F0 over the grid, the best grating (or a neighbour of it), F1/F0 there.
    """
    known = f0.flatten(0, 1).amax(0) > RESPONSIVE * f0.max()
    wanted, ours = (x[:, :, known].flatten(0, 1) for x in (f0, tuning.f0))
    apart = [x - x.mean(0) for x in (wanted, ours)]
    norms = apart[0].norm(dim=0) * apart[1].norm(dim=0)
    correlation = (apart[0] * apart[1]).sum(0) / norms
    best, found, units = wanted.argmax(0), ours.argmax(0), torch.arange(wanted.shape[1])
    count, turns = f0.shape[1], f0.shape[0]
    away = [best // count - found // count, best % count - found % count]
    near = ((away[0] + 1) % turns <= 2) & (away[1].abs() <= 1)
    ratios = [
        (x[:, :, known].flatten(0, 1) / y)[best, units]
        for x, y in ((f1, wanted), (tuning.f1, ours))
    ]
    return {
        "units": len(known),
        "responsive": int(known.sum()),
        "correlated": float((correlation >= 0.999).double().mean()),
        "same best": float((best == found).double().mean()),
        "near best": float(near.double().mean()),
        "F1/F0": float(((ratios[0] - ratios[1]).abs() <= 0.05).double().mean()),
    }


def measured(model: VisionModel, kept: Path) -> dict[str, Tensor]:
    """Slow responses [120, 32, unit] of every layer; what the file has is not measured again."""
    found = load_file(kept) if kept.exists() else {}
    sweep = TuningAccumulator(model, [*LAYERS])
    stimuli = [(o, f) for o in sweep.orientations.tolist() for f in sweep.frequencies.tolist()]
    last = int([*LAYERS][-1].split(".")[1])
    part = nn.Sequential(copy.deepcopy(model.module).features[: last + 1])
    names = {name: name.replace("features", "0") for name in LAYERS}
    scale = {"mean": model.mean, "std": model.std}
    for number, stimulus in enumerate(stimuli):
        if f"{number} {next(iter(LAYERS))}" in found:
            continue
        made = middle_responses(part, [*names.values()], [stimulus], PHASES, **scale)
        found |= {f"{number} {name}": made[inner][0].float() for name, inner in names.items()}
        if number % 10 == 9:
            save_file(found, kept)
            sys.stdout.write(f"{number + 1} of {len(stimuli)} gratings\n")
    save_file(found, kept)
    return {
        name: torch.stack([found[f"{n} {name}"] for n in range(len(stimuli))]).double()
        for name in LAYERS
    }


def page(rows: Mapping[str, Mapping[str, float]], pictures: float, halved: float) -> str:
    """The table as it stands in the documentation."""
    lines = [
        "# How exact the quick sweep is",
        "",
        "Real VGG16, 12 orientations × 10 frequencies. `engines.gratings.tuning` against the slow",
        f"way (224 px, one grating a call, {PHASES} phases one by one, float64, the unit in the",
        "middle), unit by unit. The sweep took as much as",
        f"{pictures:.0f} pictures of 224 px, where the slow way takes {120 * PHASES}.",
        "",
        f"Responsive: a mean response above {RESPONSIVE:g} of the layer's strongest. Shares of the",
        "responsive units: correlation of F0 over the 120 gratings at least .999; the same best",
        "grating; the same or a neighbour on the grid; F1/F0 there within .05.",
        "",
        "The slow way is no more than a measurement either: with every second of its phases only",
        f"{100 * halved:.0f} % of conv4_3's units would pass. Many units of the deep layers answer",
        "a few gratings, at a small part of their phases.",
        "",
        "Made by `python -m tests.engines.slow_gratings`. The time is measured by",
        "`python -m benchmarks.gratings`.",
        "",
        "| layer | units | responsive | F0 correlated | same best | or neighbour | F1/F0 |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, row in rows.items():
        shares = [
            f"{100 * row[k]:.1f} %" for k in ("correlated", "same best", "near best", "F1/F0")
        ]
        counts = f"{row['units']:.0f} | {row['responsive']:.0f}"
        lines.append(f"| conv{title} | {counts} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", type=Path, default=Path("slow_gratings.safetensors"))
    kept = parser.parse_args().kept
    model = load_model("vgg16", device="cpu")
    slow = measured(model, kept)
    sweep = TuningAccumulator(model, [*LAYERS])
    sweep.update(range(len(sweep)))
    rows = {}
    stored = {}
    for name, tuning in sweep.result().items():
        f0, f1 = harmonics(slow[name])
        rows[LAYERS[name]] = agreement(tuning, f0.view(tuning.f0.shape), f1.view(tuning.f1.shape))
        if name in STORED_LAYERS:
            chosen = list(STORED_GRATINGS)
            stored |= {f"{name} f0": f0[chosen].float(), f"{name} f1": f1[chosen].float()}
    area = sum(height * width * count for height, width, count in sweep.pictures) / 224**2
    last = slow[name]
    half = harmonics(last[:, ::2])[0].view(tuning.f0.shape)
    halved = agreement(replace(tuning, f0=half), f0.view(tuning.f0.shape), f1.view(tuning.f0.shape))
    PAGE.write_text(page(rows, area, halved["correlated"]), encoding="utf-8")
    save_file(stored, STORED)


if __name__ == "__main__":
    main()
