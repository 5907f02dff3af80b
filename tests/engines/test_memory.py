"""What does not fit into memory is halved, loses nothing, and says so; else one sentence."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cnnwidgets.data import load_images
from cnnwidgets.engines import strongest
from cnnwidgets.engines.deconv import Reconstruction, reconstruct
from cnnwidgets.engines.memory import Portions, fitted
from cnnwidgets.engines.responses import best_classes, layer_response, strongest_position
from cnnwidgets.engines.top_images import TopImages, TopImagesAccumulator, top_images
from cnnwidgets.graph import Record, record
from cnnwidgets.graph.operations.convolution import Convolution
from tests.engines.test_top_images import collected, same, whole_numbers
from tests.graph.networks import small
from tests.widgets.tiny import network, pictures

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
# As torch says it: an error of its own, or a plain one of the CPU, of Apple's GPU, of cuBLAS.
SHORTAGES = {
    "cuda": torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "cpu": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "numpy": MemoryError("Unable to allocate 3.00 GiB for an array"),
}


class Crowded:
    """Stands for a call that needs memory for each of several things, and raises above a limit."""

    def __init__(self, true: Callable[..., Any], size: Callable[..., int], limit: int) -> None:
        self.true, self.size, self.limit = true, size, limit
        self.sizes: list[int] = []
        self.allocated: list[weakref.ref[Tensor]] = []

    def __call__(self, *args: Any) -> Any:
        assert all(tensor() is None for tensor in self.allocated), "memory of a failure is held"
        self.sizes.append(self.size(*args))
        if self.sizes[-1] > self.limit:
            before = torch.ones(4)  # what had been allocated when it failed
            self.allocated.append(weakref.ref(before))
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return self.true(*args)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Crowded]:
    """Give a function that crowds a method for the rest of the test."""

    def crowd(owner: Any, name: str, size: Callable[..., int], limit: int) -> Crowded:
        crowded = Crowded(getattr(owner, name), size, limit)
        monkeypatch.setattr(owner, name, lambda *args: crowded(*args))
        return crowded

    return crowd


def walks(crowd: Callable[..., Crowded], limit: int) -> Crowded:
    """Let a step in the middle of the reverse walk fail for more than so many units."""
    return crowd(Convolution, "reverse", lambda _, windows, *__: len(windows.values), limit)


@pytest.fixture
def made() -> Record:
    """Every sum is exact in it, whatever its order."""
    return record(whole_numbers(small()), torch.randint(0, 3, (1, 3, 32, 32)).float())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 17])
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_nothing_is_lost_or_done_twice_and_the_order_stays(count: int, limit: int) -> None:
    portions, done, asked = Portions(), [], []

    def work(part: slice) -> int:
        asked.append(part.stop - part.start)
        if asked[-1] > limit:
            raise torch.cuda.OutOfMemoryError("no room")
        return part.start * part.stop

    for _ in range(2):
        for part, answer in portions.each(count, work, "one", CPU):
            assert answer == part.start * part.stop
            done += range(count)[part]
    assert done == [*range(count)] * 2
    assert (portions.largest is None) == (count <= limit)
    # After the first halvings nothing is asked for that is known not to fit.
    fails = [size for size in asked if size > limit]
    assert len(fails) <= count.bit_length() and all(asked[i] == n for i, n in enumerate(fails))


@pytest.mark.parametrize("error", SHORTAGES.values(), ids=SHORTAGES)
def test_whatever_torch_calls_it(error: BaseException) -> None:
    def work(part: slice) -> None:
        if part.stop - part.start > 1:
            raise error

    portions = Portions()
    assert len(list(portions.each(3, work, "one", CPU))) == 3 and portions.largest == 1


def test_other_errors_are_no_shortage() -> None:
    def work(part: slice) -> None:
        raise RuntimeError("sizes of tensors must match")

    with pytest.raises(RuntimeError, match="sizes of tensors"):
        list(Portions().each(4, work, "one", CPU))
    with pytest.raises(RuntimeError, match="sizes of tensors"):
        fitted(lambda: work(slice(1)), "one", CPU)


def test_what_does_not_fit_at_all_is_told_with_what_to_do() -> None:
    def work(_: slice) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    on_gpu = (
        "^one unit needs more memory than is free on cuda:0; take smaller pictures, "
        "or load the network with device='cpu'$"
    )
    with pytest.raises(MemoryError, match=on_gpu) as raised:
        list(Portions().each(4, work, "one unit", GPU))
    # The error of torch would hold, with its traceback, what was allocated.
    assert raised.value.__context__ is None and raised.value.__cause__ is None
    with pytest.raises(MemoryError, match=r"free on cpu; take smaller pictures$") as raised:
        fitted(lambda: work(slice(1)), "one unit", CPU)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("rule", ["deconvnet", "saliency", "guided"])
def test_units_that_do_not_fit_at_once_are_carried_back_in_parts(
    made: Record, crowd: Callable[..., Crowded], rule: str
) -> None:
    units = [(channel, row, 2) for channel in range(6) for row in (0, 3, 6)]
    whole = reconstruct(made, "3", units, rule=rule)
    assert whole.provenance.at_once is None
    crowded = walks(crowd, limit=5)
    halved = reconstruct(made, "3", units, rule=rule)
    assert crowded.sizes[:3] == [18, 9, 4] and set(crowded.sizes[3:]) == {4, 2}
    assert halved.units == whole.units and halved.images.any()
    for name in ("images", "boxes", "responses"):
        assert torch.equal(getattr(halved, name), getattr(whole, name)), name
    assert halved.provenance.at_once == 4


def test_vector_layers_are_halved_too(made: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnwidgets.engines import deconv

    whole, true = reconstruct(made, "9", range(5), rule="guided"), deconv.reverse

    def crowded(made: Record, layer: str, units: Any, *args: Any, **options: Any) -> Any:
        if len(units) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return true(made, layer, units, *args, **options)

    monkeypatch.setattr(deconv, "reverse", crowded)
    halved = reconstruct(made, "9", range(5), rule="guided")
    assert torch.equal(halved.images, whole.images) and halved.provenance.at_once == 1


def test_one_unit_that_does_not_fit_is_told(made: Record, crowd: Callable[..., Crowded]) -> None:
    walks(crowd, limit=0)
    with pytest.raises(
        MemoryError,
        match="^one unit of '3' carried back to a picture of 32 × 32 needs more memory than is "
        "free on cpu; take smaller pictures$",
    ):
        reconstruct(made, "3", [0, 1, 2])


def test_too_many_canvases_are_told(made: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Tensor:
        raise SHORTAGES["cpu"]

    monkeypatch.setattr(torch, "zeros", full)
    with pytest.raises(
        MemoryError,
        match="^3 times a picture of 32 × 32 needs more memory than is free on cpu; "
        "ask for fewer units at once$",
    ):
        reconstruct(made, "3", [0, 1, 2])


def test_a_pass_that_does_not_fit_is_told(made: Record, crowd: Callable[..., Crowded]) -> None:
    crowd(Record, "activation", lambda *_: 1, limit=0)
    told = "^a pass of Sequential over one picture of 32 × 32 needs more memory than is free on cpu"
    for ask in (
        lambda: layer_response(made, "3"),
        lambda: strongest_position(made, "3", 1),
        lambda: reconstruct(made, "3", [1]),
    ):
        with pytest.raises(MemoryError, match=told):
            ask()
    assert best_classes(made).count == 5  # needs no pass


def test_pictures_that_do_not_fit_at_once_are_taken_in_in_parts(
    crowd: Callable[..., Crowded],
) -> None:
    module = whole_numbers(small())
    batch = torch.randint(0, 3, (21, 3, 32, 32)).float()
    whole = collected(module, [batch])
    assert whole.provenance.at_once is None
    crowded = crowd(strongest, "visit", lambda _, batch, *__: len(batch), limit=3)
    found = TopImagesAccumulator(module)
    found.update(batch[:12])
    found.update(batch[12:])
    assert crowded.sizes == [12, 6, 3, 3, 3, 3, 3, 3, 3]
    halved = found.result()
    assert same(halved, whole) and halved.provenance.at_once == found.at_once == 3


def test_a_shortage_in_the_middle_of_a_pass_leaves_nothing_half_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = whole_numbers(small())
    batch = torch.randint(0, 3, (9, 3, 32, 32)).float()
    whole, true, calls = collected(module, [batch]), strongest._peaks, []

    def crowded(activation: Tensor) -> Any:
        calls.append(len(activation))
        if len(activation) > 2 and len(calls) % 4 == 0:  # some layers were handed over already
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return true(activation)

    monkeypatch.setattr(strongest, "_peaks", crowded)
    found = TopImagesAccumulator(module)
    found.update(batch)
    assert same(found.result(), whole) and found.at_once == 2


def test_one_picture_that_does_not_fit_is_told_and_what_was_found_stays(
    crowd: Callable[..., Crowded],
) -> None:
    module = whole_numbers(small())
    batch = torch.randint(0, 3, (6, 3, 32, 32)).float()
    found = TopImagesAccumulator(module)
    found.update(batch[:4])
    before = found.result()
    crowded = crowd(strongest, "visit", lambda _, batch, *__: len(batch), limit=0)
    told = "^one picture of 32 × 32 needs more memory than is free on cpu; take smaller pictures$"
    with pytest.raises(MemoryError, match=told):
        found.update(batch[4:])
    assert same(found.result(), before) and found.count == 4
    crowded.limit = 1
    found.update(batch[4:])
    assert same(found.result(), collected(module, [batch]))


def test_the_first_pass_over_a_picture_may_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def crowded(*_: Any) -> Record:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(strongest, "record", crowded)
    with pytest.raises(MemoryError, match="^one picture of 32 × 32 needs more memory"):
        TopImagesAccumulator(small()).update(torch.rand(2, 3, 32, 32))


def test_accumulators_that_are_merged_tell_the_smaller_number(
    crowd: Callable[..., Crowded],
) -> None:
    module = whole_numbers(small())
    batch = torch.randint(0, 3, (12, 3, 32, 32)).float()
    crowded = crowd(strongest, "visit", lambda _, batch, *__: len(batch), limit=3)
    parts = [TopImagesAccumulator(module) for _ in range(3)]
    parts[0].update(batch[:6], range(6))
    crowded.limit = 100
    parts[1].update(batch[6:9], range(6, 9))
    crowded.limit = 1
    parts[2].update(batch[9:], range(9, 12))
    for other in parts[1:]:
        parts[0].merge(other)
    assert parts[0].result().provenance.at_once == 1


def test_progress_goes_on(crowd: Callable[..., Crowded]) -> None:
    model, images, reports = network(), pictures(13), []
    whole = top_images(model, images)
    crowd(strongest, "visit", lambda _, batch, *__: len(batch), limit=2)
    halved = top_images(model, images, progress=lambda *step: reports.append(step))
    assert torch.equal(halved.pictures, whole.pictures) and halved.provenance.at_once == 2
    assert torch.allclose(halved.values, whole.values, atol=1e-5)
    assert reports == sorted(reports) and reports[-1] == (13, 13)
    assert {done for done, _ in reports} >= {0, 2, 4, 6, 8, 10, 12}


def test_how_many_at_once_is_kept_with_the_result(
    made: Record, crowd: Callable[..., Crowded], tmp_path: Any
) -> None:
    walks(crowd, limit=2)
    halved = reconstruct(made, "3", range(6))
    loaded = Reconstruction.load(halved.save(tmp_path / "units.safetensors"))
    assert loaded.provenance == halved.provenance and loaded.provenance.at_once == 1
    crowd(strongest, "visit", lambda _, batch, *__: len(batch), limit=4)
    found = top_images(network(), load_images("photos"))
    kept = TopImages.load(found.save(tmp_path / "top.safetensors"))
    assert kept.provenance.at_once == found.provenance.at_once == 4
