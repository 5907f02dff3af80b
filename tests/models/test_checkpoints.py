"""Checkpoints: each is the network that a plain load gives, and the user's own is untouched."""

import argparse
import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import cnnwidgets as cw
from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.models import Checkpoints, VisionModel, checkpoints, load_checkpoints
from cnnwidgets.models.states import Skeleton
from tests.as_found import model_as_found
from tests.models.hearing import wrapped

ADVICE = r"keep copies: \{k: v.clone\(\) for k, v in model.state_dict\(\).items\(\)\}"


class Net(nn.Module):
    """Batch norm, a buffer that is not saved, and a head tied to the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.again = nn.Conv2d(3, 4, 3, padding=1)
        self.again.weight = self.stem.weight
        self.head = nn.Linear(4, 5)
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x))) + self.again(x) * self.scale
        return self.head(x.mean((2, 3)))


def trained(seed: int) -> dict[str, torch.Tensor]:
    """A state that some training might have left."""
    torch.manual_seed(seed)
    net = Net()
    for _ in range(3):
        net(torch.randn(4, 3, 8, 8))
    return copies(net)


def copies(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def plain(state) -> VisionModel:
    """The network as anybody would load it."""
    net = Net()
    net.load_state_dict(state)
    return wrapped(net, 12)


@pytest.fixture
def model() -> VisionModel:
    torch.manual_seed(99)
    return wrapped(Net(), 12, name="Net", labels=list("abcde"))


@pytest.fixture
def states():
    return [trained(seed) for seed in range(3)]


PICTURE = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(5))


def assert_same(found: VisionModel, wanted: VisionModel) -> None:
    one, other = (record(model, PICTURE) for model in (found, wanted))
    assert torch.equal(one.output, other.output)
    assert torch.equal(one.activation("again"), other.activation("again"))
    made, truth = (reconstruct(r, "again", [1], rule="saliency") for r in (one, other))
    assert torch.equal(made.images, truth.images)
    assert float(made.images.abs().max()) > 0


def test_each_is_the_network_with_that_state(model, states):
    found = load_checkpoints(model, states)
    assert len(found) == 3 and isinstance(found, Checkpoints)
    for one, state in zip(found, states, strict=True):
        assert_same(one, plain(state))
        for layer in ("norm", "head"):
            answer = plain(state).run(PICTURE, layer)[layer]
            assert torch.equal(one.run(PICTURE, layer)[layer], answer)
    assert found.names == ("checkpoint 0", "checkpoint 1", "checkpoint 2")
    assert cw.load_checkpoints is load_checkpoints


def test_it_is_the_same_kind_of_network(model, states):
    one = load_checkpoints(model, {"warm up": states[0], "end": states[1]})["end"]
    assert (one.name, one.checkpoint, model.checkpoint) == ("Net (end)", "end", "")
    assert (one.labels, one.input_shape, one.mean, one.std, one.classes) == (
        *(model.labels, model.input_shape, model.mean, model.std),
        5,
    )
    assert one.layers == model.layers and one.origin is model.origin is model
    assert one.has_head and one.penultimate == model.penultimate
    assert not one.module.training and model.module.training


def test_indices_names_and_slices(model, states):
    found = load_checkpoints(model, dict(zip("abc", states, strict=True)))
    assert found[-1] is found[2] is found["c"] and found[0] is not found[1]
    assert [found.number_of(one) for one in found] == [0, 1, 2]
    assert found.number_of(model) is None
    every_second = found[::2]
    assert every_second.names == ("a", "c")
    assert_same(every_second[1], plain(states[2]))
    with pytest.raises(KeyError, match="no checkpoint is named 'cc'; did you mean 'c'"):
        found["cc"]
    with pytest.raises(IndexError, match="there are 3 checkpoints, 0 to 2; 3 was asked"):
        found[3]


def test_the_user_s_module_is_as_found_and_may_be_trained_meanwhile(model, states):
    module = model.module
    with model_as_found(module):
        found = load_checkpoints(model, states)
        for one in found:
            one.run(PICTURE, "head")
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    going, started = threading.Event(), threading.Event()

    def train() -> None:
        while not going.is_set():
            optimiser.zero_grad()
            module(torch.randn(4, 3, 8, 8)).square().mean().backward()
            optimiser.step()
            started.set()

    thread = threading.Thread(target=train)
    thread.start()
    try:
        assert started.wait(30)
        for one, state in zip(load_checkpoints(model, states), states, strict=True):
            assert_same(one, plain(state))
    finally:
        going.set()
        thread.join(30)
    assert module.training
    alone = Net().state_dict()
    assert module.state_dict().keys() == alone.keys()
    assert module.stem.weight is module.again.weight


def test_hooks_and_swapped_tensors_cannot_reach_the_user_s_module(model, states):
    """load_state_dict would call a hook with the user's module, and may swap its tensors."""
    called = []
    model.module.register_load_state_dict_pre_hook(lambda *given: called.append(given[0]))
    wanted = plain(states[1])
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with model_as_found(model.module):
            assert_same(load_checkpoints(model, states)[1], wanted)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    assert model.module not in called


