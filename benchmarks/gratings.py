"""Tuning of all units against the plain way, and live responses: `python -m benchmarks.gratings`.

Ratios, not milliseconds: orientation by orientation, our sweep, a sample of the plain way and the
bare forward passes of our own stimuli run in turns, in one process. The plain way is 224 px, one
grating a call, 16 phases, float32, forward hooks. How exact the sweep is, is another command's
question: ``python -m tests.engines.slow_gratings``.
"""

import argparse
import statistics
import time
from dataclasses import replace
from math import pi

import torch
from torch import Tensor, nn

from benchmarks.deconv import network
from cnnwidgets.engines.gratings import Grating, TuningAccumulator, render
from cnnwidgets.models import VisionModel, load_model, wrap_model
from cnnwidgets.models.devices import set_threads_once
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD
from cnnwidgets.widgets.grating_look import GratingQuestion, look_at
from cnnwidgets.widgets.layer_tunings import LayerTuning, SweepQuestion
from cnnwidgets.widgets.selection import default_layer

LAYERS = ("0", "2", "5", "7", "10", "12", "14", "17", "19", "21")  # VGG16 conv1_1 to conv4_3
PHASES = 16
ASKED, ASKED_OF_BARE = 20, 1.1
ASKED_LIVE, ASKED_FIRST = 40, 300  # ms
MOVES = 60


class PlainWay:
    """One grating a call, 16 phases, hooks on every layer: the mean response of middle units."""

    def __init__(self, model: VisionModel, layers: list[str]) -> None:
        self._model, self._found = model, {}
        module = model.module
        # Nothing after the last layer runs: as anybody would cut the network.
        self._part = nn.Sequential(*[*module.features[: int(layers[-1].split(".")[-1]) + 1]])
        for name in layers:
            self._part.get_submodule(name.split(".")[-1]).register_forward_hook(self._keep(name))

    def _keep(self, name: str):
        def hook(_module: nn.Module, _given: object, answer: Tensor) -> None:
            middle = answer[0, :, answer.shape[2] // 2, answer.shape[3] // 2]
            self._found.setdefault(name, []).append(middle.clamp_min(0))

        return hook

    @torch.inference_mode()
    def measure(self, orientation: float, frequency: float) -> dict[str, Tensor]:
        """Give the mean responses [unit] to one grating, by layer."""
        self._found.clear()
        for k in range(PHASES):
            stimulus = Grating(orientation, frequency, 2 * pi * k / PHASES)
            self._part(self._model.normalize(render([stimulus], 3, 224, 224)))
        return {name: torch.stack(kept).mean(0) for name, kept in self._found.items()}


def sweep(model: VisionModel) -> None:
    """Print the ratio of the plain way to our sweep, and of ours to the bare passes."""
    layers = [f"features.{name}" for name in LAYERS]
    plain, took = PlainWay(model, layers), time.perf_counter()
    sweeping = TuningAccumulator(model, layers)
    ours, bare, slow = time.perf_counter() - took, 0.0, 0.0
    area = sum(height * width * count for height, width, count in sweeping.pictures) / 224**2
    prepared = ours
    count = len(sweeping.frequencies)
    bare_network = plain._part
    for o, orientation in enumerate(sweeping.orientations.tolist()):
        numbers = range(o * count, (o + 1) * count)
        if o % 2:  # in turns, also which comes first
            bare += bare_seconds(bare_network, sweeping, numbers)
        took = time.perf_counter()
        sweeping.update(numbers)
        ours += time.perf_counter() - took
        if not o % 2:
            bare += bare_seconds(bare_network, sweeping, numbers)
        took = time.perf_counter()
        plain.measure(orientation, float(sweeping.frequencies[o % count]))
        slow += (time.perf_counter() - took) * count
    print(f"VGG16 conv1_1 to conv4_3, {len(sweeping)} gratings, as {area:.0f} pictures of 224 px")
    print(
        f"  plain way {slow:.0f} s (from {len(sweeping.orientations)} gratings), ours {ours:.1f} s"
        f" ({prepared:.1f} to prepare), bare passes {bare:.1f} s"
    )
    print(
        f"  plain / ours {slow / ours:.1f} (asked {ASKED}), ours / bare {ours / bare:.2f}"
        f" (asked {ASKED_OF_BARE})"
    )


def bare_seconds(bare: nn.Module, sweeping: TuningAccumulator, numbers: range) -> float:
    """Give the seconds of the network alone on the same pictures, in the same batches."""
    total = 0.0
    for group in sweeping._groups:
        for batch in group._batches(list(numbers)):
            showings = [group._showings[number] for number in batch]
            stimuli = [
                replace(group._gratings[number], phase=2 * pi * phase)
                for number, showing in zip(batch, showings, strict=True)
                for phase in showing.phases
            ]
            pictures = group._rendered(stimuli, showings[0].height, showings[0].width)
            hooks = [(part, dict(part._forward_hooks)) for part in bare.modules()]
            for part, _ in hooks:
                part._forward_hooks.clear()
            with torch.inference_mode():
                took = time.perf_counter()
                bare(pictures)
                total += time.perf_counter() - took
            for part, kept in hooks:
                part._forward_hooks.update(kept)
    return total


def live(model: VisionModel, layer: str) -> None:
    """Print the median time of a dragged grating's answer, and of the first curve."""
    times = []
    for move in range(MOVES):
        stimulus = Grating(orientation=move * pi / MOVES, frequency=0.1)
        question = GratingQuestion(model, layer, 0, None, stimulus)
        took = time.perf_counter()
        look_at(question, lambda *_: None)
        times.append(1000 * (time.perf_counter() - took))
    tuning, took = LayerTuning(SweepQuestion(model, layer, "grey")), time.perf_counter()
    first: list[float] = []

    def told(*_: int) -> None:
        if tuning.tuning is not None and not first:
            first.append(1000 * (time.perf_counter() - took))

    tuning.build(0.1, told)
    whole = time.perf_counter() - took
    worst = sorted(times)[int(0.95 * len(times))]
    print(
        f"{model.name} {layer}: live {statistics.median(times):.0f} ms, 95 % {worst:.0f} (asked"
        f" {ASKED_LIVE}); first curve {first[0]:.0f} ms (asked {ASKED_FIRST}), all in {whole:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["sweep", "live"], help="one of the two")
    chosen = parser.parse_args()
    device = torch.device("cpu")
    set_threads_once()
    if chosen.only != "sweep":
        for name in ("squeezenet1_1", "alexnet"):
            model = load_model(name, device=device)
            convolutions = [x.name for x in model.layers.values() if x.kind == "Conv2d"]
            for layer in dict.fromkeys([convolutions[0], default_layer(model), convolutions[-1]]):
                live(model, layer)
    if chosen.only != "live":
        module, _ = network("vgg16", device)
        shape = {"input_shape": (3, 224, 224), "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
        sweep(wrap_model(module, **shape, name="VGG16"))


if __name__ == "__main__":
    main()
