"""Ten thousand moves over networks, layers, units and pictures leave nothing behind.

The numbers are logged: `make test-slow ARGS="-k long_runs --log-cli-level=INFO"`.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import torch

from cnnwidgets.data import load_images
from cnnwidgets.models import VisionModel, load_model, wrap_model
from cnnwidgets.widgets import UnitExplorer, at_rest, unit_look
from cnnwidgets.widgets.scheduler import Lane, process_lane
from tests.as_found import model_as_found
from tests.graph.networks import Residual
from tests.widgets.left_behind import Watch

pytestmark = pytest.mark.slow

ROUND, ROUNDS = 500, 20

ORDER = (0, 2, 1, 2, 2)
"""Whose turn it is: the small network is quick, and the large ones see every layer in a round."""

RULES = ("deconvnet", "saliency", "guided")


def networks() -> list[VisionModel]:
    torch.manual_seed(0)
    residual = wrap_model(
        Residual().eval(), input_shape=(3, 32, 32), mean=(0.5,) * 3, std=(1,) * 3, name="Residual"
    )
    return [load_model(name, device="cpu") for name in ("squeezenet1_1", "alexnet")] + [residual]


@contextmanager
def explorers(lane: Lane) -> Iterator[list[UnitExplorer]]:
    """Give an explorer of each network; the networks must be left bit for bit as found."""
    models, images = networks(), load_images("photos")
    with ExitStack() as stack:
        for model in models:
            assert model.layers  # sets torch's threads, once in a process
            stack.enter_context(model_as_found(model.module))
        made = [UnitExplorer(model, images, lane=lane) for model in models]
        made[2].rule_grid.view.opened = True
        yield made
        for explorer in made:
            assert explorer.error == ""
            explorer.close()


def move(step: int, among: list[UnitExplorer]) -> UnitExplorer:
    """Make a round's move of this number: each network through all its layers, and all else."""
    time, turn = divmod(step % ROUND, len(ORDER))
    explorer, step = among[ORDER[turn]], step % ROUND if ORDER[turn] == 2 else time
    layers = list(explorer.selection.model.layers)
    explorer.layer = layers[step % len(layers)]
    if step % 5 == 0:
        explorer.picture = step // 5 % 10
    if step % 7 == 0:
        explorer.rule = RULES[step // 7 % 3]
    if step % 11 == 0:
        explorer.colour = step // 11 % 2 == 0
    units = explorer.selection.current_layer.units
    for unit in (17 * step % units, (17 * step + 1) % units):
        explorer._controls.slider.set_state({"value": unit})
    if step % 13 == 0 and explorer.selection.current_layer.spatial:
        explorer._panels.picture.set_state({"chosen": {"position": [0, 0], "count": 1 + step}})
    return explorer


def go_home(explorer: UnitExplorer, settle: object) -> None:
    """Look at one unit in the same four pictures, which are the records that are kept then."""
    explorer.rule, explorer.colour = "deconvnet", True
    layer = [name for name, layer in explorer.selection.model.layers.items() if layer.spatial][-1]
    for picture in (0, 1, 2, 3):
        explorer.selection.choose(layer=layer, unit=1, picture=picture)
        settle()


def watch_over(among: list[UnitExplorer]) -> Watch:
    selections = [explorer.selection for explorer in among]
    modules = [part for s in selections for part in (s.model.module, s.model.twin.module)]
    return Watch(modules, length=ROUND)


def test_10_000_moves_inline(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Every move is answered: by a preview, of a slow layer in bfloat16, and exactly at rest."""
    monkeypatch.setattr(unit_look, "SLOW", 0)  # all layers are, on every machine
    monkeypatch.setattr(unit_look, "preview_dtype", lambda device: torch.bfloat16)
    lane = Lane(inline=True, clock=lambda: 0.0)
    with explorers(lane) as among:
        watch, answered = watch_over(among), 0
        for _ in range(ROUNDS):
            for step in range(ROUND):
                explorer = move(step, among)
                assert explorer._shown.question.unit == explorer.unit
                answered += 1
                if step % 50 == 49:
                    lane.rest()
                    assert explorer.result.units[0][0] == explorer.unit
            for explorer in among:
                go_home(explorer, lane.rest)
            watch.end_round()
        assert answered == ROUND * ROUNDS == 10_000


def test_10_000_moves_through_the_worker_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a kernel: on a loop, most moves are overtaken, and the last one is right."""
    monkeypatch.setattr(unit_look, "SLOW", math.inf)  # what is overtaken depends on the machine
    monkeypatch.setattr(at_rest, "PAUSE", 0.01)

    async def scenario() -> None:
        with explorers(process_lane()) as among:
            watch = watch_over(among)

            def settle() -> None:
                for explorer in among:
                    explorer.wait(300)
                    explorer.top_nine.wait(300)
                    explorer.rule_grid.wait(300)

            for number in range(ROUNDS):
                for step in range(ROUND):
                    explorer = move(step, among)
                    await asyncio.sleep(0)
                    if number == 0:  # so that every layer has been seen once
                        explorer.wait(300)
                    elif step % 50 == 49:
                        explorer.wait(300)
                        assert explorer.result.units[0][0] == explorer.unit
                    elif step % 10 == 9:
                        await asyncio.sleep(0.05)
                for explorer in among:
                    go_home(explorer, settle)
                watch.end_round()

    asyncio.run(scenario())
