"""The stepper when things happen at once, again, or not at all."""

import time

import numpy as np
import pytest
import torch
import traitlets

import cnnwidgets as cw
from cnnwidgets.data import sittings
from cnnwidgets.widgets.scheduler import Lane
from tests.widgets.tiny import network, pictures
from tests.widgets.triplets.test_triplet_stepper import (
    WORDS,
    click,
    made_of,
    planted,
    press,
    sentence,
)


@pytest.fixture
def features():
    return {"first": planted(1), "second": planted(2)}


def test_two_asks_at_once_show_the_triplet_that_is_recorded(features, lane):
    """A preview and the exact answer are of one triplet."""
    stepper = cw.TripletStepper(
        features, WORDS, people=None, sittings=None, order="random", lane=lane
    )
    stepper.wait(30)
    for _ in range(6):
        stepper.next()
        time.sleep(0.02)
        stepper.next()
        stepper.temperature = 1.5 if stepper.temperature == 1 else 1.0
        stepper.wait(30)
        shown = [stepper._parties.objects.names[n] for n in stepper._trial.shown]
        assert stepper._panels.triplet.names == shown == list(stepper.result.names)
        assert stepper._panels.triplet.trial == stepper._trial.number
    stepper.close()


def test_a_choice_before_the_first_answer_is_there_keeps_number_and_triplet_together(features):
    stepper = made_of(features)
    for layer in (0.5, 2.0, 1.0):
        stepper._number, stepper._trial = stepper._number + 1, None
        stepper.temperature = layer
        stepper._request()
        assert stepper._panels.triplet.names == list(stepper.result.names)
    stepper.close()


def test_a_second_press_before_the_kernel_answered_is_none(features):
    stepper = made_of(features)
    view = stepper._panels.triplet
    stale = {"name": "next", "trial": view.trial, "count": 1}
    view.set_state({"pressed": stale})
    number = stepper._number
    view.set_state({"pressed": stale | {"count": 2}})
    assert stepper._number == number
    stepper.close()


def test_undo_shows_the_triplet_that_is_taken_back_however_many_there_are(features):
    stepper = made_of(features)
    given = []
    for column in (0, 1, 2):
        given.append(stepper.result.trial.shown)
        click(stepper, column)
        press(stepper, "next")
    for shown in reversed(given):
        press(stepper, "undo")
        assert stepper.result.trial.shown == shown and stepper._panels.triplet.chosen == -1
    assert stepper.answers == ()
    click(stepper, 1)
    assert stepper.answers[0].order == "again"  # what the others take out was seen
    stepper.close()


def test_answers_say_why_their_triplet_was_shown(features, tmp_path):
    stepper = made_of(features, folder=tmp_path)
    for order in ("most divergent", "random", "least asked"):
        stepper.order = order
        press(stepper, "next")
        click(stepper, 0)
    assert [a.order for a in stepper.answers] == ["most divergent", "random", "least asked"]
    assert [a.order for a in sittings.merge(tmp_path).sittings[0].answers] == [
        a.order for a in stepper.answers
    ]
    stepper.close()


def test_an_order_that_cannot_be_had_says_that_it_is_random(features):
    stepper = made_of({"first": features["first"]}, order="most divergent")
    assert stepper.result.trial.order == "random"
    assert "a random one: no “most divergent” one could be had" in stepper._status.text
    with pytest.raises(traitlets.TraitError, match="no triplet is here that people were asked"):
        stepper.order = "asked of people"
    stepper.close()


def test_what_cannot_be_asked_cannot_be_answered(features):
    features["first"][2:] = np.nan  # two are left
    with pytest.raises(ValueError, match="fewer than three objects"):
        made_of(features)
    features["first"] = planted(1)
    features["first"][:6], features["second"][6:10] = np.nan, np.nan  # 10 and 11 in common
    stepper = made_of(features)
    assert "2 objects are left" in stepper.error
    view = stepper._panels.triplet
    assert view.locked and view.message == [stepper.error] and view.names == []
    stepper.people = ""
    assert not view.locked and view.message == [] and len(view.names) == 3
    stepper.close()


