"""The stepper with the real choices of people; skipped where the files are not here."""

import numpy as np
import pytest

import cnnwidgets as cw
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.triplets.test_triplet_stepper import click, press, sentence, slow_choice


@pytest.fixture(scope="module")
def things(shared_data):
    return cw.data.load_things(shared_data / "things", dimensions=49)


def stepper_of(objects, people, networks=(), **state):
    lane = Lane(inline=True, clock=lambda: 0.0)
    return cw.TripletStepper(
        networks, objects, people=people, sittings=None, seed=2, lane=lane, **state
    )


def noise(objects):
    return {"noise": np.random.default_rng(0).random((len(objects), 4))}


def test_what_people_were_really_asked_stands_beside_both_models(things, shared_data):
    other = cw.data.load_things(shared_data / "things", dimensions=66)
    stepper = stepper_of(things, [things, other], order="asked of people")
    assert (stepper.people, stepper.network) == ("SPoSE 49, THINGS", "SPoSE 66, THINGS")
    agree = []
    for _ in range(40):
        click(stepper, 0)
        result, rows = stepper.result, stepper._panels.triplet.agents
        assert result.trial.order == "asked of people" and sum(result.asked) >= 10
        assert rows[0]["name"] == f"{sum(result.asked)} asked"
        shown = [int(things.rows_of([things.ids[n]])[0]) for n in result.trial.shown]
        expected = slow_choice(things.embedding, shown)
        assert np.allclose(rows[1]["values"], expected, atol=1e-5)
        agree.append(np.argmax(result.asked) == result.agents[0].takes)
        press(stepper, "next")
    assert np.mean(agree) > 0.7  # the model follows the most frequent answer; chance is a third
    bounds = stepper._panels.bounds.value
    assert "64\N{THIN SPACE}% leave-one-out, 67\N{THIN SPACE}% plurality" in bounds
    click(stepper, 0)
    assert all(name in sentence(stepper) for name in ("SPoSE 49, THINGS", "SPoSE 66, THINGS"))
    stepper.close()


def test_embedded_objects_are_joined_by_their_names(things):
    images = cw.load_images("objects")[:30]
    stepper = stepper_of(images, things, noise(images))
    click(stepper, 1)
    one = stepper.result.agents[0]
    rows = things.rows_of([images.names[n] for n in stepper.result.trial.shown])
    assert np.allclose(one.probabilities, slow_choice(things.embedding, rows), atol=1e-5)
    assert one.agent.labels == things.labels and stepper._panels.rows[0].kinds == [*things.kinds]
    assert "model of people" in sentence(stepper)
    stepper.close()


def test_objects_that_people_were_never_asked_about_have_no_model(things):
    words = ["glimp", "sprock", "vank", "dubble"]
    stepper = stepper_of(words, things, noise(words))
    assert stepper.people == "" and stepper.network == "noise"
    stepper.close()
