"""Two explorers on a network that a user's thread trains meanwhile: neither disturbs the other.

Exact answers are told apart by their state of the weights: all weights are a base times 2^g, where
g grows by one with every step. So each number of a still network is known exactly for every g (a
power of two rounds nothing), and an answer that mixes two states equals none of them.
"""

import copy
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.responses import best_classes, layer_response
from cnnwidgets.graph import StaleRecordError, Twin, record, twin
from cnnwidgets.graph.operations.convolution import Convolution
from cnnwidgets.models import VisionModel, wrap_model
from cnnwidgets.views import TileStrip, words
from cnnwidgets.widgets import UnitExplorer, picture_pass
from cnnwidgets.widgets.top_tiles import TopTiles
from cnnwidgets.widgets.unit_look import UnitLook, UnitLooks
from tests.widgets.owner import PATIENCE
from tests.widgets.tiny import pictures

MOST = 12
"""Doublings after which the weights begin anew; the logits would overflow."""


class Training:
    """A thread that doubles all weights whenever the code under test comes to a planted place.

    The thread that came there waits until the step is done, so that no step is ever half seen.

    Parameters
    ----------
    shares : how often a step is made at each place, from 0 to 1.

    Attributes
    ----------
    steps : how many were made at each place.
    """

    def __init__(self, module: nn.Module, shares: dict[str, float]) -> None:
        self._weights = list(module.parameters())
        self._base = [weight.detach().clone() for weight in self._weights]
        self.shares, self._dice = shares, random.Random(0)
        self._asked, self._made, self._ends = (threading.Event() for _ in range(3))
        self._thread = threading.Thread(target=self._train, daemon=True)
        self.grown, self.steps = 0, dict[str, int]()

    def __enter__(self) -> "Training":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._asked.set()
        self._thread.join(PATIENCE)

    def reach(self, place: str) -> None:
        """Make a step here, as often as the dice say."""
        if not self._ends.is_set() and self._dice.random() < self.shares.get(place, 0):
            self.steps[place] = self.steps.get(place, 0) + 1
            self.step()

    def step(self) -> None:
        """Have the thread make one step, and wait for it."""
        self._made.clear()
        self._asked.set()
        while not (self._made.wait(0.1) or self._ends.is_set()):
            pass

    def _train(self) -> None:
        while self._asked.wait() and not self._ends.is_set():
            self._asked.clear()
            self.grown = (self.grown + 1) % MOST
            with torch.no_grad():
                for weight, base in zip(self._weights, self._base, strict=True):
                    weight.copy_(base * 2.0**self.grown)
            self._made.set()