def test_ticks_stay_while_the_other_agent_changes_and_go_with_the_triplet(features):
    stepper = made_of(features)
    click(stepper, 0)
    rows, look = stepper._panels.rows[0], stepper.result.agents[0]
    rows.set_state({"off": [3], "probabilities": [0.2, 0.5, 0.3]})
    stepper.temperature = 2.0
    assert rows.off == [3] and "first without one dimension" in sentence(stepper)
    press(stepper, "undo")
    click(stepper, 0)
    assert rows.off == [] and "without" not in sentence(stepper)
    rows.set_state({"off": [3], "probabilities": [0.2, 0.5, 0.3]})  # the same once more
    assert "first without one dimension" in sentence(stepper)
    assert look.agent is stepper.result.agents[0].agent
    stepper.close()


def test_the_table_has_no_choice_of_who_does_not_know_the_objects(features):
    features["odd"] = features.pop("second")
    features["odd"][:4] = np.nan
    stepper = made_of(features, order="random", repeats=0.0)
    stepper.network = ""
    for _ in range(12):
        click(stepper, 0)
        press(stepper, "next")
    stepper.network = "odd"
    table = stepper.to_frame()
    unknown = [min(answer.shown) < 4 for answer in stepper.answers]
    assert table["odd takes out"].isna().tolist() == unknown and any(unknown)
    assert table["odd"].tolist() == [WORDS[answer.odd] for answer in stepper.answers]
    stepper.close()


def test_a_network_that_was_trained_meanwhile_is_looked_at_again():
    model = network()
    stepper = cw.TripletStepper(
        [model], pictures(8), people=None, sittings=None, order="random", seed=0,
        lane=Lane(inline=True, clock=lambda: 0.0),
    )  # fmt: skip
    stepper.wait(60)
    click(stepper, 0)
    before = stepper.result.agents[1].agent
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    press(stepper, "next")
    stepper.wait(60)
    click(stepper, 1)
    after = stepper.result.agents[1].agent
    assert after is not before and not torch.allclose(after.embedding, before.embedding)
    stepper.close()


def test_one_person_s_repeats_make_no_ceiling(features):
    stepper = made_of(features, order="random", repeats=0.9, catches=0.0)
    for _ in range(40):
        click(stepper, 0)
        press(stepper, "next")
    assert sum(answer.kind == "repeat" for answer in stepper.answers) > 5
    assert stepper._panels.bounds.value == "chance 33\N{THIN SPACE}%"
    stepper.close()


@pytest.mark.parametrize(("repeats", "catches"), [(2.0, 0.0), (0.1, -0.5), (0.6, 0.6)])
def test_shares_are_shares(features, repeats, catches):
    with pytest.raises(ValueError, match="shares of all triplets"):
        made_of(features, repeats=repeats, catches=catches)


def test_features_may_come_from_a_table_and_not_from_words(features):
    import pandas

    stepper = made_of({"table": pandas.DataFrame(features["first"]), "b": features["second"]})
    assert stepper.people == "table"
    stepper.close()
    with pytest.raises(TypeError, match="must be numbers"):
        made_of({"a": np.full((12, 2), "x")})
    with pytest.raises(TypeError, match="people are Things"):
        cw.TripletStepper(features, WORDS, people=np.zeros((3, 3)), sittings=None)


def test_a_name_that_no_file_can_hold_is_cleaned_everywhere(features, tmp_path):
    words = [f"half a \udcff{n}" for n in range(12)]
    stepper = cw.TripletStepper(
        features, words, people=None, sittings=tmp_path, lane=Lane(inline=True, clock=lambda: 0.0)
    )
    click(stepper, 0)
    assert stepper.error == "" and "half a ?" in stepper.csv()
    assert len(stepper.sitting.merged().sittings) == 1
    stepper.close()
