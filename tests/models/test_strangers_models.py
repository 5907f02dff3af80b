"""Networks as strangers bring them: exactly right, or refused in one sentence; left as found."""

import contextlib
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record, twin
from cnnwidgets.models import VisionModel, load_checkpoints, wrap_model
from tests.graph.reference import agree
from tests.models.hearing import wrapped
from tests.models.strangers import (
    NO_ANSWER,
    NO_NETWORK,
    REFUSED,
    SIDE,
    WORKS,
    Doubled,
    Within,
    compiled,
    evaluated,
    tiny,
)

AsFound = Callable[[nn.Module], contextlib.AbstractContextManager[None]]
PICTURE = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.parametrize("kind", WORKS)
def test_it_answers_as_the_plain_network_and_is_left_as_found(
    kind: str, model_as_found: AsFound
) -> None:
    made, plain = WORKS[kind]()
    with model_as_found(made):
        model = wrapped(made, SIDE)
        picture = PICTURE.to(model.dtype)
        recorded = record(model, picture)
        with torch.no_grad():
            wanted = plain(picture)
        assert torch.equal(recorded.output, wanted)
        assert model.classes == 3
        assert not any("_orig_mod" in name or "module" in name for name in model.layers)
        if kind == "quantised":
            with pytest.raises(NotImplementedError, match="torch has no derivative of: '5:.*quant"):
                reconstruct(recorded, "", [1], rule="saliency")
            return
        seen = reconstruct(recorded, "", [1], rule="saliency").images[0]
    x = picture.clone().requires_grad_()
    gradient = torch.autograd.grad(plain(x)[0, 1], x)[0][0]
    assert agree(seen, gradient.float(), 1e-2 if picture.dtype.itemsize == 2 else 1e-6)


def test_the_names_of_a_wrapped_network_are_its_own() -> None:
    plain = list(wrapped(tiny(), SIDE).layers)
    wrappers = ("DataParallel", "compiled DataParallel", "made from DataParallel")
    for kind in ("compiled", "a part compiled", *wrappers):
        assert list(wrapped(WORKS[kind]()[0], SIDE).layers) == plain
    assert wrapped(compiled(tiny()), SIDE).name == "Sequential"


def test_a_wrapper_that_runs_otherwise_is_part_of_the_network() -> None:
    net = tiny()
    twice = 2 * evaluated(net)(PICTURE)
    model = wrapped(Doubled(net), SIDE)
    assert torch.equal(record(model, PICTURE).output, twice)
    assert "module.0" in model.layers
    assert torch.equal(wrapped(Doubled(net), SIDE).run(PICTURE, "")[""], twice)


def test_the_compiler_is_not_started() -> None:
    net = tiny()
    with pytest.raises(Exception, match="the compiler was started"):  # the negative control
        compiled(net)(PICTURE)
    for made in (compiled(net), nn.Sequential(compiled(net))):
        assert torch.equal(record(made, PICTURE).output, evaluated(net)(PICTURE))


@pytest.mark.parametrize("kind", NO_ANSWER)
def test_without_an_answer_the_layers_still_work(kind: str, model_as_found: AsFound) -> None:
    net = tiny()
    made = Within(lambda within, x: NO_ANSWER[kind](within.net(x)), net)
    with model_as_found(made):
        model = wrapped(made, SIDE)
        assert (model.classes, model.penultimate) == (0, None)
        with torch.no_grad():
            wanted = evaluated(net)[:3](PICTURE)
        assert torch.equal(record(model, PICTURE).activation("net.2"), wanted)
        assert torch.equal(model.run(PICTURE, "net.2")["net.2"], wanted)


def unsafe(kind: str) -> bool:
    """Whether `model_as_found` itself cannot read the network's numbers."""
    return any(word in kind for word in ("lazy", "meta", "TorchScript", "traced", "sparse"))


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_in_one_sentence_wherever_it_is_asked(
    kind: str, model_as_found: AsFound
) -> None:
    make, sentence = REFUSED[kind]
    made = make()
    ways: list[Callable[[VisionModel], object]] = [
        lambda model: model.layers,
        lambda model: model.run(PICTURE, "0"),
        lambda model: record(model, PICTURE).layer("0"),
    ]
    with contextlib.nullcontext() if unsafe(kind) else model_as_found(made):
        model = wrapped(made, SIDE)
        assert "VisionModel(" in repr(model)
        for ask in ways[:2] if "no layers" in sentence else ways:
            with pytest.raises(Exception, match=sentence) as told:
                ask(model)
            assert "\n" not in str(told.value) and len(str(told.value)) < 500
            assert told.type.__module__ == "builtins"


def test_weights_are_looked_at_once_until_they_are_exchanged_or_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, plain = list[str](), twin.check_weights
    monkeypatch.setattr(
        twin, "check_weights", lambda name, net: (looked.append(name), plain(name, net))[1]
    )
    net = tiny()
    model = wrapped(net, SIDE)
    record(model, PICTURE)
    once = len(looked)
    for _ in range(3):
        record(model, PICTURE)
    assert len(looked) == once > 0
    net[0].weight.data = net[0].weight.data.to(torch.float8_e4m3fn)
    with pytest.raises(ValueError, match=r"holds '0\.weight' as torch\.float8_e4m3fn, in which"):
        record(model, PICTURE)
    net[0].weight = nn.Parameter(torch.empty(4, 3, 3, 3, device="meta"))
    with pytest.raises(ValueError, match=r"no weights yet \('0\.weight' is empty\)"):
        record(model, PICTURE)
    net[0].weight = tiny()[0].weight
    assert torch.equal(record(model, PICTURE).output, evaluated(net)(PICTURE))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["half of it on the GPU", "all of it", "moves its picture"])