def test_no_memory_is_taken_where_tensors_fit(model, states):
    one = load_checkpoints(model, states)[0]
    for name, parameter in one.module.named_parameters():
        assert parameter.data_ptr() == states[0][name].data_ptr(), name
        assert not parameter.requires_grad
    assert one.module.stem.weight is one.module.again.weight


def test_number_type_and_place_are_the_model_s(model, states):
    found = load_checkpoints(model, [{n: t.double() for n, t in states[0].items()}, states[1]])
    assert_same(found[0], plain(states[0]))
    assert found[0].dtype == torch.float32
    half = wrapped(Net().to(torch.bfloat16), 12)
    one = load_checkpoints(half, states)[0]
    assert {p.dtype for p in one.module.parameters()} == {torch.bfloat16}
    assert one.module.norm.num_batches_tracked.dtype == torch.int64
    arrays = {name: tensor.numpy() for name, tensor in states[2].items()}
    assert_same(load_checkpoints(model, [arrays])[0], plain(states[2]))
    assert isinstance(arrays["head.bias"], np.ndarray)


def test_a_network_that_is_moved_or_taken_apart_later_breaks_nothing(model, states):
    found = load_checkpoints(model, states)
    first, attached = found[0], found[0].attach("a", at="stem", weight=torch.ones(1, 4))
    first.run(PICTURE, "head")
    model.module.double()
    model.module.head = nn.Linear(4, 9)
    assert first.dtype == attached.dtype == torch.float32
    attached.run(PICTURE, "a")
    for one, state in zip(found, states, strict=True):
        assert_same(one, plain(state))


def test_what_no_state_holds_is_the_model_s_of_that_moment(model, states):
    model.module.scale.fill_(3.0)
    found = load_checkpoints(model, states)
    first = found[0]
    assert float(first.module.scale) == 3
    model.module.scale.fill_(4.0)
    assert float(first.module.scale) == 3


def test_tied_weights_may_be_saved_once_and_old_states_lack_the_counter(model, states):
    lean = {
        name: tensor
        for name, tensor in states[0].items()
        if name not in ("again.weight", "norm.num_batches_tracked")
    }
    assert_same(load_checkpoints(model, [lean])[0], plain(states[0]))
    other = {n: t for n, t in states[0].items() if n != "stem.weight"}
    assert_same(load_checkpoints(model, [other])[0], plain(states[0]))


def test_read_outs_are_kept(model, states):
    weight = torch.randn(2, 4)
    read = model.attach("pair", at=":relu", weight=weight)
    for one, state in zip(load_checkpoints(read, states), states, strict=True):
        answers = one.run(PICTURE, ["pair", ":relu"])
        relu = plain(state).run(PICTURE, ":relu")[":relu"]
        assert torch.allclose(answers["pair"], torch.einsum("nchw,kc->nkhw", relu, weight))
        assert one.layers == read.layers and "pair" in one.layers


