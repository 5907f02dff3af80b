"""The triplet stepper: nothing before the answer, everything after it, and no answer lost."""

import json
import os

import numpy as np
import pytest
import torch
import traitlets

import cnnwidgets as cw
from cnnwidgets.data import sittings
from cnnwidgets.engines import choices
from cnnwidgets.widgets.scheduler import Lane
from tests.as_found import model_as_found
from tests.widgets.tiny import network, pictures

WORDS = [f"word {n}" for n in range(12)]


def planted(seed: int, objects: int = 12, dimensions: int = 5):
    return np.random.default_rng(seed).gamma(1.0, 1.0, (objects, dimensions)).astype(np.float32)


@pytest.fixture
def features():
    return {"first": planted(1), "second": planted(2)}


@pytest.fixture
def stepper(features, tmp_path):
    """Two agents of planted features, on words; the first stands where people stand."""
    made = made_of(features, folder=tmp_path / "sittings")
    yield made
    made.close()


def made_of(features, *, folder=None, **state):
    return cw.TripletStepper(
        features,
        WORDS,
        people=None,
        sittings=folder,
        seed=4,
        lane=Lane(inline=True, clock=lambda: 0.0),
        **state,
    )


def click(stepper, column: int, rt_ms: int = 700) -> None:
    """Answer as the browser does."""
    view = stepper._panels.triplet
    answer = {"index": column, "trial": view.trial, "rt_ms": rt_ms, "count": view.trial}
    view.set_state({"answered": answer})


def press(stepper, name: str) -> None:
    view = stepper._panels.triplet
    count = view.pressed.get("count", 0) + 1
    view.set_state({"pressed": {"name": name, "trial": view.trial, "count": count}})


def sentence(stepper) -> str:
    return "".join(part["text"] for part in stepper._panels.verdict.parts)


def slow_choice(embedding, shown, temperature=1.0):
    """Probabilities by loops over the three, in float64."""
    rows = [np.asarray(embedding[n], float) for n in shown]
    logits = []
    for column in range(3):
        one, two = (rows[other] for other in range(3) if other != column)
        logits.append(float(sum(a * b for a, b in zip(one, two, strict=True))) / temperature)
    raised = np.exp(np.array(logits) - max(logits))
    return raised / raised.sum()


def test_before_the_answer_nothing_of_the_agents_is_sent(stepper):
    panels = stepper._panels
    assert panels.triplet.names == [*stepper.result.names] and not panels.triplet.locked
    assert panels.triplet.agents == [] and panels.triplet.agent_rows == 2
    assert panels.verdict.parts == [] and all(rows.products.shape == (3, 0) for rows in panels.rows)
    assert all("first" not in alt and "." in alt for alt in panels.triplet.alts)
    state = json.dumps(
        [view.get_state() for view in (panels.triplet, panels.verdict, *panels.rows)], default=str
    )
    for look in stepper.result.shown:
        assert f"{look.probabilities[0]:.6f}"[:6] not in state


def test_after_it_both_agents_are_shown_as_a_slow_computation_has_them(stepper, features):
    click(stepper, 1)
    result, view = stepper.result, stepper._panels.triplet
    assert view.chosen == 1 and view.locked
    for look, agent in zip(result.agents, view.agents, strict=True):
        space = choices.space(features[look.agent.name], measure="cosine").numpy()
        expected = slow_choice(space, result.trial.shown, look.agent.temperature)
        assert np.allclose(agent["values"], expected, atol=1e-5)
        assert agent["takes"] == int(expected.argmax())
        for dimension in look.order[:3]:
            without = np.delete(space, dimension, axis=1)
            left = slow_choice(without, result.trial.shown, look.agent.temperature)
            change = expected[look.takes] - left[look.takes]
            assert float(look.relevance[dimension]) == pytest.approx(change, abs=1e-5)
    odd = result.names[1]
    assert f"you take out the {odd}" in sentence(stepper).lower() or "and" in sentence(stepper)
    assert view.alts[1].startswith(f"{odd}, key 2, your odd one out; first ")


def test_temperature_is_automatic_and_scales(stepper):
    click(stepper, 0)
    before = stepper.result.agents[1]
    stepper.temperature = 2.0
    after = stepper.result.agents[1]
    assert after.agent.temperature == pytest.approx(2 * before.agent.temperature)
    assert stepper.result.trial is not None and stepper._panels.triplet.chosen == 0
    triplets = torch.combinations(torch.arange(12), 3)
    sure = before.agent.probabilities(triplets).amax(1).mean()
    assert float(sure) == pytest.approx(0.65, abs=0.01)
    with pytest.raises(traitlets.TraitError, match=r"from 0.01 to 100 times"):
        stepper.temperature = 0


