"""Another unit against captum, recording against a bare pass: `python -m benchmarks.deconv`.

Ratios, not milliseconds: each pair is timed in turns in one run, after its outputs were compared.
A picture is recorded once and its units are asked for many times, as a slider does; captum runs
the network for each. Networks have random weights unless weights are at hand, which changes no
count of operations.
"""

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version

import torch
from torch import Tensor, nn

from cnnwidgets import graph
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.precision import preview_dtype
from cnnwidgets.graph.windows import Windows
from cnnwidgets.models import VisionModel, wrap_model
from cnnwidgets.models.devices import choose_device, set_threads_once
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD
from cnnwidgets.models.torchvision_import import import_torchvision

# network -> layer -> (least ratio exact, least ratio preview) that is asked for
UNITS = {
    "vgg16": {
        "features.7": (400, None),  # conv2_2
        "features.14": (120, None),  # conv3_3
        "features.21": (25, 60),  # conv4_3
        "features.28": (5, 20),  # conv5_3
    },
    "resnet18": {"layer2.1.conv2": (12, None)},
    "alexnet": {"features.6": (12, None)},  # conv3
    "squeezenet1_1": {"features.6": (8, None)},
}
RECORDING = {"vgg16": 1.5, "alexnet": 1.5, "squeezenet1_1": 2, "resnet18": 2}
NINE = "features.21"  # VGG16 conv4_3


def interleaved(*functions: Callable[[], object], rounds: int) -> list[float]:
    """Give the median seconds of each function, run in turns."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(rounds + 1):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if turn:  # the first is a warm-up
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def once(function: Callable[[], object], repeats: int) -> float:
    """Give the mean seconds of a function run some times in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def against_captum(module: nn.Module, record: graph.Record, layer: str, rounds: int) -> list[str]:
    """Compare and time another unit of a layer; the row of the table."""
    from captum.attr import NeuronDeconvolution

    parts = dict(module.named_modules())
    activation = record.activation(layer)[0]
    channel = int(activation.flatten(1).amax(1).argmax())
    row, column = divmod(int(activation[channel].argmax()), activation.shape[2])
    unit = (channel, row, column)
    peer = NeuronDeconvolution(module, parts[layer])
    picture = record.picture.clone().requires_grad_()

    def captum() -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peer.attribute(picture, unit)

    def ours(dtype: torch.dtype = torch.float32) -> Windows:
        return graph.reverse(record, layer, [unit], graph.DECONVNET, dtype=dtype).windows

    wanted = captum().detach()[0]
    result = reconstruct(record, layer, [unit])
    difference = float((result.images[0] - wanted.cpu()).abs().max() / wanted.abs().max())
    dtype = preview_dtype(record.picture.device)
    quick = ours(dtype).values.float().flatten()
    correlation = float(torch.corrcoef(torch.stack([quick, ours().values.flatten()]))[0, 1])
    repeats = max(1, min(50, int(0.1 / once(ours, 1))))
    peers, exact, preview = [], [], []
    for _ in range(rounds):
        peers.append(once(captum, 1))
        exact.append(once(ours, repeats))
        preview.append(once(lambda: ours(dtype), repeats))
    a, b, c = map(statistics.median, (peers, exact, preview))
    height, width = ours().values.shape[2:]
    return [
        f"{layer} ({height} x {width})",
        f"{1000 * a:.1f}",
        f"{1000 * b:.2f}",
        f"{a / b:.0f}",
        f"{difference:.1e}",
        f"{1000 * c:.2f}",
        f"{a / c:.0f}",
        f"{correlation:.5f}",
    ]


def nine_units(record: graph.Record, layer: str, rounds: int) -> list[str]:
    """Time nine units at their own places and at one place against single walks."""
    activation = record.activation(layer)[0]
    best = activation.flatten(1).amax(1).argsort(descending=True)[:9].tolist()
    width = activation.shape[2]
    spread = [(c, *divmod(int(activation[c].argmax()), width)) for c in best]
    centre = [(c, activation.shape[1] // 2, width // 2) for c in best]

    def walk(units: Sequence[tuple[int, ...]]) -> None:
        graph.reverse(record, layer, units, graph.DECONVNET)

    together, apart, one_place, one = interleaved(
        lambda: walk(spread),
        lambda: [walk([unit]) for unit in spread],
        lambda: walk(centre),
        lambda: walk(centre[:1]),
        rounds=rounds,
    )
    return [f"{together / apart:.2f}", f"{one_place / one:.2f}"]


def recording(model: VisionModel, picture: Tensor, rounds: int) -> list[str]:
    """Time a record against a bare forward pass of the same module."""

    @torch.no_grad()
    def bare() -> None:
        model.module(picture)

    a, b = interleaved(lambda: graph.record(model, picture), bare, rounds=rounds)
    size = f"{graph.record(model, picture).nbytes / 1e6:.1f}"
    asked = f"<= {RECORDING[model.name]}"
    return [f"{1000 * a:.1f}", f"{1000 * b:.1f}", f"{a / b:.2f}", asked, size]


def network(name: str, device: torch.device) -> tuple[nn.Module, Tensor]:
    """Give a torchvision network with random weights and a picture of noise."""
    torch.manual_seed(0)
    module = getattr(import_torchvision().models, name)().eval().to(device)
    return module, torch.randn(1, 3, 224, 224, device=device)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--networks", nargs="*", default=list(UNITS))
    options = parser.parse_args()
    set_threads_once()
    device = choose_device(options.device)
    print(
        f"{platform.machine()}, {device}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, captum {version('captum')}, medians of {options.rounds} rounds"
    )
    walks, records, nine = [], [], []
    for name in options.networks:
        module, picture = network(name, device)
        model = wrap_model(
            module, input_shape=(3, 224, 224), mean=IMAGENET_MEAN, std=IMAGENET_STD, name=name
        )
        record = graph.record(model, picture)
        for layer, (least, least_preview) in UNITS[name].items():
            row = against_captum(module, record, layer, options.rounds)
            asked = [f">= {least}", f">= {least_preview}" if least_preview else ""]
            walks.append([name, *row[:4], asked[0], *row[4:7], asked[1], row[7]])
        records.append([name, *recording(model, picture, options.rounds)])
        if name == "vgg16":
            nine.append([name, NINE, *nine_units(record, NINE, options.rounds)])
    head = "network|layer (window)|captum ms|ours ms|ratio|asked|difference"
    table("Another unit", f"{head}|preview ms|ratio|asked|correlation".split("|"), walks)
    table("Recording a picture", "network|record ms|forward ms|ratio|asked|MB".split("|"), records)
    if nine:
        head = "network|layer|own places / nine walks (<= 1)|one place / one walk (<= 6)"
        table("Nine units", head.split("|"), nine)


if __name__ == "__main__":
    main()