def test_attach_and_for_layer_on_a_checkpoint(model, states):
    found = load_checkpoints(model, states)
    first = found[0].attach("a", at="stem", weight=torch.ones(1, 4))
    both = first.attach("b", at="a", weight=torch.full((1, 1), 2.0))
    both = both.attach("c", at="norm", weight=torch.ones(1, 4))
    assert both.module is found[0].module and found.number_of(both) == 0
    assert both.for_layer("stem") is found[0] is both.plain
    assert [r.name for r in both.for_layer("b").read_outs] == ["a", "b"]
    assert both.for_layer("a") is both.for_layer("a") is first
    assert both.for_layer("c") is both.for_layer("c")
    second = found[1].with_read_outs(both.read_outs)
    assert second.layers == both.layers and second.origin is model
    stem = plain(states[1]).run(PICTURE, "stem")["stem"]
    assert torch.allclose(second.run(PICTURE, "b")["b"], 2 * stem.sum(1, keepdim=True), atol=1e-6)


def test_a_plain_model_keeps_what_is_known_of_its_layers(model):
    first = model.attach("a", at="stem", weight=torch.ones(1, 4))
    assert model.plain is model and first.plain is first.origin is model
    assert first.for_layer("norm") is model and first.for_layer("a") is first
    assert model.for_layer("norm") is model


def test_layers_are_told_without_a_pass_while_the_network_is_trained(model, states):
    passes = []
    model.module.stem.register_forward_hook(lambda *_: passes.append(1))
    one, layers = load_checkpoints(model, states)[0], model.layers
    passes.clear()
    with torch.no_grad():
        model.module.stem.weight.mul_(2)
    assert model.layers == one.layers == layers and one.classes == model.classes == 5
    assert passes == []
    model.module.again = nn.Conv2d(3, 4, 5, padding=2)
    assert max(model.layers["again"].field.size) == 5 and passes  # another structure is


# Files


@pytest.fixture
def folder(tmp_path, states):
    torch.save(states[2], tmp_path / "epoch10.pt")
    torch.save({"state_dict": {f"module.{n}": t for n, t in states[1].items()}, "epoch": 2},
               tmp_path / "epoch2.pth")  # fmt: skip
    once = {n: t for n, t in states[0].items() if n != "again.weight"}
    save_file(once, tmp_path / "epoch1.safetensors")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "._epoch3.pt").write_text("nothing")
    return tmp_path


def test_a_folder_is_read_in_natural_order(model, states, folder):
    found = load_checkpoints(model, folder)
    assert found.names == ("epoch1", "epoch2", "epoch10")
    for one, state in zip(found, states, strict=True):
        assert_same(one, plain(state))
    assert found.source == repr(str(folder))


def test_files_in_a_list_or_mapping_and_one_alone(model, states, folder):
    files = [folder / "epoch10.pt", str(folder / "epoch1.safetensors")]
    found = load_checkpoints(model, files)
    assert found.names == ("epoch10", "epoch1")
    assert_same(found[1], plain(states[0]))
    assert eval(found.source) == [str(file) for file in files]
    found = load_checkpoints(model, {"end": files[0], "now": states[1]})
    assert_same(found["end"], plain(states[2]))
    assert found.source is None
    assert load_checkpoints(model, files[1]).names == ("epoch1",)


def test_files_of_one_name_are_told_apart(model, states, tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        torch.save(states[0], tmp_path / place / "last.pt")
    save_file({"x": torch.zeros(1)}, tmp_path / "a" / "last.safetensors")
    assert load_checkpoints(model, tmp_path / "a").names == ("last.pt", "last.safetensors")
    files = [tmp_path / place / "last.pt" for place in ("a", "b")]
    assert load_checkpoints(model, files).names == tuple(file.as_posix() for file in files)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"model": s, "optimizer": {"lr": 0.1}},
        lambda s: {"epoch": 3, "model_state_dict": s},
        lambda s: {"model": {"state_dict": s}},
        lambda s: {f"module.{name}": tensor for name, tensor in s.items()},
        lambda s: {f"_orig_mod.module.{name}": tensor for name, tensor in s.items()},
        lambda s: {**s, "_extra_state": {"any": "thing"}},
    ],
)
def test_what_scripts_wrap_around_a_state_is_taken_off(model, states, wrap, tmp_path):
    torch.save(wrap(states[0]), tmp_path / "a.pt")
    for given in ([wrap(states[0])], tmp_path):
        assert_same(load_checkpoints(model, given)[0], plain(states[0]))


