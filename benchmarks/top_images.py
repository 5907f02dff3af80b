"""The index of all units against the bare forward passes: `python -m benchmarks.top_images`.

Ratios, not milliseconds: batch by batch the same pictures go through the bare network and into the
index, in turns, over all embedded pictures. The pictures are decoded and preprocessed beforehand,
for both. Before that, the index of a few pictures is compared with sorting all activations.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from benchmarks.deconv import network
from cnnwidgets.data import ImageSet, load_images
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.top_images import TopImagesAccumulator
from cnnwidgets.models import VisionModel, load_model, wrap_model
from cnnwidgets.models.devices import choose_device, set_threads_once
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD

NETS = ("squeezenet1_1", "alexnet", "resnet18", "vgg16")
EMBEDDED = ("squeezenet1_1", "alexnet")
ASKED = 1.3
"""The most that is allowed of the bare passes."""
COMPARED = 12
"""Pictures whose index is compared first."""


def compare(model: VisionModel, pictures: Tensor) -> None:
    """Check the index against all activations, sorted."""
    found = TopImagesAccumulator(model)
    for picture in pictures.split(5):
        found.update(picture)
    result = found.result()
    for layer in result.layers[:: max(1, len(result.layers) // 6)]:
        with torch.no_grad():
            maps = model.run(pictures, layer)[layer]
        peaks = maps.reshape(*maps.shape[:2], -1).amax(2)
        wanted = peaks.sort(0, descending=True).values[: result.values.shape[1]].T
        number = result.layers.index(layer)
        rows = slice(result.starts[number], result.starts[number] + result.units[number])
        scale = wanted.abs().max()
        assert torch.allclose(result.values[rows], wanted, rtol=0, atol=1e-5 * scale), layer


def measure(model: VisionModel, images: ImageSet, batch: int) -> tuple[list[float], list[float]]:
    """Give medians of the bare and our seconds a picture and of the longest step, and totals."""
    found = TopImagesAccumulator(model)
    times: list[tuple[float, ...]] = []
    with torch.no_grad():
        for first in range(0, len(images), batch):
            pictures = model.preprocess(list(images.images[first : first + batch]))
            start, busy = time.perf_counter(), time.process_time()
            model.module(pictures)
            middle, busy_middle = time.perf_counter(), time.process_time()
            marks = [middle]
            found.update(pictures, between=lambda marks=marks: marks.append(time.perf_counter()))
            end, busy_end = time.perf_counter(), time.process_time()
            step = max(b - a for a, b in zip(marks, [*marks[1:], end], strict=True))
            spent = (busy_middle - busy, busy_end - busy_middle)
            times.append((middle - start, end - middle, step, *spent))
    middles = [
        statistics.median(column) for column in zip(*times[1:], strict=True)
    ]  # 0 records, too
    totals = [sum(column) for column in zip(*times[1:], strict=True)]
    return [seconds / batch for seconds in middles[:2]] + middles[2:3], totals


def _model(name: str) -> VisionModel:
    """Give the embedded network, else torchvision's with random weights."""
    if name in EMBEDDED:
        return load_model(name)
    module, _ = network(name, choose_device("auto"))
    shape = (3, 224, 224)
    return wrap_model(module, input_shape=shape, mean=IMAGENET_MEAN, std=IMAGENET_STD, name=name)


def main() -> None:
    parser = argparse.ArgumentParser(description="The index of all units against bare passes.")
    parser.add_argument("--nets", nargs="*", default=NETS)
    parser.add_argument("--batches", type=int, nargs="*", help="else what the explorer takes")
    parser.add_argument("--pictures", type=int, help="else all embedded ones")
    asked = parser.parse_args()
    set_threads_once()
    images = (load_images("photos") + load_images("objects"))[: asked.pictures]
    print(f"{len(images)} pictures, {torch.get_num_threads()} threads; asked: at most {ASKED}")
    print("bare, index: medians; ratios: of medians, of all time, of processor time; step: median")
    print(
        f"{'':16}{'batch':>6}{'bare ms':>9}{'index ms':>9}{'ratios':>14}{'step ms':>16}{'units':>8}"
    )
    for name in asked.nets:
        model = _model(name)
        units = sum(layer.units for layer in model.layers.values())
        compare(model, model.preprocess(list(images.images[:COMPARED])))
        for batch in asked.batches or [pictures_at_once(model)]:
            (bare, ours, step), totals = measure(model, images, batch)
            print(
                f"{name:16}{batch:6}{1000 * bare:9.1f}{1000 * ours:9.1f}{ours / bare:7.2f}"
                f"{totals[1] / totals[0]:7.2f}{totals[4] / totals[3]:7.2f}"
                f"{1000 * step:9.1f}{units:8}",
                flush=True,
            )


if __name__ == "__main__":
    main()