def test_divergent_triplets_come_in_order_and_never_twice(stepper):
    seen, sure = [], []
    for _ in range(10):
        look = stepper.result
        assert look.trial.order == "most divergent"
        assert look.agents[0].takes != look.agents[1].takes
        seen.append(look.trial.key)
        sure.append(min(max(one.probabilities) for one in look.shown))
        click(stepper, 0)
        press(stepper, "next")
    assert len(set(seen)) == 10


def test_agreeing_and_mistakes(features):
    stepper = made_of(features, order="agreeing")
    look = stepper.result
    assert look.agents[0].takes == look.agents[1].takes
    wrong = (look.agents[0].takes + 1) % 3
    click(stepper, wrong)
    press(stepper, "next")
    click(stepper, stepper.result.agents[0].takes)  # as the first agent does: no mistake
    stepper.order = "my mistakes"
    press(stepper, "next")
    again = stepper.result.trial
    assert (again.key, again.kind, again.order) == (look.trial.key, "repeat", "my mistakes")
    click(stepper, again.shown.index(look.trial.shown[look.agents[0].takes]))
    press(stepper, "next")  # the last answer to it is no mistake any more
    assert stepper.result.trial.order == "random"
    stepper.close()


def test_least_asked_asks_every_pair_before_one_comes_again(features):
    stepper = made_of(features, order="least asked", repeats=0.0, catches=0.0)
    pairs = np.zeros((12, 12), int)
    for _ in range(30):
        shown = stepper.result.trial.shown
        for a in shown:
            for b in shown:
                pairs[a, b] += a != b
        click(stepper, 0)
        press(stepper, "next")
    counts = pairs[np.triu_indices(12, 1)]
    assert counts.max() <= 3 and counts.min() >= 1  # 90 pairs over 66
    stepper.close()