def homogeneous() -> VisionModel:
    """Without biases: what it answers grows with every layer's weights."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 14 * 14, 3, bias=False),
    ).train()
    with torch.no_grad():
        module[-1].weight.mul_(2.0**-4)
    return wrap_model(
        module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1), labels="abc", name="Grown"
    )


@contextmanager
def stepping(training: Training, module: nn.Module) -> Iterator[None]:
    """Plant the places: in a pass, in a walk, in a fingerprint, in a snapshot."""
    with pytest.MonkeyPatch.context() as patch, training:

        def planted(owner: Any, name: str, place: str) -> None:
            true = getattr(owner, name)

            def reached(*args: Any) -> Any:
                training.reach(place)
                return true(*args)

            patch.setattr(owner, name, reached)

        planted(Convolution, "reverse", "walk")
        planted(twin, "clone", "snapshot")
        true = Twin.named_weights

        def named_weights(self: Twin) -> Iterator[tuple[str, Tensor]]:
            for pair in true(self):
                training.reach("fingerprint")
                yield pair

        patch.setattr(Twin, "named_weights", named_weights)
        handles = [
            module[i].register_forward_hook(lambda *_: training.reach("pass")) for i in (1, 4)
        ]
        yield
        for handle in handles:
            handle.remove()


def at_state(model: VisionModel, grown: int, base: nn.Module) -> VisionModel:
    """Give a still copy of the network after so many doublings."""
    module = copy.deepcopy(base)
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(2.0**grown)
    return wrap_model(
        module, input_shape=model.input_shape, mean=(0, 0, 0), std=(1, 1, 1), name=model.name
    )


class Expected:
    """What a still network answers at each state, made when it is asked for."""

    def __init__(self, model: VisionModel, images: Any) -> None:
        self._base = copy.deepcopy(model.module)
        self._still = [at_state(model, grown, self._base) for grown in range(MOST)]
        self.states = {still.twin.fingerprint(): still for still in self._still}
        self._images = images

    def assert_of_one_state(self, look: UnitLook) -> str:
        """Compare every number of an answer with the network at the one state that it names."""
        made, q = look.reconstruction, look.question
        assert made.provenance.weights in self.states, "no state of the weights is this"
        still = self.states[made.provenance.weights]
        recorded = record(still, still.preprocess([self._images.images[q.picture]]))
        wanted = reconstruct(recorded, q.layer, made.units, rule=q.rule)
        assert torch.equal(made.images, wanted.images)
        assert torch.equal(made.responses, wanted.responses) and made.images.any()
        response = layer_response(recorded, q.layer)
        for name in ("peaks", "positions", "order"):
            assert torch.equal(getattr(look.response, name), getattr(response, name)), name
        assert look.response.provenance.weights == made.provenance.weights
        if look.activation is not None:
            answer = recorded.activation(q.layer)[0, q.unit]
            assert torch.equal(torch.from_numpy(look.activation), answer)
        assert look.classes is not None
        assert torch.equal(look.classes.probabilities, best_classes(recorded).probabilities)
        return made.provenance.weights


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[UnitLook]:
    """Every answer, also those that nobody waits for any more."""
    found: list[UnitLook] = []
    true = UnitLooks.answer

    def answer(self: UnitLooks, *args: Any) -> UnitLook:
        found.append(true(self, *args))
        return found[-1]

    monkeypatch.setattr(UnitLooks, "answer", answer)
    return found


SHARES = {
    # Hashed only where the weights are new, and copied only where they will not stand still.
    "fingerprint": {"walk": 0.1, "fingerprint": 0.7},
    "snapshot": {"pass": 0.8, "snapshot": 0.1},
    "everywhere": {"pass": 0.3, "walk": 0.2, "fingerprint": 0.2, "snapshot": 0.15},
}


@pytest.mark.parametrize("place", SHARES)
def test_every_exact_answer_belongs_to_one_state_of_the_weights(lane, looks, place) -> None:
    model, images = homogeneous(), pictures(4)
    expected = Expected(model, images)
    training, dice = Training(model.module, SHARES[place]), random.Random(1)
    explorers = [UnitExplorer(model, images, layer="4", unit=n, lane=lane) for n in (1, 2)]
    for explorer in explorers:
        explorer.top_nine.wait(PATIENCE)
    looks.clear()
    with stepping(training, model.module):
        for move in range(14):
            for explorer in explorers:
                explorer.selection.choose(
                    layer=("1", "4", "6", "8")[(move + explorer.unit) % 4],
                    unit=dice.randrange(3),
                    picture=dice.randrange(4),
                )
                explorer.rule = ("deconvnet", "saliency", "guided")[move % 3]
            for explorer in explorers:
                explorer.wait(PATIENCE)
                assert explorer.error == "", explorer.error
    assert set(training.steps) == set(SHARES[place])
    exact = [look for look in looks if look.reconstruction.provenance.precision == "float32"]
    states = {expected.assert_of_one_state(look) for look in exact}
    assert len(exact) >= 24 and len(states) > 4
    for explorer in explorers:  # and once it has ended, of the weights as they are
        explorer.selection.choose(layer="6", unit=explorer.unit, picture=0)
        explorer.selection.choose(layer="4", unit=explorer.unit, picture=3)
        explorer.wait(PATIENCE)
        assert explorer.result.provenance.weights == Twin(model.module).fingerprint()
        expected.assert_of_one_state(explorer._shown)
        explorer.close()


@pytest.mark.parametrize("place", ["pass", "walk", "fingerprint"])
def test_engines_give_one_state_or_refuse(place: str) -> None:
    model, images = homogeneous(), pictures(1)
    expected = Expected(model, images)
    picture = model.preprocess([images.images[0]])
    training = Training(model.module, {place: 0.1 if place == "fingerprint" else 0.3})
    answers, refused = 0, 0
    with stepping(training, model.module):
        for trial in range(80):
            training.step()
            made = record(model, picture)
            units, walks = [(trial % 8, 3, 4), 2], trial % 4 < 2
            try:
                if trial % 2:
                    made.fingerprint  # noqa: B018 - known before: then nothing else would notice
                if walks:
                    result = reconstruct(made, "6", units, rule="saliency")
                else:
                    result = layer_response(made, "6")
            except StaleRecordError:
                refused += 1
                continue
            answers += 1
            still = record(expected.states[result.provenance.weights], picture)
            if walks:
                wanted = reconstruct(still, "6", result.units, rule="saliency")
                assert torch.equal(result.images, wanted.images)
                assert torch.equal(result.responses, wanted.responses)
            else:
                assert torch.equal(result.peaks, layer_response(still, "6").peaks)
    assert answers > 5 and refused > 5


@pytest.mark.parametrize("fused", [False, True])
def test_the_step_of_any_optimizer_is_followed(lane, fused: bool) -> None:
    """torch's fused optimizers write weights without counting it."""
    model, images = homogeneous(), pictures(2)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=0.05, fused=fused)
    for weight in model.module.parameters():
        weight.grad = torch.randn_like(weight)
    before = explorer.result
    for unit in (3, 2):
        optimizer.step()
        explorer.unit = unit
        explorer.wait(PATIENCE)
        made = record(copy.deepcopy(model.module), model.preprocess([images.images[0]]))
        wanted = reconstruct(made, "4", [unit])
        assert torch.equal(explorer.result.images, wanted.images)
        assert explorer.result.provenance.weights == wanted.provenance.weights
    assert not torch.equal(explorer.result.images, before.images)
    explorer.close()


