"""Long use, many explorers, bursts: nothing is left behind, and the last move is shown.

Ten thousand moves of the unit explorer are in `test_long_runs`. The numbers are logged:
`make test-slow ARGS="-k test_load --log-cli-level=INFO"`.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import cnnwidgets as cw
from cnnwidgets.models import load_model
from cnnwidgets.widgets import at_rest
from cnnwidgets.widgets.explorer import Explorer
from cnnwidgets.widgets.scheduler import Lane, process_lane
from tests.as_found import model_as_found
from tests.widgets.left_behind import Watch
from tests.widgets.tiny import pictures
from tests.widgets.triplets.test_class_board import NAMES, board, planted, sampled, sitting
from tests.widgets.tuning import rig

pytestmark = pytest.mark.slow

ROUND, ROUNDS = 500, 20
ANSWERED = 10
"""Of so many triplets one is answered: what is answered is kept for good."""


def inline() -> Lane:
    """A lane on which every move but the first is a preview, until `rest`."""
    return Lane(inline=True, clock=lambda: 0.0)


def parts(model: cw.VisionModel) -> list[torch.nn.Module]:
    return [model.module, model.twin.module]


def turn(explorer: cw.TuningExplorer, step: int) -> None:
    """Make a round's move of this number: all controls, units, places, layers, and the panels."""
    controls, panels = explorer._controls, explorer._panels
    if step % 25 == 0:
        explorer.layer = ("0", "3", rig.PADDED, rig.VECTOR)[step // 25 % 4]
    units = explorer.selection.current_layer.units
    controls.orientation.set_state({"value": 7 * step % 180})
    moves: list[Callable[[], object]] = [
        lambda: controls.selected.slider.set_state({"value": step % units}),
        lambda: controls.phase.set_state({"value": 11 * step % 360}),
        lambda: controls.contrast.set_state({"value": 10 + step % 90}),
        lambda: setattr(explorer, "frequency", 0.05 + 0.4 * (step % 17) / 17),
        lambda: setattr(explorer, "diameter", (None, 9.0, 20.0)[step % 3]),
        lambda: setattr(explorer, "measure", ("f0", "f1")[step % 2]),
        lambda: setattr(explorer, "colour", ("grey", "red-green")[step // 40 % 2]),
        lambda: panels.picture.set_state({"chosen": {"position": [step % 48, 9], "count": step}}),
        explorer.show_best,
    ]
    moves[step % len(moves)]()


def test_2000_gratings() -> None:
    """Every move is shown, and what follows at rest, with all layers beneath."""
    lane, model = inline(), rig.network()
    with model_as_found(model.module):
        explorer = cw.TuningExplorer(model, pictures(), lane=lane)
        explorer.population.open()
        watch = Watch(parts(model), length=ROUND)
        for _ in range(2000 // ROUND):
            for step in range(ROUND):
                turn(explorer, step % 250)  # twice in a round: once with all layers measured
                assert explorer.error == ""
                if step % 50 == 49:
                    rig.settle(explorer)
                    rig.assert_shows_what_is_asked(explorer)
            explorer.layer, explorer.unit = "0", 1
            explorer.diameter, explorer.colour = None, "grey"
            explorer.show_best()
            rig.settle(explorer)
            watch.end_round()
        explorer.close()


def test_10_000_triplets(tmp_path: Path) -> None:
    """Of pictures, between two networks' features; the answers are all in their file."""
    images, lane = pictures(40), inline()
    features = {"first": planted(40, 20, seed=1), "second": planted(40, 30, seed=2)}
    made = cw.TripletStepper(
        features, images, people=None, sittings=tmp_path / "sittings", seed=4, lane=lane
    )
    watch, given = Watch(length=ROUND), 0
    orders = ("most divergent", "random", "agreeing", "least asked")
    for number in range(ROUNDS):
        for step in range(ROUND):
            if step % 100 == 0:
                made.order = orders[step // 100 % 4]
            if step % 50 == 0:
                made.temperature = 0.5 + step // 50 % 3
            if step % ANSWERED == 0:
                view = made._panels.triplet
                answer = {"index": step % 3, "trial": view.trial, "rt_ms": 700}
                view.set_state({"answered": answer | {"count": number * ROUND + step}})
                given += 1
            made._panels.triplet.set_state(
                {"pressed": {"name": "next", "trial": made._number, "count": made._number}}
            )
            assert made.error == "" and len(set(made.result.names)) == 3
            if step % 50 == 49:
                lane.rest()
        lane.rest()
        watch.end_round()
    assert len(made.answers) == given
    made.close()


def units(folder: Path) -> cw.UnitExplorer:
    return cw.UnitExplorer(load_model("squeezenet1_1", device="cpu"), "photos", lane=inline())


def gratings(folder: Path) -> cw.TuningExplorer:
    return cw.TuningExplorer(rig.network(), pictures(), lane=inline())


def triplets(folder: Path) -> cw.TripletStepper:
    features = {"first": planted(seed=1), "second": planted(seed=2)}
    return cw.TripletStepper(features, NAMES, people=None, sittings=folder, lane=inline())


def a_class(folder: Path) -> cw.ClassBoard:
    return board(folder, planted())


@pytest.mark.parametrize("kind", [units, gratings, triplets, a_class])
def test_100_explorers_are_opened_and_closed(
    kind: Callable[[Path], Explorer], tmp_path: Path
) -> None:
    """Each with a model of its own, shown, and closed: ten are the first round."""
    for person in range(3):
        sitting(tmp_path, sampled(planted(), 60, person))
    watch = Watch(length=10)
    for _ in range(11):
        for _ in range(10):
            explorer = kind(tmp_path)
            explorer._slot.lane.rest()
            assert explorer.error == "" and explorer._shown is not None
            explorer.close()
        del explorer
        watch.end_round()


def test_1000_events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few are answered, the last is shown; again and again in a process with its own worker."""
    monkeypatch.setattr(at_rest, "PAUSE", 0.01)
    model = load_model("squeezenet1_1", device="cpu")
    looks: list[int] = []

    async def scenario() -> None:
        explorer = cw.UnitExplorer(model, "photos", layer="features.9", lane=process_lane())
        explorer.wait(300)
        true = explorer._looks.answer

        def counted(question, *others):
            looks.append(question.unit)
            return true(question, *others)

        explorer._looks.answer = counted
        watch = Watch(parts(model), length=1000)
        for burst in range(20):
            looks.clear()
            for event in range(1000):
                explorer._controls.slider.set_state({"value": (13 * event + burst) % 511})
                if event % 100 == 99:
                    await asyncio.sleep(0)
            last = (13 * 999 + burst) % 511
            explorer.wait(300)
            explorer.top_nine.wait(300)
            logging.getLogger(__name__).info("%d of 1000 events were answered", len(looks))
            assert len(looks) <= 100 and looks[-1] == last
            assert explorer.result.units[0][0] == last == explorer.unit
            assert explorer.error == "" and not explorer.busy
            explorer.unit = burst % 2  # a move that the next burst has not made
            explorer.wait(300)
            explorer.top_nine.wait(300)
            watch.end_round()
        explorer.close()

    asyncio.run(scenario())
