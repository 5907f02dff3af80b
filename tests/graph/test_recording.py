"""What a record holds and tells; many of them, from many threads, leave nothing behind."""

import gc
import threading

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import Twin, record
from cnnwidgets.models import wrap_model
from tests.graph.networks import Residual, Step, small


def test_a_record_does_not_hold_on_to_the_callers_picture() -> None:
    picture = torch.randn(1, 3, 32, 32)
    made = record(small(), picture)
    image = reconstruct(made, "9", [1]).images
    picture.zero_()
    assert made.picture.abs().max() > 0
    assert torch.equal(reconstruct(made, "9", [1]).images, image)


def test_records_of_one_network_from_several_threads() -> None:
    net = Residual()
    model = wrap_model(net, input_shape=(3, 16, 16), mean=[0] * 3, std=[1] * 3)
    pictures = [torch.randn(1, 3, 16, 16) for _ in range(8)]
    wanted = [record(model, picture) for picture in pictures]
    found: dict[int, object] = {}

    def work(i: int) -> None:
        made = record(model, pictures[i])
        image = reconstruct(made, "fire", [(1, 4, 4)]).images
        run = model.run(pictures[i], ["blocks.0.relu#2", "fire"])
        found[i] = (list(made.layers), made.output, image, run["fire"])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, made in enumerate(wanted):
        names, output, image, fire = found[i]
        assert names == list(made.layers)
        assert torch.equal(output, made.output)
        assert torch.equal(image, reconstruct(made, "fire", [(1, 4, 4)]).images)
        assert torch.equal(fire, made.activation("fire"))


def _counts(net: nn.Module) -> tuple[int, int]:
    gc.collect()
    tensors = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
    hooks = sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in net.modules())
    return tensors, hooks


def test_three_hundred_records_leave_nothing_behind() -> None:
    net = small()
    twin = Twin(net)
    model = wrap_model(net, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)

    def work() -> None:
        made = record(model, torch.randn(1, 3, 32, 32))
        reconstruct(made, "3", [(0, 3, 3)], rule="guided")
        made.activation("7")
        model.run(made.picture, ["3"])
        record(net, made.picture)

    for _ in range(5):
        work()
    copies = model.twin.module, net, twin.module
    before = [*map(_counts, copies)]
    for _ in range(300):
        work()
    assert [*map(_counts, copies)] == before


def test_the_memory_of_a_record_is_told_and_flat() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    empty = made.nbytes
    picture, output = 3 * 32 * 32 * 4, 5 * 4
    signs, switches = 8 * 16 * 16 + 6 * 7 * 7 + 7, 8 * 7 * 7 + 6 * 3 * 3
    assert empty == picture + output + signs + switches
    reconstruct(made, "3", [1])
    full = made.nbytes
    assert full == empty + 6 * 7 * 7 * 4
    for _ in range(20):
        reconstruct(made, "3", [2], rule="saliency")
    assert made.nbytes == full


def test_networks_that_answer_with_more_than_one_tensor() -> None:
    class Two(nn.Module):
        def __init__(self, kind: type) -> None:
            super().__init__()
            self.conv, self.kind = nn.Conv2d(3, 4, 3), kind

        def forward(self, x: Tensor) -> object:
            y = self.conv(x)
            return {"a": y, "b": x} if self.kind is dict else self.kind([y, x])

    for kind in (dict, list, tuple):
        made = record(Two(kind), torch.randn(1, 3, 8, 8))
        assert made.answer == ("a" if kind is dict else "0")
        assert torch.equal(made.output, made.activation("conv"))
        assert list(made.layers) == ["conv"]
        assert reconstruct(made, "conv", [1]).images.any()


def test_step_is_recorded_however_its_function_is_held() -> None:
    net = Step(nn.Sequential(nn.ReLU(), nn.Dropout(0.9)))
    assert list(record(net, torch.zeros(1, 3, 4, 4)).layers) == [
        "before",
        "function.0",
        "function.1",
        "after",
    ]


def test_a_view_taken_after_an_in_place_call_is_known() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)
    )
    plain = nn.Sequential(net[0], nn.ReLU(), net[2], net[3])
    picture = torch.randn(1, 3, 8, 8)
    made, wanted = record(net, picture), record(plain, picture)
    assert list(made.layers) == list(wanted.layers) == ["0", "1", "2", "3"]
    for rule in ("deconvnet", "saliency", "guided"):
        images = [reconstruct(found, "3", [2], rule=rule).images for found in (made, wanted)]
        assert images[0].any() and torch.equal(*images)


def test_a_view_is_lost_once_its_base_is_written() -> None:
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            flat = x.view(1, 4, 6, 6)
            x.relu_()
            return flat + 1

    made = record(Written(), torch.randn(1, 3, 8, 8))
    with pytest.raises(NotImplementedError, match="overwritten through a view"):
        reconstruct(made, ":add", [(0, 1, 1)])