def test_networks_on_another_device(kind: str) -> None:
    net = tiny()
    wanted = evaluated(net)(PICTURE)
    if kind == "half of it on the GPU":
        net[5].to("cuda")
        with pytest.raises(RuntimeError, match=r"Sequential fails at '5' on a picture .*cuda"):
            record(net, PICTURE)
        return
    if kind == "all of it":
        net.to("cuda")
        with pytest.raises(RuntimeError, match=r"Sequential fails at '0' on a picture .*cuda"):
            record(net, PICTURE)
        found = record(wrapped(net, SIDE), PICTURE.to("cuda")).output
    else:
        made = Within(lambda within, x: within.net(x.to("cuda")).cpu(), net.to("cuda"))
        found = record(made, PICTURE).output
    assert torch.allclose(found.cpu(), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", NO_NETWORK)
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_what_is_no_network_is_told(kind: str) -> None:
    make, ending = NO_NETWORK[kind]
    with pytest.raises(TypeError, match=r"wrap_model takes a torch.nn.Module, " + ending):
        wrap_model(make(), input_shape=(3, 8, 8), mean=[0] * 3, std=[1] * 3)


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 64)])
def test_what_the_sentence_says_is_what_helps(channels: int, side: int) -> None:
    net = tiny(channels, side)
    with pytest.raises(RuntimeError, match="say so by input_shape in wrap_model"):
        record(wrapped(net, SIDE), PICTURE)
    shape = (channels, side, side)
    model = wrap_model(net, input_shape=shape, mean=[0.5] * channels, std=[0.25] * channels)
    picture = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8).numpy()
    given = model.preprocess([picture])
    assert torch.equal(record(model, given).output, evaluated(net)(given))


def test_random_numbers_are_refused_by_name_and_leave_the_generator() -> None:
    model = wrapped(Within(lambda within, x: within.net(x + torch.randn_like(x))), SIDE)
    made = record(model, PICTURE)
    before = torch.get_rng_state()
    with pytest.raises(NotImplementedError, match="':randn_like' .* draws random numbers"):
        reconstruct(made, "net.2", [1], rule="saliency")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["compiled", "DataParallel", "DistributedDataParallel"])
def test_states_fit_with_the_wrappers_prefix_and_without(kind: str) -> None:
    made, _ = WORKS[kind]()
    model = wrapped(made, SIDE)
    other = tiny()
    with torch.no_grad():
        other[0].weight.mul_(-1)
    inner = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    outer = {name: inner[re.sub("^(module|_orig_mod).", "", name)] for name in made.state_dict()}
    for state in (inner, outer):
        found = record(load_checkpoints(model, [state])[0], PICTURE).output
        assert torch.equal(found, evaluated(other)(PICTURE))
    assert next(iter(outer)) != next(iter(inner))


def test_checkpoints_of_a_network_without_weights_are_refused() -> None:
    for net in (tiny().to("meta"), nn.Sequential(nn.LazyConv2d(4, 3))):
        with pytest.raises(ValueError, match=r"no weights yet \('0.weight' is empty\)"):
            load_checkpoints(wrapped(net, SIDE), [tiny().state_dict()])


def test_what_fails_inside_another_handler_is_told_of_the_right_part() -> None:
    make, sentence = REFUSED["its own error, deep inside"]
    try:
        raise OSError("the caller's own affair")
    except OSError:
        with pytest.raises(RuntimeError, match=sentence) as told:
            record(make(), PICTURE)
    assert isinstance(told.value.__cause__, KeyError)


def _falls_back(within: Within, x: Tensor) -> Tensor:
    """Handles an error of its own, and runs other parts meanwhile, of which some fail."""
    try:
        raise KeyError("no such size")
    except KeyError:
        x = within.net[:3](x)
        return within.net[5](x)


def _fails_again(within: Within, x: Tensor) -> Tensor:
    try:
        return within.net[5](x)
    except RuntimeError:
        within.net[:3](x)
        raise


def _fails_after_all(within: Within, x: Tensor) -> Tensor:
    try:
        raise KeyError("no such size")
    except KeyError:
        within.net[:3](x)
        raise


@pytest.mark.parametrize(
    ("forward", "where"),
    [(_falls_back, " at 'net.5'"), (_fails_again, " at 'net.5'"), (_fails_after_all, "")],
)
def test_what_fails_while_the_network_handles_an_error_of_its_own(
    forward: Callable[[Within, Tensor], Tensor], where: str
) -> None:
    with pytest.raises(RuntimeError, match=rf"Within fails{where} on a picture"):
        record(Within(forward), PICTURE)


def test_a_part_that_failed_and_was_caught_names_nothing_after_it() -> None:
    layers = wrapped(WORKS["catches its own error"]()[0], SIDE).layers
    assert [name for name in layers if ":" in name] == [":mul"]
