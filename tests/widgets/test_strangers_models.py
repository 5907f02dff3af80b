"""Explorers on networks as strangers bring them: they open and show, or say why in a sentence."""

import pytest
import torch
from ipywidgets.widgets.widget import _instances  # Widget.widgets warns

import cnnwidgets as cw
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets import TuningExplorer, UnitExplorer
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.models.hearing import wrapped
from tests.models.strangers import REFUSED, SIDE, WORKS, Within, tiny
from tests.widgets.tiny import pictures

EXPLORERS = (UnitExplorer, TuningExplorer)


def opened(kind: type, model: VisionModel):
    return kind(model, pictures(1), lane=Lane(inline=True))


def move(explorer) -> None:
    explorer.unit = (explorer.unit + 1) % 3
    explorer._slot.lane.rest()


@pytest.mark.parametrize("brought", REFUSED)
def test_it_is_refused_in_one_sentence_and_leaves_no_widget(brought: str) -> None:
    make, sentence = REFUSED[brought]
    model, before = wrapped(make(), SIDE), set(_instances)
    for kind in EXPLORERS:
        with pytest.raises(Exception, match=sentence) as told:
            opened(kind, model)
        assert "\n" not in str(told.value)
    assert set(_instances) == before


@pytest.mark.parametrize(
    ("kind", "brought"),
    [
        (UnitExplorer, "compiled"),
        (UnitExplorer, "DistributedDataParallel"),
        (UnitExplorer, "spectral norm, in training"),
        (UnitExplorer, "quantised"),
        (TuningExplorer, "float16"),
    ],
)
def test_it_opens_on_what_works_and_leaves_it_as_found(kind: type, brought: str) -> None:
    made, _ = WORKS[brought]()
    with model_as_found(made):
        explorer = opened(kind, wrapped(made, SIDE))
        try:
            for _ in range(2):
                move(explorer)
            assert explorer.error == ""
            assert explorer._status.state in ("ready", "warning")
            assert explorer.result is not None
        finally:
            explorer.close()


@pytest.mark.parametrize("kind", EXPLORERS)
@pytest.mark.parametrize("given", [tiny(), "vgg16", None, 3])
def test_what_is_no_model_is_told(kind: type, given: object) -> None:
    name = type(given).__name__
    with pytest.raises(TypeError, match=f"must be a VisionModel, from load_model or .* got {name}"):
        kind(given)


@pytest.mark.parametrize("kind", EXPLORERS)
def test_a_network_that_breaks_meanwhile_is_told_and_the_explorer_lives(kind: type) -> None:
    failing: list[str] = []

    def forward(within: Within, x: torch.Tensor) -> torch.Tensor:
        if failing:
            raise KeyError(failing[0])
        return within.net(x)

    made = Within(forward)
    explorer = opened(kind, wrapped(made, SIDE))
    try:
        explorer._slot.lane.rest()
        whole = made.net[0].weight.detach().clone()
        with torch.no_grad():
            made.net[0].weight[1, 2, 0, 0] = torch.nan
        move(explorer)
        assert "its 'net.0.weight' holds NaN or infinity in 1 of 108 numbers" in explorer.error
        failing.append("doctor")
        with torch.no_grad():
            made.net[0].weight.copy_(whole)
        move(explorer)
        assert explorer.error == "Within fails on a picture [1, 3, 16, 16] (KeyError: doctor)"
        failing.clear()
        move(explorer)
        assert explorer.error == "" and explorer._status.state in ("ready", "warning")
    finally:
        explorer.close()


def test_a_hostile_checkpoint_is_told_and_the_others_are_shown(tmp_path) -> None:
    net = tiny()
    torch.save(net.state_dict(), tmp_path / "epoch1.pt")
    torch.save({**net.state_dict(), "extra": tiny()}, tmp_path / "epoch2.pt")
    (tmp_path / "epoch3.safetensors").write_bytes((10**18).to_bytes(8, "little") + b"{}")
    explorer = cw.UnitExplorer(
        wrapped(net, SIDE), pictures(1), checkpoints=tmp_path, checkpoint=0, lane=Lane(inline=True)
    )
    try:
        for number, sentence in [(1, "trust=True"), (2, "it is broken, cut short"), (0, "")]:
            explorer.checkpoint = number
            explorer._slot.lane.rest()
            assert sentence in explorer.error and bool(explorer.error) == bool(sentence)
    finally:
        explorer.close()
