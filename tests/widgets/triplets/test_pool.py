"""Which triplets come: within the filter, repeats told as such, catch trials beyond doubt."""

import itertools
from math import comb

import numpy as np
import pytest
import torch

import cnnwidgets as cw
from cnnwidgets.data.sittings import Answer
from cnnwidgets.widgets.triplets import drawn_triplets
from cnnwidgets.widgets.triplets.agents import Agent, PeopleSource, Setting
from cnnwidgets.widgets.triplets.objects import Objects, objects_of
from cnnwidgets.widgets.triplets.pool import ASKED, ORDERS, TripletPool

NOTHING = torch.zeros(0, 3)


def objects(groups):
    names = tuple(f"o{n}" for n in range(len(groups)))
    return Objects(names, None, tuple(tuple(g.split()) for g in groups), names, None)


def agent(embedding, name="net", *, people=False):
    rows = torch.as_tensor(np.asarray(embedding), dtype=torch.float32)
    known = torch.ones(len(rows), dtype=torch.bool)
    title = "model of people" if people else name
    return Agent(name, title, rows, known, 1.0, ("",) * rows.shape[1])


def pool(of, agents=(), seed=0, **more):
    return TripletPool(of, agents, generator=torch.Generator().manual_seed(seed), **more)


def answer(shown, odd=None, kind="new"):
    return Answer(tuple(shown), shown[0] if odd is None else odd, 900, kind)


def test_pairs_with_a_held_object_are_different_and_drawn_alike(monkeypatch):
    monkeypatch.setattr(drawn_triplets, "SIZE", 500)
    times = np.zeros(201, int)
    for seed in range(40):  # 200 others: 19,900 pairs, of which no list is made
        made = pool(objects([""] * 201), wanted="o7", seed=seed)
        rows = [frozenset(row) for row in made.triplets.tolist()]
        assert len(rows) == len(set(rows)) == 500
        assert all(len(row) == 3 and 7 in row for row in rows)
        np.add.at(times, made.triplets[:, 1:].flatten().numpy(), 1)
    others = np.delete(times, 7)
    assert times[7] == 0 and others.sum() == 40_000
    assert others.min() > 150 and others.max() < 250  # 200 each, standard deviation 14
    assert 11 < others.std() < 17


def test_a_held_object_among_very_many_takes_little_memory(monkeypatch):
    monkeypatch.setattr(torch, "combinations", None)
    made = pool(objects([""] * 40_000), wanted="o3")
    assert made.triplets.shape == (60_000, 3) and bool((made.triplets == 3).any(1).all())
    trial = made.next("least asked", 1, (), NOTHING)
    assert trial.order == "random" and 3 in trial.shown


def test_all_pairs_with_a_held_object_come_where_they_are_few():
    made = pool(objects([""] * 9), wanted="o4")
    assert len({frozenset(row) for row in made.triplets.tolist()}) == len(made.triplets) == 28


@pytest.mark.parametrize("wanted", ["o5", "cat"])
def test_repeats_mistakes_and_the_least_asked_keep_to_the_filter(wanted):
    of = objects(["cat"] * 6 + ["dog"] * 6)
    made = pool(of, [agent(np.random.default_rng(0).random((12, 3)))], wanted=wanted)
    trios = [*itertools.combinations(range(12), 3)]
    np.random.default_rng(1).shuffle(trios)
    answers = [answer([int(n) for n in trio]) for trio in trios[:150]]

    def fits(key):
        return 5 in key if wanted == "o5" else max(key) < 6

    assert sum(fits(a.shown) for a in answers) < 60
    for _ in range(60):
        assert fits(made.repeat(1, answers, "random").shown)
        found = made.next("my mistakes", 1, answers, NOTHING)
        assert fits(found.shown) and (found.kind, found.order) == ("repeat", "my mistakes")
        assert fits(made.next("least asked", 1, answers, NOTHING).shown)
    assert made.repeat(1, [a for a in answers if not fits(a.shown)], "random") is None


def test_the_least_asked_with_a_held_object_come_evenly():
    made, answers = pool(objects([""] * 9), wanted="o4"), []
    for number in range(comb(8, 2)):
        trial = made.next("least asked", number, answers, NOTHING)
        assert (trial.kind, trial.order) == ("new", "least asked")
        answers.append(answer(trial.shown))
        if number == 11:
            times = np.bincount(np.array([a.shown for a in answers]).flatten(), minlength=9)
            assert sorted(times) == [3] * 8 + [12]
    assert len({frozenset(a.shown) for a in answers}) == 28
    assert made.next("least asked", 99, answers, NOTHING).kind == "repeat"


