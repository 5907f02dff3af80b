"""One pass whose activations are handed over: the same as everywhere else, and nothing is kept."""

import gc

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.graph import StaleRecordError, capture, derived, reachable, record, visit
from tests.as_found import model_as_found
from tests.graph.networks import Residual, Step, Stress, small


def handed(made, pictures: Tensor, layers) -> dict[str, Tensor]:
    found: dict[str, list[Tensor]] = {}
    visit(
        made, pictures, layers, lambda name, _, act: found.setdefault(name, []).append(act.clone())
    )
    return {name: torch.cat(parts) for name, parts in found.items()}


@pytest.mark.parametrize(
    ("network", "shape"),
    [(small, (3, 32, 32)), (Residual, (3, 24, 24)), (Stress, Stress.picture_shape)],
)
def test_every_layer_is_what_capture_gives(network, shape) -> None:
    module, pictures = network(), torch.randn(3, *shape)
    before = pictures.clone()
    with model_as_found(module):
        made = record(module, pictures[:1])
        layers = reachable(made)
        assert layers == list(made.layers)
        found = handed(made, pictures, layers)
    assert torch.equal(pictures, before)
    assert list(found) == layers or set(found) == set(layers)
    for layer in layers:
        wanted = capture(made.twin, pictures, [layer], made)[layer]
        assert torch.allclose(found[layer], wanted, rtol=1e-5, atol=1e-6), layer


def test_what_is_needed_again_is_not_written_over() -> None:
    """In-place calls on the picture, on what is read again, and on what is not."""

    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.end = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            x.mul_(2)  # the picture itself
            y = x + 1
            return self.end(y.clone().neg_().add_(3).mul_(x).sub_(y))

    pictures = torch.randn(4, 3, 6, 6)
    before = pictures.clone()
    made = record(Reused(), pictures[:1])
    found = handed(made, pictures, reachable(made))
    assert torch.equal(pictures, before)
    x, y = before * 2, before * 2 + 1
    wanted = {":mul": x, ":add": y, ":neg": -y, ":sub": (3 - y) * x - y}
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


def test_pictures_come_one_by_one_where_a_call_may_mix_them() -> None:
    module = Step(lambda x: torch.softmax(x, 0))  # over the pictures of a batch
    pictures = torch.randn(3, 3, 5, 5)
    made = record(module, pictures[:1])
    firsts = []
    found = handed(made, pictures, ["after"])["after"]
    visit(made, pictures, ["after"], lambda _, first, act: firsts.append((first, len(act))))
    assert firsts == [(0, 1), (1, 1), (2, 1)]
    wanted = torch.cat([module(picture[None]) for picture in pictures])
    assert torch.allclose(found, wanted, atol=1e-6)


def test_it_runs_without_grad_and_leaves_the_caller_s_mode() -> None:
    module = small()
    made = record(module, torch.randn(1, 3, 32, 32))
    modes = []
    with torch.enable_grad():
        visit(
            made, torch.randn(2, 3, 32, 32), ["3"], lambda *_: modes.append(torch.is_grad_enabled())
        )
        assert torch.is_grad_enabled()
    assert modes == [False]


def test_random_calls_leave_the_generator_and_others_do_not_rewind_it() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x + torch.rand_like(x))

    pictures = torch.randn(2, 3, 6, 6)
    made = record(Noisy(), pictures[:1])
    state = torch.get_rng_state()
    visit(made, pictures, reachable(made)[-1:], lambda *_: None)
    assert torch.equal(torch.get_rng_state(), state)
    made = record(small(), torch.randn(1, 3, 32, 32))
    drawn = []
    visit(
        made, torch.randn(1, 3, 32, 32), ["1", "4"], lambda *_: drawn.append(torch.rand(1).item())
    )
    assert drawn[0] != drawn[1] != torch.rand(1).item()  # another's draws in between stay drawn


def test_memory_is_that_of_a_pass() -> None:
    module = nn.Sequential(*[nn.Conv2d(4, 4, 3, padding=1) for _ in range(30)])
    pictures = torch.randn(2, 4, 64, 64)
    made = record(module, pictures[:1])
    alive = []

    def count(*_: object) -> None:
        alive.append(sum(t.numel() for t in gc.get_objects() if type(t) is Tensor))

    count()
    visit(made, pictures, reachable(made), count)
    assert max(alive[1:]) - alive[0] <= 3 * pictures.numel()


def test_a_take_that_raises_ends_the_pass() -> None:
    module = small()
    picture = torch.randn(1, 3, 32, 32)
    made = record(module, picture)
    seen = []

    def stop(name: str, *_: object) -> None:
        seen.append(name)
        if name == "3":
            raise KeyError("enough")

    with model_as_found(module), pytest.raises(KeyError, match="enough"):
        visit(made, picture, reachable(made), stop)
    assert seen == ["0", "1", "2", "3"]


def test_refusals() -> None:
    module = small()
    made = record(module, torch.randn(1, 3, 32, 32))
    with pytest.raises(ValueError, match="layer '33' is not in Sequential"):
        visit(made, torch.randn(1, 3, 32, 32), ["33"], lambda *_: None)
    with torch.no_grad():
        module[0].weight.mul_(2)
    with pytest.raises(StaleRecordError, match="weights of Sequential changed"):
        visit(made, torch.randn(1, 3, 32, 32), ["3"], lambda *_: None)

    def through_a_view(x: Tensor) -> Tensor:
        y = x * 2
        y[:, 1] = 0
        return y

    module = Step(through_a_view)
    made = record(module, torch.randn(1, 3, 6, 6))
    assert "after" not in reachable(made) and "before" in reachable(made)
    with pytest.raises(NotImplementedError, match="overwritten through a view"):
        visit(made, torch.randn(1, 3, 6, 6), ["after"], lambda *_: None)


def test_layers_that_mix_pictures_in_one_axis_are_not_reachable() -> None:
    module = Step(lambda x: x.reshape(2, 2, *x.shape[2:]).relu().reshape(x.shape))
    made = record(module, torch.randn(1, 3, 6, 6))
    assert ":relu" not in reachable(made) and "after" in reachable(made)


def test_layers_that_follow_from_others_are_told() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    follow = {"1": (("0",), True), "4": (("3",), True), "8": (("7",), True)}
    assert derived(made, reachable(made)) == follow
    assert derived(made, ["1", "2"]) == {}
    capped = record(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6()), torch.randn(1, 3, 6, 6))
    assert derived(capped, reachable(capped)) == {}
    twice = record(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ReLU()), torch.randn(1, 3, 6, 6))
    assert derived(twice, reachable(twice)) == {"1": (("0",), True), "2": (("1",), True)}
    joins = record(Residual(), torch.randn(1, 3, 16, 16))
    parts = ("fire:relu#2", "fire:relu#3")
    assert derived(joins, reachable(joins))["fire"] == (parts, False)
    rows = record(Step(lambda x: torch.cat([x, x], 2)), torch.randn(1, 3, 6, 6))
    assert derived(rows, reachable(rows)) == {}
    constant = record(
        Step(lambda x: torch.cat([x, torch.ones(1, 1, 6, 6)], 1), out=5), torch.randn(1, 3, 6, 6)
    )
    assert derived(constant, reachable(constant)) == {}