def test_a_network_whose_own_part_is_called_module_keeps_its_names(states):
    outer = nn.Module()
    outer.module = Net()
    outer.forward = lambda x: outer.module(x)
    state = {f"module.{name}": tensor for name, tensor in states[0].items()}
    filled = Skeleton(outer, "Outer").filled(state, "x")
    assert filled.module.stem.weight.equal(states[0]["stem.weight"])


def test_files_are_read_when_they_are_needed_and_a_few_are_kept(
    model, states, tmp_path, monkeypatch
):
    read = []
    true = checkpoints.NamedState.read
    monkeypatch.setattr(
        checkpoints.NamedState, "read", lambda state: read.append(state.name) or true(state)
    )
    for number in range(7):
        torch.save(states[number % 3], tmp_path / f"{number}.pt")
    found = load_checkpoints(model, tmp_path)
    one = found[0]
    assert one.layers == model.layers and one.classes == 5 and "Net (0)" in repr(one)
    attached = one.attach("a", at="stem", weight=torch.ones(1, 4))
    assert attached.layers["a"].shape == (1, 12, 12) and read == []
    attached.run(PICTURE, "a")
    one.run(PICTURE, "head")
    assert read == ["0"]
    del one, attached
    gone = weakref.ref(found[0].module.stem.weight)
    for number in range(7):
        found[number].run(PICTURE, "head")
    assert read == ["0", "1", "2", "3", "4", "5", "6"]
    gc.collect()
    assert gone() is None
    found[6].run(PICTURE, "head")
    found[3].run(PICTURE, "head")
    assert len(read) == 7  # the last four are kept
    found[0].run(PICTURE, "head")
    assert read[7:] == ["0"]


# What is refused


def test_arguments_that_are_refused(model, states, tmp_path):
    with pytest.raises(TypeError, match="model must be a VisionModel, .* got Net"):
        load_checkpoints(model.module, states)
    for nothing in ([], {}):
        with pytest.raises(ValueError, match="at least one state, got none"):
            load_checkpoints(model, nothing)
    with pytest.raises(ValueError, match=r"no checkpoints in '.*': .safetensors, .pt"):
        load_checkpoints(model, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file '.*run' to take checkpoint 'run' from"):
        load_checkpoints(model, tmp_path / "run")
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="'a.npz' is no checkpoint"):
        load_checkpoints(model, [tmp_path / "a.npz"])
    with pytest.raises(TypeError, match=r"got one; put it into a list: \[state\]"):
        load_checkpoints(model, states[0])
    with pytest.raises(TypeError, match="checkpoint 1 must be a state dict or a file, got Net"):
        load_checkpoints(model, [states[0], Net()])
    with pytest.raises(TypeError, match="states must be a list of state dicts .* got int"):
        load_checkpoints(model, 3)
    with pytest.raises(ValueError, match="checkpoint 0 holds a int under 'epoch', where a tensor"):
        load_checkpoints(model, [{**states[0], "epoch": 3}])


def test_states_that_are_one_memory_are_refused(model, states):
    live = model.module.state_dict()
    sentence = "checkpoint 0, checkpoint 1 all share memory with the model's own weights, so they"
    with pytest.raises(ValueError, match=f"{sentence} are all the same; {ADVICE}"):
        load_checkpoints(model, [model.module.state_dict(), live])
    moved = [{n: t.cpu() for n, t in model.module.state_dict().items()} for _ in range(4)]
    with pytest.raises(ValueError, match=f"2, ... all share memory with the model.*{ADVICE}"):
        load_checkpoints(model, moved)
    with pytest.raises(ValueError, match=f"b, c all share memory, so they .*{ADVICE}"):
        load_checkpoints(model, {"a": states[0], "b": states[1], "c": dict(states[1])})