def test_after_a_snapshot_the_weights_are_followed_again(lane, monkeypatch) -> None:
    """A snapshot's own weights never change: it must not be taken for the network's."""
    model, images, taken, true = homogeneous(), pictures(1), [], Twin.snapshot
    monkeypatch.setattr(Twin, "snapshot", lambda self: taken.append(self) or true(self))
    expected = Expected(model, images)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer.top_nine.wait(PATIENCE)
    training = Training(model.module, {"pass": 1.0})
    with stepping(training, model.module):
        for unit in (1, 2):
            explorer.unit = unit
            explorer.wait(PATIENCE)
            assert explorer.error == ""
    assert len(taken) >= 2
    expected.assert_of_one_state(explorer._shown)
    taken.clear()
    explorer.unit = 3
    explorer.wait(PATIENCE)
    assert explorer.result.provenance.weights == Twin(model.module).fingerprint()
    assert taken == []  # what stands still is not copied
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.result.provenance.weights == Twin(model.module).fingerprint()
    explorer.close()


def test_top_pictures_of_weights_that_change_are_told(lane) -> None:
    model, images = homogeneous(), pictures(12)
    training = Training(model.module, dict.fromkeys(SHARES["everywhere"], 0.02))
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    told = set()
    with stepping(training, model.module):
        for unit in (0, 1, 3, 4, 6, 7, 1, 2):
            explorer.unit = unit
            explorer.wait(PATIENCE)
            explorer.top_nine.wait(PATIENCE)
            told.update(explorer.top_nine.view.message)
    assert any("weights of Grown changed while the pictures" in text for text in told)
    explorer.unit = 3
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.state == "idle" and explorer.error == ""
    assert explorer.top_nine.result.provenance.weights == Twin(model.module).fingerprint()
    explorer.close()


@pytest.mark.parametrize("place", ["before", "pass", "walk"])
def test_no_tile_is_of_other_weights_than_its_place(lane, monkeypatch, place: str) -> None:
    """The step comes between the look at the index and the tile, or in the middle of the tile."""
    model, images = homogeneous(), pictures(12)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    training, true, true_show = Training(model.module, {}), TopTiles.tile, TileStrip.show_tiles
    fitting, shown, wrong, said = set[str](), list[str](), list[str](), list[str]()

    def tile(self: TopTiles, question: Any, peak: Any, progress: Any) -> Any:
        if not training.steps:
            training.shares = {place: 1.0}
            training.reach("before")
        try:
            found = true(self, question, peak, progress)
        finally:
            training.shares = {}
        # Doubled weights double the response at each of the two convolutions.
        if words.response(peak.value) == found["value"]:
            fitting.add(found["value"])
        return found

    def show_tiles(self: TileStrip, tiles: Any, **state: Any) -> None:
        shown.extend(tile["value"] for tile in tiles if tile)
        wrong.extend(set(shown) - fitting)
        said.extend(state.get("message", []))
        true_show(self, tiles, **state)

    monkeypatch.setattr(TopTiles, "tile", tile)
    monkeypatch.setattr(TileStrip, "show_tiles", show_tiles)
    with stepping(training, model.module):
        explorer.unit = 3
        explorer.wait(PATIENCE)
        explorer.top_nine.wait(PATIENCE)
    assert list(training.steps) == [place]
    assert wrong == said == [] and len(shown) >= 9
    explorer.close()


def test_an_index_of_weights_that_do_not_stand_still_is_refused(
    lane, monkeypatch, tmp_path
) -> None:
    """A record that had to be made of a snapshot says nothing of the network as it is."""
    model, images, true = homogeneous(), pictures(12), picture_pass.record

    def still(model: VisionModel, picture: Tensor) -> Any:
        return true(SimpleNamespace(twin=model.twin.snapshot()), picture)

    monkeypatch.setattr(picture_pass, "record", still)
    explorer = UnitExplorer(model, images, layer="4", unit=2, lane=lane)
    explorer.wait(PATIENCE)
    explorer.top_nine.wait(PATIENCE)
    assert explorer.top_nine.state == "failed" and explorer.top_nine.result is None
    assert "weights of Grown changed while" in explorer.top_nine.view.message[0]
    assert not (tmp_path / "cache" / "results").exists()
    explorer.close()


