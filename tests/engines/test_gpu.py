"""Engines on a GPU: the same numbers as on the CPU, and what does not fit there is halved."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.data import load_images
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.precision import preview_dtype
from cnnwidgets.engines.responses import best_classes, layer_response
from cnnwidgets.engines.top_images import (
    TopImages,
    TopImagesAccumulator,
    top_images,
)
from cnnwidgets.graph import record
from cnnwidgets.models import load_model, wrap_model
from cnnwidgets.widgets import UnitExplorer
from cnnwidgets.widgets.scheduler import Lane
from tests.engines.test_top_images import same, whole_numbers
from tests.gpu import DEVICE, TOLERANCE
from tests.graph.networks import Residual, small
from tests.graph.reference import difference
from tests.widgets.tiny import network, pictures

MEGABYTE = 2**20
pytestmark = pytest.mark.gpu


@contextmanager
def room(megabytes: int) -> Iterator[None]:
    """Let torch have only so much more memory than it has now."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    allowed = torch.cuda.memory_reserved() + megabytes * MEGABYTE
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


@pytest.mark.parametrize("build", [small, Residual])
def test_the_same_top_pictures_where_every_sum_is_exact(build: type[nn.Module]) -> None:
    """In float64, where no convolution is computed by transforms; with many exact ties."""
    module = whole_numbers(build()).double()
    shown = torch.randint(0, 3, (23, 3, 32, 32)).double()
    shown[11] = shown[4]
    there = copy.deepcopy(module).to(DEVICE)
    here, found = TopImagesAccumulator(module), TopImagesAccumulator(there)
    for first in range(0, 23, 5):
        here.update(shown[first : first + 5])
        found.update(shown[first : first + 5].to(DEVICE))
    assert same(found.result(), here.result())
    assert found.result().values.device.type == "cpu"
    half, rest = TopImagesAccumulator(there), TopImagesAccumulator(there)
    rest.update(shown[9:].to(DEVICE), range(9, 23))
    half.update(shown[:9].to(DEVICE))
    rest.merge(half)
    assert same(rest.result(), here.result())


def by_picture(found: TopImages) -> Tensor:
    """Give [R, N]: each unit's peak in each picture, of all N that were looked at."""
    assert found.values.shape[1] == found.count
    return found.values.gather(1, found.pictures.long().argsort(1))


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1"])
def test_the_same_peaks_of_the_embedded_networks(name: str) -> None:
    images = load_images("photos")
    models = [load_model(name, device=device) for device in (DEVICE, "cpu")]
    assert pictures_at_once(models[0]) > pictures_at_once(models[1])
    found, wanted = (top_images(model, images, k=len(images)) for model in models)
    assert (found.layers, found.units, found.starts) == (wanted.layers, wanted.units, wanted.starts)
    assert found.provenance.device.startswith(DEVICE.type)
    assert found.provenance.weights == wanted.provenance.weights
    peaks, expected = by_picture(found), by_picture(wanted)
    for start, units in zip(found.starts, found.units, strict=True):
        rows = slice(start, start + units)
        assert difference(peaks[rows], expected[rows]) < TOLERANCE


def test_responses_and_classes() -> None:
    images = load_images("photos")
    here = load_model("squeezenet1_1", device="cpu")
    there = load_model("squeezenet1_1", device=DEVICE)
    for picture in (images[0], images[3]):
        wanted, found = (record(m, m.preprocess([picture])) for m in (here, there))
        assert found.picture.device.type == DEVICE.type
        assert difference(found.picture.cpu(), wanted.picture) < 1e-6
        for layer in ("features.3", "features.9", "classifier.1"):
            ours, theirs = layer_response(found, layer), layer_response(wanted, layer)
            assert difference(ours.peaks, theirs.peaks) < TOLERANCE
            ranked = theirs.peaks[ours.order]  # in the other's numbers: in order but for rounding
            assert (ranked.diff() <= TOLERANCE * theirs.peaks.abs().max()).all()
            for tensor in (ours.peaks, ours.positions, ours.order):
                assert tensor.device.type == "cpu"
        ours, theirs = best_classes(found, there.labels), best_classes(wanted, here.labels)
        assert torch.allclose(ours.probabilities, theirs.probabilities, atol=TOLERANCE)
        assert ours.labels[0] == theirs.labels[0]