def test_repeats_and_catch_trials_come_in_collecting_orders_only(tmp_path):
    rng = np.random.default_rng(0)
    grouped = cw.ImageSet(
        tuple(f"p{n}" for n in range(9)),
        pictures(9).images,
        tuple(["cat", "dog", "bird"][n // 3] for n in range(9)),
    )
    feature = {"a": rng.random((9, 4)), "b": rng.random((9, 4))}
    stepper = cw.TripletStepper(
        feature, grouped, people=None, sittings=tmp_path, order="random", repeats=0.3, catches=0.3,
        seed=1, lane=Lane(inline=True, clock=lambda: 0.0),
    )  # fmt: skip
    kinds = []
    for _ in range(40):
        trial = stepper.result.trial
        kinds.append(trial.kind)
        if trial.kind == "catch":
            group = [n // 3 for n in trial.shown]
            odd = trial.expected // 3
            assert sorted(map(group.count, set(group))) == [1, 2] and group.count(odd) == 1
        if trial.kind == "repeat":
            earlier = [frozenset(a.shown) for a in stepper.answers]
            assert trial.key in earlier[:-3]
        click(stepper, 0)
        press(stepper, "next")
    assert {"new", "repeat", "catch"} == set(kinds) and kinds.count("catch") > 4
    read = sittings.merge(tmp_path).sittings[0]
    assert read.catches.of == kinds.count("catch") and len(read.answers) == 40
    stepper.close()


def test_a_category_an_object_and_a_word_that_is_neither(tmp_path):
    grouped = cw.ImageSet(
        tuple(f"p{n}" for n in range(9)),
        pictures(9).images,
        tuple(["cat", "dog", "bird"][n // 3] for n in range(9)),
    )
    stepper = cw.TripletStepper(
        {"a": planted(1, 9), "b": planted(2, 9)}, grouped, people=None, sittings=None,
        lane=Lane(inline=True, clock=lambda: 0.0),
    )  # fmt: skip
    stepper.wanted = "dog"
    assert {n // 3 for n in stepper.result.trial.shown} == {1}
    stepper.wanted = "p7"
    assert 7 in stepper.result.trial.shown
    shown = stepper.result.trial
    stepper.wanted = "p77"
    assert stepper.error == "'p77' is no object or category here; did you mean 'p7'?"
    assert stepper.result.trial is shown
    stepper.wanted = ""
    assert stepper.error == ""
    stepper.close()


def test_each_answer_is_on_the_disk_and_undo_takes_it_back(stepper, tmp_path):
    click(stepper, 2, rt_ms=1234)
    (path,) = (tmp_path / "sittings").glob("*.jsonl")
    answer = sittings.read(path).answers[-1]
    assert (answer.odd, answer.rt_ms) == (stepper.result.trial.shown[2], 1234)
    shown, trial = stepper.result.trial.shown, stepper._panels.triplet.trial
    press(stepper, "undo")
    view = stepper._panels.triplet
    assert view.trial != trial and view.chosen == -1 and view.agents == [] and not view.locked
    assert stepper.result.trial.shown == shown and sittings.read(path).answers == ()
    click(stepper, 0)
    assert [a.odd for a in stepper.answers] == [shown[0]]
    press(stepper, "undo")
    press(stepper, "undo")
    assert stepper.error == "there is no answer to take back."


def test_an_answer_to_an_earlier_triplet_and_a_second_one_are_none(stepper):
    view = stepper._panels.triplet
    stale = {"index": 0, "trial": view.trial, "rt_ms": 5, "count": 9}
    press(stepper, "next")
    view.set_state({"answered": stale})
    assert stepper.answers == () and view.chosen == -1
    click(stepper, 0)
    click(stepper, 1)
    assert len(stepper.answers) == 1
    with pytest.raises(ValueError, match="nothing to answer"):
        stepper.take_out(2)


def test_a_dimension_switched_off_in_the_browser_changes_the_verdict(stepper):
    click(stepper, 0)
    rows, look = stepper._panels.rows[0], stepper.result.agents[0]
    other = (look.takes + 1) % 3
    chances = [0.1, 0.1, 0.1]
    chances[other] = 0.8
    rows.set_state({"off": [look.order[0]], "probabilities": chances})
    agent = stepper._panels.triplet.agents[0]
    assert agent["takes"] == other and agent["values"] == chances
    assert "first without one dimension" in sentence(stepper)
    rows.set_state({"off": [], "probabilities": list(look.probabilities)})
    assert stepper._panels.triplet.agents[0]["takes"] == look.takes
    assert "without" not in sentence(stepper)


def test_the_tally_counts_agreement_with_its_interval_and_the_ceiling(features):
    stepper = made_of(features, order="random", repeats=0.0, catches=0.0)
    agreed = 0
    for number in range(20):
        look = stepper.result
        column = look.agents[0].takes if number % 4 else (look.agents[0].takes + 1) % 3
        agreed += number % 4 != 0
        click(stepper, column)
        press(stepper, "next")
    said = "".join(part["text"] for part in stepper._panels.tally.parts)
    assert said.startswith("20 answered") and f"{100 * agreed // 20}" in said
    assert "agree with first (53–89)" in said  # Wilson's interval of 15 in 20
    assert stepper._panels.bounds.value == "chance 33\N{THIN SPACE}%"
    mine = sittings.read(stepper.sitting.log.text())
    for seed in range(2):
        stepper.sitting.bring_in(other_sitting(mine, seed))
    assert "ceiling" in stepper._panels.bounds.value
    assert "leave-one-out" in stepper._panels.bounds.value
    stepper.close()


def other_sitting(mine, seed):
    """Somebody who answers the same triplets, most of them alike."""
    log = sittings.SittingLog(None, set_id=mine.set_id, names=mine.names)
    for number, answer in enumerate(mine.answers):
        odd = answer.odd if (number + seed) % 3 else answer.shown[0]
        log.record(sittings.Answer(answer.shown, odd, 900))
    return log.text()


def test_answers_are_forgotten_only_when_asked_twice(stepper, tmp_path):
    click(stepper, 0)
    fold, first = stepper.sitting.fold, stepper.sitting.log.id
    (path,) = (tmp_path / "sittings").glob("*.jsonl")
    for name in ("forget", "keep", "forget"):
        fold.set_state({"pressed": {"name": name, "count": len(name)}})
        assert path.exists() and len(stepper.answers) == 1
    assert [button["name"] for button in fold.buttons] == ["really", "keep"]
    fold.set_state({"pressed": {"name": "really", "count": 9}})
    assert not path.exists() and stepper.answers == () and stepper.sitting.log.id != first
    assert "forget" in [button["name"] for button in fold.buttons]


def test_files_about_other_objects_and_garbage_are_refused_in_one_sentence(stepper):
    log = sittings.SittingLog(None, set_id="x", names=["a", "b", "<b>c</b>"])
    log.record(sittings.Answer((0, 1, 2), 2, 500))
    for content, expected in ((log.text(), "other objects"), ("garbage", "garbage.jsonl")):
        upload = [{"name": "garbage.jsonl", "content": memoryview(content.encode())}]
        stepper.sitting._brought_in({"new": upload})
        assert expected in stepper.error
    assert stepper.sitting.others == []
    click(stepper, 0)
    assert len(stepper.answers) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(features, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    keeps_the_answer(made_of(features, folder=tmp_path / "closed" / "in"))


def test_a_file_in_place_of_the_folder_is_told_and_the_answer_is_kept(features, tmp_path):
    (tmp_path / "taken").write_text("")
    keeps_the_answer(made_of(features, folder=tmp_path / "taken"))


def keeps_the_answer(stepper) -> None:
    click(stepper, 0)
    assert "1 answer is kept here" in stepper.error and len(stepper.answers) == 1
    assert stepper._panels.triplet.chosen == 0  # and it is revealed all the same
    assert sittings.read(stepper.sitting.log.text()).answers == stepper.answers
    stepper.close()


def test_an_agent_is_exchanged_and_the_answer_stays(features):
    features["third"] = planted(3)
    stepper = made_of(features)
    click(stepper, 2)
    stepper.network = "third"
    assert stepper.result.agents[1].agent.name == "third"
    assert stepper._panels.triplet.agents[1]["name"] == "third" and len(stepper.answers) == 1
    stepper.people = ""
    assert [agent["name"] for agent in stepper._panels.triplet.agents] == ["network"]
    with pytest.raises(traitlets.TraitError, match="'nobody' takes no part"):
        stepper.network = "nobody"
    stepper.close()


def test_objects_that_an_agent_does_not_know_are_not_asked(features):
    features["second"][[1, 4]] = np.nan
    stepper = made_of(features, order="random", repeats=0.0)
    for _ in range(15):
        assert not {1, 4} & set(stepper.result.trial.shown)
        press(stepper, "next")
    stepper.close()


def test_a_network_looks_at_the_pictures_and_says_what_its_layer_does(tmp_path):
    model, images = network(), pictures(8)
    with model_as_found(model.module):
        stepper = cw.TripletStepper(
            [model], images, people=None, sittings=None, lane=Lane(inline=True, clock=lambda: 0.0)
        )
        stepper.wait(60)
        assert (stepper.network, stepper.people) == ("Tiny", "")
        click(stepper, 0)
        look = stepper.result.agents[1]
        seen = model.run(model.preprocess(list(images)), ["5"])["5"].flatten(1)
        space = choices.space(seen, measure="cosine").numpy()
        expected = slow_choice(space, stepper.result.trial.shown, look.agent.temperature)
        assert stepper.layer == "5" and np.allclose(look.probabilities, expected, atol=1e-4)
        stepper.measure = "centred cosine"
        stepper.layer = "6"
        assert stepper.error == ""
        assert stepper.result.agents[1].agent.labels == ("cat", "dog", "bird")
        stepper.close()


def test_the_table_the_script_and_the_picture(features, tmp_path):
    stepper = made_of(features, folder=tmp_path)
    with pytest.raises(RuntimeError, match="nothing is revealed yet"):
        stepper.png()
    assert stepper.to_frame().empty
    click(stepper, 1)
    table = stepper.to_frame()
    look = stepper.result
    assert table["odd"].tolist() == [look.names[1]]
    assert table["second takes out"].tolist() == [look.names[look.agents[1].takes]]
    assert stepper.png().startswith(b"\x89PNG")
    compile(stepper.code(), "script", "exec")
    assert stepper.sitting.csv().count("\n") == 2
    stepper.close()


@pytest.mark.parametrize(
    ("arguments", "kind", "expected"),
    [
        ({"objects": ["a", "b"]}, ValueError, "three objects or more, got 2"),
        ({"objects": ["a", "b", "a"]}, ValueError, "'a' was given twice"),
        ({"networks": {"x": np.zeros((5, 2))}}, ValueError, r"must be \[12, dimensions\]"),
        ({"networks": {"x": np.full((12, 2), np.nan)}}, ValueError, "fewer than three objects"),
        ({"networks": [np.zeros((12, 2))]}, TypeError, "features by their names"),
        ({"networks": {"x": network()}}, ValueError, "looks at pictures"),
        ({"people": "everybody"}, TypeError, "people are Things"),
        ({"sizes": 3}, TypeError, "no trait sizes"),
    ],
)
def test_wrong_arguments(arguments, kind, expected):
    given = {"networks": {"x": planted(0)}, "objects": WORDS, "people": None} | arguments
    with pytest.raises(kind, match=expected):
        cw.TripletStepper(**given)


def test_closing_frees_everything_and_twice_is_harmless(features):
    from ipywidgets.widgets import widget as registry

    before = len(registry._instances)
    stepper = made_of(features)
    made = len(registry._instances)
    for column in (0, 1, 2, 0):
        click(stepper, column)
        press(stepper, "next")
    assert len(registry._instances) == made
    stepper.close()
    stepper.close()
    assert len(registry._instances) == before
