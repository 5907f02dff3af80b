"""The strongest pictures of every unit: planted ones, a slow search, any split, what is refused."""

import gc
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.data import load_images
from cnnwidgets.engines.pace import pictures_at_once
from cnnwidgets.engines.top_images import (
    TopImages,
    TopImagesAccumulator,
    top_images,
)
from cnnwidgets.graph import StaleRecordError, Twin, capture, record
from cnnwidgets.models import load_model, wrap_model
from tests.as_found import model_as_found
from tests.graph.networks import Residual, Step, small
from tests.widgets.tiny import network


def collected(model: Any, batches: Any, **options: Any) -> TopImages:
    found = TopImagesAccumulator(model, **options)
    for batch in batches:
        found.update(batch)
    return found.result()


def whole_numbers(module: nn.Module) -> nn.Module:
    """Make every sum exact, whatever its order: many pictures then tie."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randint(-2, 3, weight.shape))
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 0.0
    return module.eval()


def searched(module: nn.Module, pictures: Tensor, layer: str, k: int) -> list[list[tuple]]:
    """Give (picture, value, row, column) of every unit, strongest first: by sorting everything."""
    record_of_first = record(module, pictures[:1])
    maps = [
        capture(record_of_first.twin, picture[None], [layer], record_of_first)[layer][0]
        for picture in pictures
    ]
    units = []
    for unit in range(len(maps[0])):
        entries = []
        for number, answer in enumerate(maps):
            plane = answer[unit].double().reshape(-1, answer.shape[-1] if answer.dim() == 3 else 1)
            row, column = np.unravel_index(int(np.argmax(plane.numpy())), plane.shape)
            entries.append((-float(plane.max()), number, int(row), int(column)))
        best = sorted(entries)[:k]
        units.append([(number, -value, row, column) for value, number, row, column in best])
    return units


def assert_found(result: TopImages, module: nn.Module, pictures: Tensor, k: int = 9) -> None:
    for layer, units in zip(result.layers, result.units, strict=True):
        wanted = searched(module, pictures, layer, k)
        assert units == len(wanted)
        for unit, best in enumerate(wanted):
            got = [(p.picture, p.value, *p.position) for p in result.best(layer, unit)]
            assert got == best, (layer, unit)


def same(one: TopImages, other: TopImages) -> bool:
    names = ("values", "pictures", "positions")
    plain = (one.layers, one.units, one.starts, one.count)
    return plain == (other.layers, other.units, other.starts, other.count) and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in names
    )


def test_planted_spots_are_found_where_they_stand() -> None:
    """Unit c answers to colour c; each picture has one spot of a colour and a strength."""
    eye = nn.Conv2d(3, 3, 1, bias=False)
    eye.weight.data.copy_(torch.eye(3)[:, :, None, None])
    pictures = torch.zeros(12, 3, 8, 9)
    spots = {}
    for number in range(12):
        colour, row, column = number % 3, number % 8, (5 * number) % 9
        pictures[number, colour, row, column] = 1 + (7 * number) % 12
        spots[number] = (colour, row, column)
    result = collected(nn.Sequential(eye), pictures.split(5), k=3)
    for unit in range(3):
        own = sorted((n for n in range(12) if n % 3 == unit), key=lambda n: -((7 * n) % 12))[:3]
        best = result.best("0", unit)
        assert [peak.picture for peak in best] == own
        assert [peak.value for peak in best] == [1 + (7 * n) % 12 for n in own]
        assert [peak.position for peak in best] == [spots[n][1:] for n in own]


@pytest.mark.parametrize(
    ("build", "shape"), [(small, (3, 32, 32)), (Residual, (3, 16, 16))], ids=["small", "residual"]
)
def test_the_same_as_sorting_all_activations(build: Any, shape: tuple[int, ...]) -> None:
    """In-place rectifiers, joins, functional calls, vector layers; many exact ties."""
    module = whole_numbers(build())
    pictures = torch.randint(0, 3, (23, *shape)).float()
    pictures[11] = pictures[4]  # equal in every layer
    result = collected(module, pictures.split(4))
    assert len(result.layers) == len(record(module, pictures[:1]).layers)
    assert_found(result, module, pictures)


def test_a_network_of_real_numbers_agrees_within_rounding() -> None:
    module, pictures = small().eval(), torch.randn(30, 3, 32, 32)
    result = collected(module, pictures.split(7))
    made = record(module, pictures[:1])
    for layer in result.layers:
        maps = capture(made.twin, pictures, [layer], made)[layer]
        peaks = maps.reshape(*maps.shape[:2], -1).amax(2)
        values = peaks.sort(0, descending=True).values[:9].T
        for unit in range(len(values)):
            best = result.best(layer, unit)
            assert [p.value for p in best] == pytest.approx(values[unit].tolist(), abs=1e-5)
            for peak in best:
                plane = maps[peak.picture, unit].reshape(
                    -1, maps.shape[-1] if maps.dim() == 4 else 1
                )
                assert float(plane[peak.position]) == pytest.approx(peak.value, abs=1e-5)


def test_the_same_whatever_the_split() -> None:
    module = whole_numbers(small())
    pictures = torch.randint(0, 3, (40, 3, 32, 32)).float()
    whole = collected(module, [pictures])
    for split in (1, 3, 17):
        assert same(collected(module, pictures.split(split)), whole)
    dice = np.random.default_rng(0)
    for _ in range(4):  # parts that were seen elsewhere, merged in any order
        parts = []
        for numbers in np.array_split(dice.permutation(40), 5):
            part, own = TopImagesAccumulator(module), sorted(numbers.tolist())
            for some in (own[:3], own[3:]):
                part.update(pictures[some], some)
            parts.append(part)
        first, *others = [parts[i] for i in dice.permutation(5)]
        for other in others:
            first.merge(other)
        assert same(first.result(), whole)


def test_merging_with_one_that_has_seen_nothing() -> None:
    module = whole_numbers(small())
    pictures = torch.randint(0, 3, (6, 3, 32, 32)).float()
    whole = collected(module, [pictures])
    full, empty = TopImagesAccumulator(module), TopImagesAccumulator(module)
    full.update(pictures)
    full.merge(empty)
    assert same(full.result(), whole)
    empty.merge(full)
    assert same(empty.result(), whole)
    full.update(pictures[:1], [9])
    assert same(empty.result(), whole)  # nothing is shared


def test_fewer_pictures_than_k_and_one_alone() -> None:
    module = whole_numbers(small())
    pictures = torch.randint(0, 3, (2, 3, 32, 32)).float()
    for count in (1, 2):
        result = collected(module, [pictures[:count]])
        assert result.values.shape[1] == result.count == count
        assert_found(result, module, pictures[:count])


def test_nan_never_counts() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Hardtanh(-9, 9), nn.Conv2d(1, 1, 1))
    module[0].weight.data.fill_(1)
    pictures = torch.zeros(4, 1, 3, 3)
    pictures[1, 0, 1, 1] = 5
    pictures[2, 0, 0, 0] = torch.nan
    pictures[2, 0, 2, 2] = 8
    result = collected(module, pictures.split(2))
    assert [p.picture for p in result.best("0", 0)] == [1, 0, 3]
    assert result.pictures[0].tolist() == [1, 0, 3, -1]
    assert result.values[0, 3] == -torch.inf


def test_layers_that_are_one_tensor_share_rows() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.Identity(), nn.Conv2d(4, 2, 3))
    result = collected(module, torch.randn(5, 3, 8, 8).split(2))
    assert result.layers == ("0", "1", "2", "3")
    assert result.starts == (0, 0, 0, 4) and len(result.values) == 6
    assert result.best("2", 3) == result.best("0", 3)


def test_pictures_one_by_one_where_a_call_may_mix_them() -> None:
    module = whole_numbers(Step(lambda x: nn.functional.gelu(x - x.mean(0, keepdim=True))))
    pictures = torch.randint(0, 3, (7, 3, 6, 6)).float()
    assert_found(collected(module, pictures.split(3)), module, pictures)


def test_channels_last_and_half_precision() -> None:
    module = whole_numbers(small())
    pictures = torch.randint(0, 3, (12, 3, 32, 32)).float()
    whole = collected(module, [pictures])
    turned = pictures.to(memory_format=torch.channels_last)
    module.to(memory_format=torch.channels_last)
    assert same(collected(module, turned.split(5)), whole)
    halved = collected(small().bfloat16(), pictures.bfloat16().split(5))
    assert halved.values.dtype == torch.float32
    assert halved.provenance.precision == "float32"


def test_memory_is_flat_in_the_number_of_pictures() -> None:
    module = small().eval()
    found = TopImagesAccumulator(module)

    def after(count: int) -> int:
        for _ in range(count):
            found.update(torch.randn(4, 3, 32, 32))
        gc.collect()
        return sum(t.nbytes for t in gc.get_objects() if issubclass(type(t), Tensor))

    assert after(3) == after(30)


def test_a_batch_that_is_stopped_is_not_in() -> None:
    module = whole_numbers(small())
    pictures = torch.randint(0, 3, (12, 3, 32, 32)).float()
    whole = collected(module, [pictures])
    found, steps = TopImagesAccumulator(module), []
    with model_as_found(module):
        found.update(pictures[:5])
        before = found.result()

        def stop() -> None:
            steps.append(1)
            if len(steps) == 4:
                raise InterruptedError("stop")

        with pytest.raises(InterruptedError, match="stop"):
            found.update(pictures[5:], between=stop)
        assert same(found.result(), before) and found.count == 5
        found.update(pictures[5:], between=lambda: steps.append(1))
    assert len(steps) > 8  # between the layers
    assert same(found.result(), whole)


def test_weights_that_change_are_noticed() -> None:
    module = small()
    found = TopImagesAccumulator(module)
    found.update(torch.randn(2, 3, 32, 32))
    before = found.result()

    def train() -> None:
        with torch.no_grad():
            module[7].weight.mul_(1.5)

    with pytest.raises(StaleRecordError, match="weights of Sequential changed"):
        found.update(torch.randn(2, 3, 32, 32), between=train)  # in the middle of a pass
    with pytest.raises(StaleRecordError, match="weights of Sequential changed"):
        found.update(torch.randn(2, 3, 32, 32))
    assert torch.equal(found.result().values, before.values)


def test_refusals() -> None:
    module, pictures = small(), torch.randn(3, 3, 32, 32)
    found = TopImagesAccumulator(module)
    with pytest.raises(ValueError, match="top images need at least one picture, got none"):
        found.result()
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        TopImagesAccumulator(module, k=0)
    found.update(pictures)
    for wrong in ([5, 4, 6], [2, 3, 4], [3, 4]):
        with pytest.raises(ValueError, match="numbers must be 3 ascending ones above 2"):
            found.update(pictures, wrong)
    with pytest.raises(ValueError, match="layer '33' is not in Sequential"):
        collected(module, [pictures], layers=["33"])
    mixed = Step(lambda x: x.reshape(2, 2, *x.shape[2:]).relu().reshape(x.shape))
    with pytest.raises(ValueError, match="layer ':relu' mixes pictures in one axis"):
        collected(mixed, [pictures], layers=[":relu"])
    with pytest.raises(ValueError, match="of the same layers and the same k"):
        found.merge(TopImagesAccumulator(module, k=3))
    other = TopImagesAccumulator(small())
    other.update(pictures, [7, 8, 9])
    with pytest.raises(ValueError, match="of one network and its weights"):
        found.merge(other)
    result = found.result()
    with pytest.raises(ValueError, match=r"layer '33' is not among .*; did you mean '3'"):
        result.best("33", 0)
    with pytest.raises(ValueError, match="3 has 6 units, 0 to 5; 6 was asked"):
        result.best("3", 6)


def test_a_set_of_pictures_in_one_call() -> None:
    model, images = network(), load_images("photos")
    reports = []
    with model_as_found(model.module):
        result = top_images(model, images, progress=lambda *step: reports.append(step))
    assert (result.count, result.layers) == (10, tuple(model.layers))
    assert reports[0] == (0, 10) and reports[-1] == (10, 10) and reports == sorted(reports)
    assert len(reports) > 10
    shown = model.preprocess(list(images.images))
    peaks = model.run(shown, "4")["4"].flatten(2).amax(2)
    assert [p.picture for p in result.best("4", 2)] == peaks[:, 2].argsort(descending=True)[
        :9
    ].tolist()
    some = top_images(model, iter(images), ["4"], k=2)
    assert some.layers == ("4",) and some.values.shape == (8, 2)
    with pytest.raises(ValueError, match="at least one picture"):
        top_images(model, [])
    with pytest.raises(InterruptedError, match="stop"):
        top_images(model, images, progress=_stop_at_four)


def _stop_at_four(done: int, _: int) -> None:
    if done >= 4:
        raise InterruptedError("stop")


def test_read_outs_are_layers_too() -> None:
    model = network()
    weight = torch.randn(2, 8)
    model = model.attach("mine", at="4", weight=weight)
    images = load_images("photos")
    result = top_images(model, images)
    shown = model.preprocess(list(images.images))
    peaks = model.run(shown, "mine")["mine"].flatten(2).amax(2)
    assert [p.picture for p in result.best("mine", 1)] == peaks[:, 1].argsort(descending=True)[
        :9
    ].tolist()


def test_batches_are_small_where_calls_are_long() -> None:
    assert pictures_at_once(network()) == 8
    assert pictures_at_once(load_model("squeezenet1_1", device="cpu")) == 8
    second = nn.Conv2d(64, 64, 3, padding=1)  # VGG16's: the longest call there is in common nets
    module = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), second)
    model = wrap_model(module, input_shape=(3, 224, 224), mean=(0, 0, 0), std=(1, 1, 1))
    assert pictures_at_once(model) == 1
    bare = wrap_model(nn.Conv2d(3, 4, 3), input_shape=(3, 8, 8), mean=(0, 0, 0), std=(1, 1, 1))
    assert pictures_at_once(bare) == 8


def test_a_result_is_data(tmp_path: Any) -> None:
    module = small()
    result = collected(module, torch.randn(12, 3, 32, 32).split(4), k=2)
    loaded = TopImages.load(result.save(tmp_path / "top.safetensors"))
    assert same(loaded, result)
    assert loaded.provenance == result.provenance
    assert result.provenance.weights == Twin(module).fingerprint()
    table = result.to_frame()
    assert list(table.columns) == ["layer", "unit", "rank", "picture", "value", "row", "column"]
    row = table[(table.layer == "3") & (table.unit == 4) & (table["rank"] == 1)].iloc[0]
    peak = result.best("3", 4)[1]
    assert (row.picture, row.value, row.row, row.column) == (
        peak.picture,
        peak.value,
        *peak.position,
    )
    assert len(table) == 2 * sum(result.units)