def test_objects_that_an_agent_does_not_know_are_not_repeated():
    known = agent(np.random.default_rng(0).random((8, 3)))
    known.known[6:] = False
    made = pool(objects(["cat"] * 4 + ["dog"] * 4), [known])
    answers = [answer((0, 1, 6)), answer((2, 3, 7)), *[answer((0, 1, 2), kind="catch")] * 3]
    assert made.repeat(1, answers, "random") is None
    for _ in range(40):
        assert max(made.catch(1, "random").shown) < 6


@pytest.mark.parametrize("order", [*ORDERS, ASKED])
def test_a_used_up_order_is_random_and_what_comes_again_a_repeat(order):
    rng = np.random.default_rng(0)
    asked = [frozenset((0, 1, 2)), frozenset((0, 1, 9))]
    agents = [agent(3 * rng.random((5, 3))), agent(3 * rng.random((5, 3)), "other")]
    made, answers, kinds = pool(objects([""] * 5), agents, asked=asked), [], []
    for number in range(14):
        trial = made.next(order, number, answers, NOTHING)
        seen = trial.key in {frozenset(a.shown) for a in answers}
        assert trial.kind == ("repeat" if seen else "new")
        if order == ASKED:
            assert trial.order == (ASKED if number == 0 else "random")
        elif order == "most divergent":
            assert trial.order == (order if trial.kind == "new" and trial.order != "random"
                                   else "random")  # fmt: skip
        elif order == "my mistakes":
            row = torch.tensor([trial.shown])
            if trial.order == order:
                last = [a for a in answers if frozenset(a.shown) == trial.key][-1]
                takes = trial.shown[int(agents[0].probabilities(row).argmax())]
                assert last.odd != takes
            else:
                assert trial.order == "random"
        kinds.append(trial.kind)
        takes = agents[0].probabilities(torch.tensor([trial.shown])).argmax()
        answers.append(answer(trial.shown, trial.shown[int(takes)]))
    assert kinds == ["new"] * 10 + ["repeat"] * 4
    last = made.next(order, 99, answers, NOTHING)
    assert last.order == (order if order in ("least asked", "random") else "random")


def test_catch_trials_are_of_categories_that_have_nothing_in_common():
    of = objects(["cat", "cat", "cat pet", "cat pet", "dog", "dog", "", "", "pet", "pet"])
    drawn = [pool(of, seed=seed).catch(1, "random") for seed in range(300)]
    for trial in drawn:
        one, two = (n for n in trial.shown if n != trial.expected)
        assert of.groups[one] == of.groups[two] != ()
        odd = of.groups[trial.expected]
        assert odd and not {*odd} & {*of.groups[one]}
        assert (trial.kind, trial.order) == ("catch", "random")
    assert {trial.expected for trial in drawn} == {0, 1, 2, 3, 4, 5, 8, 9}
    assert pool(objects(["cat"] * 4 + [""] * 4)).catch(1, "random") is None
    assert pool(of, wanted="pet").catch(1, "random") is None  # all three are of one category


def test_catch_trials_hold_the_wanted_object_on_either_side():
    of = objects(["cat"] * 4 + ["dog"] * 4 + [""])
    made = pool(of, wanted="o5")
    drawn = [made.catch(1, "random") for _ in range(60)]
    assert all(5 in trial.shown for trial in drawn)
    assert {trial.expected == 5 for trial in drawn} == {True, False}
    assert pool(of, wanted="o8").catch(1, "random") is None


def test_a_model_of_people_has_to_be_sure_of_a_catch_trial():
    of = objects(["cat"] * 4 + ["dog"] * 4)
    rows = np.zeros((8, 3))
    rows[:4, 0] = rows[4:, 1] = [2, 2, 2, 0]  # the last of each kind is like nothing
    people = agent(rows, people=True)
    for agents in ([people], [agent(np.ones((8, 3))), people]):
        made = pool(of, agents)
        drawn = [made.catch(1, "random") for _ in range(60)]
        pairs = [{n for n in trial.shown if n != trial.expected} for trial in drawn]
        assert all(not pair & {3, 7} for pair in pairs)
        assert {trial.expected for trial in drawn} == set(range(8))
    assert pool(of, [agent(np.ones((8, 3)), people=True)]).catch(1, "random") is None
    assert pool(of, [agent(np.ones((8, 3)))]).catch(1, "random") is not None


def test_real_people_take_out_what_is_expected(shared_data):
    things = cw.data.load_things(shared_data / "things", dimensions=49)
    of = objects_of(things)
    people = PeopleSource(things, of).agent(Setting(), lambda *_: None)
    made = pool(of, [people])
    drawn = [made.catch(1, "random") for _ in range(100)]
    assert sum(trial is not None for trial in drawn) > 95
    for trial in filter(None, drawn):
        chances = people.probabilities(torch.tensor([trial.shown]))[0]
        assert float(chances[trial.shown.index(trial.expected)]) > 0.8