# The training is undisturbed


class Noisy(nn.Module):
    """Batch norm, dropout, noise: everything that a pass could disturb or be disturbed by."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout2d(0.3)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 16 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.first(x)), inplace=True), 2)
        x = F.relu(self.norm2(self.second(self.drop(x))))
        return self.head(F.dropout(x.flatten(1), 0.5, training=self.training))


def trained(module: nn.Module, steps: int, between: Callable[[int], None]) -> dict[str, Any]:
    """Train, and give all that this left behind, bit for bit."""
    torch.manual_seed(7)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for step in range(steps):
        pictures = torch.rand(8, 3, 32, 32) + 0.1 * torch.randn(8, 1, 1, 1)
        classes = torch.randint(0, 3, (8,))
        loss = F.cross_entropy(module(pictures), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        between(step)
    tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    return {
        "losses": losses,
        **tensors,
        **{f"gradient of {name}": weight.grad for name, weight in module.named_parameters()},
        "random state": torch.get_rng_state(),
        "modes": [part.training for part in module.modules()],
        "attributes": [sorted(part.__dict__) for part in module.modules()],
        "hooks": [len(part._forward_hooks) for part in module.modules()],
    }


def test_a_training_meanwhile_is_undisturbed_to_the_last_bit(lane) -> None:
    steps, images = 60, pictures(4)
    torch.manual_seed(0)
    module = Noisy().train()
    alone = trained(copy.deepcopy(module), steps, lambda _: None)
    model = wrap_model(module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1), name="Noisy")
    explorers = [UnitExplorer(model, images, layer="norm2", unit=n, lane=lane) for n in (1, 2)]
    for explorer in explorers:
        explorer.wait(PATIENCE)
    found, ended = [], threading.Event()
    moved = threading.Semaphore(0)

    def train() -> None:
        try:  # at least as many moves as steps, whoever is faster
            found.append(trained(module, steps, lambda _: moved.acquire(timeout=PATIENCE)))
        finally:
            ended.set()

    thread, moves = threading.Thread(target=train), 0
    thread.start()
    while not ended.is_set():
        for explorer in explorers:
            explorer.selection.choose(
                layer=("first", "norm2", "head")[moves % 3], unit=moves % 3, picture=moves % 4
            )
        moved.release()
        moves += 1
        if moves % 4 == 0:
            for explorer in explorers:
                explorer.wait(PATIENCE)
                assert explorer.error == "", explorer.error
    thread.join(PATIENCE)
    assert moves >= steps
    (beside,) = found
    assert beside.keys() == alone.keys()
    for name, wanted in alone.items():
        same = torch.equal(beside[name], wanted) if isinstance(wanted, Tensor) else None
        assert same if same is not None else beside[name] == wanted, name
    for unit, explorer in enumerate(explorers):
        explorer.selection.choose(layer="norm2", unit=unit, picture=0)
        explorer.wait(PATIENCE)
        still = copy.deepcopy(module).eval()
        wanted = reconstruct(record(still, model.preprocess([images.images[0]])), "norm2", [unit])
        assert torch.equal(explorer.result.images, wanted.images)
        assert explorer.result.provenance.weights == wanted.provenance.weights
        explorer.close()


def test_what_a_training_draws_while_a_picture_is_recorded_is_drawn_once() -> None:
    """Setting the random state back around a whole pass would undo what others drew meanwhile."""
    module, inside, drawn = Noisy().eval(), threading.Event(), threading.Event()
    torch.manual_seed(3)
    wanted = [torch.rand(2) for _ in range(4)]

    def hold(*_: object) -> None:
        inside.set()
        assert drawn.wait(PATIENCE)

    module.second.register_forward_hook(hold)
    picture = torch.zeros(1, 3, 32, 32)
    torch.manual_seed(3)
    for ask in (
        lambda: record(module, picture),
        lambda: wrap_model(module, input_shape=(3, 32, 32), mean=(0, 0, 0), std=(1, 1, 1)).run(
            picture, "head"
        ),
    ):
        torch.manual_seed(3)
        inside.clear()
        drawn.clear()
        thread = threading.Thread(target=ask)
        thread.start()
        assert inside.wait(PATIENCE)
        found = [torch.rand(2) for _ in range(2)]
        drawn.set()
        thread.join(PATIENCE)
        found += [torch.rand(2) for _ in range(2)]
        assert torch.equal(torch.stack(found), torch.stack(wanted))