def test_a_number_type_for_previews_is_chosen() -> None:
    chosen = preview_dtype(DEVICE)
    assert chosen in (torch.bfloat16, torch.float32)
    assert preview_dtype(torch.device(DEVICE.type, 0)) in (torch.bfloat16, torch.float32)
    made = record(network().module.to(DEVICE), torch.rand(1, 3, 32, 32, device=DEVICE))
    coarse, exact = reconstruct(made, "4", [2], dtype=chosen), reconstruct(made, "4", [2])
    both = torch.stack([coarse.images.flatten(), exact.images.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.999


def test_the_explorer_shows_what_is_computed_there() -> None:
    """In float64, so that both devices decide alike."""
    model, images = network(), pictures(12)
    here = wrap_model(
        copy.deepcopy(model.module).double(), input_shape=(3, 32, 32), mean=(0,) * 3, std=(1,) * 3
    )
    model.module.double().to(DEVICE)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=Lane(inline=True))
    assert explorer.error == "" == explorer.top_nine.error
    made = record(here, here.preprocess([images[0]]))
    wanted = reconstruct(made, "4", [2])
    assert explorer.result.units == wanted.units
    assert difference(explorer.result.images, wanted.images) < TOLERANCE
    assert explorer.result.provenance.device.startswith(DEVICE.type)
    assert difference(explorer.top_nine.result.values, top_images(here, images).values) < TOLERANCE
    explorer.close()


class Wide(nn.Module):
    """Maps of a megabyte for every picture, and of every unit of `head`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16 * 128 * 128, 64)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).flatten(1))


def test_pictures_that_do_not_fit_there_are_halved() -> None:
    """A batch of 256 takes some 800 MB."""
    module = Wide().to(DEVICE)
    shown = torch.rand(256, 3, 128, 128)
    layers = ["first", "second", "head"]
    whole = TopImagesAccumulator(module, layers)
    for part in shown.split(16):
        whole.update(part.to(DEVICE))
    found, reports = TopImagesAccumulator(module, layers), []
    found.update(shown[:1].to(DEVICE), between=lambda: None)  # what the libraries keep for good
    there = shown[1:].to(DEVICE)
    with room(300):
        found.update(there, between=lambda: reports.append(found.count))
    assert found.at_once is not None and 1 <= found.at_once < 255
    result, wanted = found.result(), whole.result()
    assert result.provenance.at_once == found.at_once and result.count == 256
    assert reports == sorted(reports) and reports[-1] > reports[0]
    assert difference(result.values, wanted.values) < TOLERANCE
    # The same pictures, but for some that are equal but for rounding.
    assert (result.pictures == wanted.pictures).float().mean() > 0.99


def test_units_that_do_not_fit_there_are_halved() -> None:
    """One takes two maps of a megabyte at a time, 512 of them a gigabyte."""
    module = Wide().to(DEVICE)
    made = record(module, torch.rand(1, 3, 128, 128, device=DEVICE))
    units = [unit % 64 for unit in range(512)]
    wanted = reconstruct(made, "head", units[:64], rule="saliency")
    with room(200):
        found = reconstruct(made, "head", units, rule="saliency")
    at_once = found.provenance.at_once
    assert at_once is not None and 1 <= at_once < 512
    for first in range(0, 512, 64):
        assert difference(found.images[first : first + 64], wanted.images) < TOLERANCE


def test_what_does_not_fit_there_at_all_is_told_and_the_next_thing_works() -> None:
    """A pass takes maps of 64 MB, more than lies free in what torch has already."""
    module = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()).to(DEVICE)
    made = record(module, torch.rand(1, 3, 1024, 1024, device=DEVICE))
    wanted = layer_response(made, "1")
    made._kept.clear()
    with room(8):
        told = (
            "^a pass of Sequential over one picture of 1024 × 1024 needs more memory than is free "
            "on cuda:0; take smaller pictures, or load the network with device='cpu'$"
        )
        with pytest.raises(MemoryError, match=told) as raised:
            layer_response(made, "1")
        assert raised.value.__context__ is None
    assert torch.equal(layer_response(made, "1").positions, wanted.positions)