def test_parts_may_be_shared_and_the_network_as_it_is_now_may_be_one_of_them(model, states):
    frozen = {**states[1], "stem.weight": states[0]["stem.weight"]}
    frozen["again.weight"] = frozen["stem.weight"]
    found = load_checkpoints(model, [states[0], frozen, model.module.state_dict()])
    now = copy.deepcopy(model.module)
    with torch.no_grad():
        model.module.head.weight.mul_(-1)
    assert_same(found[1], plain(frozen))
    assert_same(found[2], wrapped(now, 12))


def broken(state, name, value=None):
    changed = {n: t for n, t in state.items() if n != name}
    return changed if value is None else {**changed, name: value}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda s: broken(s, "head.bias"), r"checkpoint 1 lacks 'head.bias' \[5\] of Net$"),
        (
            lambda s: broken(broken(s, "head.bias"), "fc.bias", torch.zeros(5)),
            r"checkpoint 1 lacks 'head.bias' \[5\] of Net and holds 'fc.bias', which is not in it",
        ),
        (lambda s: broken(s, "norm.running_var"), r"lacks 'norm.running_var' \[4\] of Net"),
        (
            lambda s: {**s, "head.biass": torch.zeros(5)},
            "holds 'head.biass', which is not in Net; did you mean 'head.bias'",
        ),
        (
            lambda s: broken(s, "head.weight", torch.zeros(7, 4)),
            r"checkpoint 1 holds 'head.weight' as \[7, 4\], where Net has \[5, 4\]",
        ),
        (
            lambda s: broken(s, "norm.bias", torch.tensor([1.0, torch.nan, 0, 0])),
            "checkpoint 1 holds NaN or infinity in 'norm.bias'; its training had come apart",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_told_when_it_is_run_and_the_others_live(
    model, states, spoil, sentence
):
    found = load_checkpoints(model, [states[0], spoil(states[1]), states[2]])
    bad = found[1]
    assert bad.layers == model.layers
    for _ in range(2):
        with pytest.raises(ValueError, match=sentence):
            bad.run(PICTURE, "head")
    assert_same(found[2], plain(states[2]))


class Danger:
    def __reduce__(self):
        return (print, ("run",))


def test_files_that_cannot_be_read_or_trusted_are_told(model, states, folder, capsys):
    torch.save({"state_dict": states[0], "args": argparse.Namespace(lr=1)}, folder / "a.pt")
    (folder / "b.pt").write_bytes(pickle.dumps({"stem.weight": Danger()}, protocol=2))
    (folder / "c.safetensors").write_bytes((folder / "epoch1.safetensors").read_bytes()[:-40])
    (folder / "d.pt").write_bytes((folder / "epoch10.pt").read_bytes()[:2000])
    (folder / "e.ckpt").write_bytes(b"")
    torch.save([states[0]], folder / "f.pt")
    found = load_checkpoints(model, folder)
    keep = "; keep model.state_dict.. alone, with torch.save or safetensors"
    again = "; save or fetch it again$"
    for name, sentence in {
        "a": rf"a.pt' holds no weights .* \(argparse.Namespace is in it, too\){keep}",
        "b": rf"b.pt' holds no weights .*{keep}",
        "c": rf"c.safetensors' holds no weights .*{again}",
        "d": rf"d.pt' holds no weights .*{again}",
        "e": rf"e.ckpt' holds no weights .* it is empty{again}",
        "f": r"f.pt' must be a dict of tensors, as model.state_dict\(\) gives it, got list",
    }.items():
        with pytest.raises(ValueError, match=sentence) as told:
            found[name].run(PICTURE, "head")
        assert "\n" not in str(told.value)
    assert capsys.readouterr().out == ""
    (folder / "epoch1.safetensors").unlink()
    with pytest.raises(OSError, match="epoch1.safetensors"):
        found["epoch1"].run(PICTURE, "head")
    assert_same(found["epoch10"], plain(states[2]))
