"""The class board: what it counts and compares, and how it follows files that change."""

import io
import itertools
import json
import math
import zipfile
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from ipywidgets.widgets import widget as registry
from traitlets import TraitError

from cnnwidgets.data.sittings import Answer, SittingLog
from cnnwidgets.engines import choices
from cnnwidgets.widgets.scheduler import Lane, Stopped
from cnnwidgets.widgets.triplets import class_files, repeated_look
from cnnwidgets.widgets.triplets.class_board import ClassBoard
from cnnwidgets.widgets.triplets.class_look import MOST
from cnnwidgets.widgets.triplets.objects import objects_of
from tests.widgets.tiny import network, pictures

NAMES = [f"thing {n}" for n in range(12)]
SET_ID = objects_of(NAMES).set_id


def planted(n=12, d=3, seed=0):
    drawn = np.random.default_rng(seed)
    return drawn.gamma(0.5, 1.5, (n, d))


def sitting(folder, answers, names=NAMES, **about):
    """Write a sitting of (triplet, odd) pairs, or of answers; give its log."""
    log = SittingLog(folder, set_id=about.get("set_id", SET_ID), names=names)
    for answer in answers:
        if not isinstance(answer, Answer):
            answer = Answer(tuple(answer[0]), answer[1], 1500)
        log.record(answer)
    return log


def sampled(embedding, count, seed):
    """Answers of somebody who takes out each object by the softmax of dot products."""
    generator = torch.Generator().manual_seed(seed)
    triplets = choices.sample(len(embedding), count, generator=generator)
    drawn = np.random.default_rng(seed)
    found = []
    for row in triplets.tolist():
        i, j, k = (embedding[number] for number in row)
        drive = np.exp([j @ k, i @ k, i @ j])
        found.append((row, row[drawn.choice(3, p=drive / drive.sum())]))
    return found


def board(folder, features=None, **more):
    objects = more.get("objects", NAMES)
    features = planted(len(objects)) if features is None else np.asarray(features)
    networks = more.pop("networks", {"Net": features})
    more = {"objects": NAMES, "people": None, "measure": "dot", "lane": Lane(inline=True)} | more
    return ClassBoard(folder, networks, **more)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sittings"


@pytest.fixture
def many(folder):
    """A class of five that answers as the planted embedding has it."""
    for person in range(5):
        sitting(folder, sampled(planted(), 120, person))
    return folder


def numbers(made):
    rows = [*made._panels.counts.numbers, *made._panels.agreements.numbers]
    return {one["label"]: (one["value"] + one.get("unit", "")) for one in rows}


def said(view):
    return "".join(part["text"] for part in view.parts)


def answers_in(folder):
    found = []
    for path in folder.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        found += [(row["shown"], row["odd"]) for row in rows if row["line"] == "answer"]
    return found


def test_the_matrix_of_a_class_is_counted_by_hand(many):
    made = board(many, planted())
    look = made.result
    together, shown = np.zeros((12, 12)), np.zeros((12, 12))
    for triplet, odd in answers_in(many):
        for i, j in itertools.permutations(triplet, 2):
            shown[i, j] += 1
            together[i, j] += odd not in (i, j)
    at = np.array(look.shown)
    wanted = ((together + 1) / (shown + 3))[np.ix_(at, at)]
    off = ~np.eye(12, dtype=bool)
    assert np.allclose(look.similarity.numpy()[off], wanted[off])
    assert (look.counts.numpy() == shown[np.ix_(at, at)]).all()
    assert look.asked == (int((np.triu(shown) > 0).sum()), 66)
    assert sorted(look.names) == sorted(NAMES) and [NAMES[n] for n in look.shown] == [*look.names]
    made.close()


def test_the_network_beside_it_is_that_of_the_same_objects(many):
    made = board(many, planted())
    look, temperature = (
        made.result,
        made._desk.agents.known(made.network, made._settings()[1]).temperature,
    )
    logits = planted().astype(np.float32) @ planted().astype(np.float32).T / temperature
    wanted = np.eye(12)
    for i, j in itertools.permutations(range(12), 2):
        e = np.exp
        among = [
            e(logits[i, j]) / (e(logits[i, j]) + e(logits[i, k]) + e(logits[j, k]))
            for k in range(12)
            if k not in (i, j)
        ]
        wanted[i, j] = np.mean(among)
    at = np.array(look.shown)
    assert np.allclose(look.network.numpy(), wanted[np.ix_(at, at)], atol=1e-4)
    made.close()


def test_a_planted_class_agrees_with_its_embedding_and_not_with_another(many):
    right = board(many, planted())
    look = right.result
    above = np.triu(np.ones((12, 12), bool), 1) & (look.counts.numpy() > 0)
    direct = np.corrcoef(look.similarity.numpy()[above], look.network.numpy()[above])[0, 1]
    assert look.rsa.r == pytest.approx(direct, abs=1e-9)
    assert look.rsa.r > 0.85 and look.rsa.p < 0.01 and look.rsa.interval[0] > 0.5
    assert f"r = {look.rsa.r:.2f}".replace("0.", ".") in said(right._panels.verdict)
    other = board(many, planted(seed=8))
    assert abs(other.result.rsa.r) < 0.5
    share = right.result.agreements[1][1].share
    drive = planted() @ planted().T
    hits = []
    for triplet, odd in answers_in(many):
        i, j = (n for n in triplet if n != odd)
        hits.append(drive[i, j] > max(drive[i, odd], drive[j, odd]))
    assert share == pytest.approx(np.mean(hits), abs=1e-9)
    assert numbers(right)["agree with Net"].startswith(f"{100 * share:.0f}")
    assert share > other.result.agreements[1][1].share
    for made in (right, other):
        made.close()


def test_the_correlation_is_over_the_pairs_that_were_asked(folder):
    sitting(folder, sampled(planted(), 30, 1))
    made = board(folder, planted())
    look, n = made.result, len(made.result.names)
    counts = look.counts.numpy()[np.triu_indices(n, 1)]
    assert (counts == 0).any() and (counts == 1).any() and (counts > 1).any()
    one, two = (m.numpy()[np.triu_indices(n, 1)] for m in (look.similarity, look.network))
    assert (np.isnan(one) == (counts == 0)).all()
    direct = np.corrcoef(one[counts > 0], two[counts > 0])[0, 1]
    assert look.rsa.r == pytest.approx(direct, abs=1e-9) and look.rsa.pairs == (counts > 0).sum()
    assert f"over the {look.rsa.pairs} of {len(counts)} pairs asked." in said(made._panels.verdict)
    made.close()


def test_a_class_of_three_kinds_disagrees_with_what_parts_them(folder):
    kinds = 2.0 * np.eye(3)[np.arange(12) % 3]
    for person in range(3):
        sitting(folder, sampled(kinds, 120, person))
    apart = np.linalg.cholesky(17 * np.eye(12) - kinds @ kinds.T + 4)  # as alike as they are not
    made = board(folder, apart)
    assert made.result.rsa.r < -0.6 and made.result.rsa.p > 0.9
    assert "\N{MINUS SIGN}." in said(made._panels.verdict)
    assert made.result.agreements[1][1].share < 0.3
    made.close()


def test_a_network_looks_at_the_pictures_and_then_stands_beside_the_class(folder):
    shown = pictures(6)
    rows = [((0, 1, 2), 2), ((3, 4, 5), 3), ((0, 3, 5), 0)]
    known = objects_of(shown)
    sitting(folder, rows, names=list(known.names), set_id=known.set_id)
    lane = Lane()
    made = board(folder, objects=shown, networks=network(), measure="cosine", lane=lane)
    made.wait(60)
    assert made.result.network is not None and made._panels.matrices[1].message == []
    assert made.result.agreements[1][1].count == 3
    before = made.result.network
    made.layer = next(
        name for _, name in made._parties.sources["Tiny"].layers if name != made.layer
    )
    made.wait(60)
    assert not torch.equal(made.result.network, before)
    assert made.layer in made._panels.matrices[1].notes
    made.close()
    lane.close()


def test_a_look_that_was_stopped_can_go_on(folder):
    made = board(folder, objects=pictures(6), networks=network(), measure="cosine")
    made._looking.name = "Tiny"
    made._looking._not_looked(Stopped())
    assert made._status.state == "stopped" and "Tiny was stopped" in made._status.headline
    assert [button["name"] for button in made._status.buttons] == ["go on"]
    made._status.set_state({"pressed": {"name": "go on", "count": 1}})
    assert made._status.state == "ready"
    made.close()


def test_without_a_network_the_class_is_counted(many):
    made = board(many, networks={})
    assert made.result.network is None and numbers(made)["answers"] == "600"
    assert made._panels.matrices[1].message == ["No network is chosen."]
    assert "in no order" in made._panels.matrices[0].notes
    made.close()


def test_spearman_is_a_choice(many):
    made = board(many, planted())
    before = made.result.rsa.r
    made.method = "spearman"
    assert made.result.rsa.method == "spearman" and made.result.rsa.r != before
    assert "Spearman" in said(made._panels.verdict)
    made.close()


def test_a_new_file_and_a_new_answer_are_followed(folder):
    made = board(folder, planted())
    assert numbers(made)["sittings"] == "0"
    log = sitting(folder, [((0, 1, 2), 2)])
    made.look()
    assert (numbers(made)["sittings"], numbers(made)["answers"]) == ("1", "1")
    log.record(Answer((0, 1, 3), 3, 900))
    sitting(folder, [((0, 1, 4), 4)])
    made.look()
    assert (numbers(made)["sittings"], numbers(made)["answers"]) == ("2", "3")
    assert made.result.occurring == 5
    pair = dict(zip(made.result.names, range(5), strict=True))
    row, column = pair["thing 0"], pair["thing 1"]
    assert made.result.similarity[row, column] == pytest.approx(4 / 6)  # three of three
    made.close()


def test_a_look_that_finds_nothing_new_draws_nothing(many):
    made = board(many, planted())
    drawn = []
    made._panels.draw = lambda *_, **__: drawn.append(1)
    before = made.result
    for _ in range(3):
        made.look()
    assert made.result is before and not drawn
    made.close()


def test_without_answers_it_says_so(folder):
    made = board(folder, planted())
    assert made.result.rsa is None and made.result.shown == ()
    assert "No answers yet" in made._panels.plan.value and "220" in made._panels.plan.value
    assert all("No answers yet" in matrix.message[0] for matrix in made._panels.matrices)
    with pytest.raises(RuntimeError, match="no answers"):
        made.png()
    with pytest.raises(ValueError, match="two different triplets"):
        made.vice()
    assert made.csv().count("\n") == 1
    made.close()


def test_few_answers_give_no_correlation_but_the_reason(folder):
    sitting(folder, [((0, 1, 2), 2), ((3, 4, 5), 3)])
    made = board(folder, planted())
    assert made.result.rsa is None
    assert "10 pairs asked twice or more; there are 0 so far" in said(made._panels.verdict)
    counted = made.result.counts.triu(1)
    assert int((counted > 0).sum()) == 6
    assert int(made.result.similarity.isnan().sum()) == 2 * (15 - 6)
    assert made._panels.matrices[0].unknown == "never asked"
    made.close()


def test_a_cut_file_is_told_of_and_the_others_are_counted(many):
    lost = sorted(many.glob("*.jsonl"))[0]
    lost.write_bytes(lost.read_bytes()[:-20])
    (many / "nonsense.jsonl").write_text("hello\n")
    made = board(many, planted())
    assert numbers(made)["sittings"] == "5" and numbers(made)["answers"] == "599"
    assert made._status.state == "warning"
    assert "nonsense.jsonl" in made._status.text and "left out" in made._status.text
    made.close()


def test_two_folders_and_one_that_is_not_there(tmp_path):
    sitting(tmp_path / "one", [((0, 1, 2), 2)])
    sitting(tmp_path / "two", [((0, 1, 3), 3)])
    made = board([tmp_path / "one", tmp_path / "two", tmp_path / "none"])
    assert numbers(made)["sittings"] == "2"
    assert made.result.question.reading.remarks == ()
    made.close()


def test_a_file_that_is_brought_in_counts_once(many, tmp_path):
    phone = sitting(tmp_path / "phone", [((0, 1, 2), 2), ((0, 1, 3), 3)])
    made = board(many, planted())
    content = phone.path.read_bytes()
    for _ in range(2):  # the same phone, twice
        file = {"name": "phone.jsonl", "content": memoryview(content), "size": 1, "type": ""}
        made._upload.value = ({**file, "last_modified": datetime.now(UTC)},)
    assert made._upload.value == ()
    assert numbers(made)["sittings"] == "6" and numbers(made)["answers"] == "602"
    assert "there twice" in made._status.text
    made.bring_in("letter.jsonl", b"Dear all,\n")
    assert any("letter.jsonl" in one for one in made.result.question.reading.remarks)
    assert numbers(made)["sittings"] == "6"
    made.close()


def test_sittings_about_other_objects_are_left_out(many):
    sitting(many, [((0, 1, 2), 2)], names=["a", "b", "c"], set_id="x")
    made = board(many)
    assert numbers(made)["sittings"] == "5"
    assert "other objects" in made._status.text
    made.close()


def test_catches_repeats_and_ceilings(folder):
    kinds = [Answer((0, 1, 2), 2, 1000, "catch", 2), Answer((3, 4, 5), 4, 2000, "catch", 5)]
    kinds += [Answer((0, 1, 2), 2, 3000), Answer((2, 1, 0), 2, 4000, "repeat")]
    sitting(folder, kinds)
    sitting(folder, [((1, 0, 2), 1)])
    made = board(folder)
    found = numbers(made)
    assert (
        found["catch trials passed"].startswith("50") and "1 of 2" in found["catch trials passed"]
    )
    assert found["repeats agreed"].startswith("100")
    assert made.result.occurring == 3  # catch trials are no answers about what is alike
    # Two people, two answers; the repeat is no third.
    assert found["ceiling, plurality"].startswith("50")
    assert found["ceiling, leave-one-out"] == "0%"
    assert made.result.counts.sum() == 2 * 2 * 3 and made.result.agreements[1][1].count == 2
    told = {one["label"]: one["title"] for one in made._panels.counts.numbers}
    assert "second answers count nowhere else" in told["repeats agreed"]
    rows = made._panels.table.rows
    assert [row[1:] for row in rows] == [
        ["4", "1 of 2", "2.5\N{THIN SPACE}s"],
        ["1", "–", "1.5\N{THIN SPACE}s"],
    ]
    made.close()


def test_the_pace_is_of_the_last_five_minutes(folder):
    now = datetime.now(UTC)
    ages = [10, 20, 30, 200, 400, 4000]
    times = [(now - timedelta(seconds=age)).isoformat() for age in ages]
    sitting(folder, [Answer((0, 1, 2), 2, 900, time=time) for time in times])
    made = board(folder)
    merged = made.result.question.reading.merged
    assert class_files.pace(merged, now) == pytest.approx(4 / 5)
    assert class_files.pace(merged, now + timedelta(hours=1)) == 0
    assert numbers(made)["a minute, last five"] == "0.8"
    made.close()


def test_the_plan_counts_objects_people_and_trials(many):
    made = board(many)
    assert "12 pictures make 220 triplets; 5 people with 120 trials" in made._panels.plan.value
    planned = board(many, trials=44)
    assert "5 people with 44 trials each answer 220" in planned._panels.plan.value
    assert "each triplet about once" in planned._panels.plan.value
    made.close()
    planned.close()


def test_of_many_objects_those_with_the_most_answers_are_shown(folder):
    names = [f"w{n}" for n in range(50)]
    rows = [((0, 1, 2), 2)] * 3
    rows += [((n, n + 1, n + 2), n) for n in range(3, 48)]
    sitting(folder, rows, names=names, set_id=objects_of(names).set_id)
    made = board(folder, planted(50), objects=names)
    look = made.result
    assert look.occurring == 50 and len(look.shown) == MOST
    least = min(sum(n in row for row, _ in rows) for n in look.shown)
    left = [sum(n in row for row, _ in rows) for n in range(50) if n not in look.shown]
    assert least >= max(left)
    assert f"the {MOST} of 50 with the most answers" in made._panels.matrices[0].notes
    made.close()


def test_a_pair_is_told_with_both_values_and_its_answers(many):
    made = board(many, planted())
    matrix, look = made._panels.matrices[0], made.result
    matrix.set_state({"chosen": {"row": 3, "column": 1, "count": 1}})
    assert made.pair == [look.names[3], look.names[1]]
    told = said(made._panels.pair)
    assert f"{look.names[3]} and {look.names[1]}" in told
    assert f"{float(look.similarity[3, 1]):.2f}"[1:] in told
    assert f"{float(look.network[3, 1]):.2f}"[1:] in told
    assert f"({int(look.counts[3, 1])} answers)" in told
    assert [one.selected for one in made._panels.matrices] == [[3, 1], [3, 1]]
    made.pair = []
    assert "arrow keys" in said(made._panels.pair) and matrix.selected == []
    made.close()


def test_both_matrices_have_one_order_and_one_scale(many):
    made = board(many, planted())
    one, two = made._panels.matrices
    assert one.names == two.names and one.limits == two.limits and one.breaks == two.breaks
    shown = np.array([*one.values, *two.values])
    assert one.limits[0] <= shown.min() and max(shown[shown < 1]) <= one.limits[1]
    assert made.result.order == "in the network's order"
    network = made.result.network.numpy()
    beside = np.mean([network[n, n + 1] for n in range(11)])
    assert beside > network[np.triu_indices(12, 1)].mean() + 0.1
    assert all(0 < len(matrix.alt) <= 200 for matrix in (one, two))
    made.close()


def test_exports_hold_what_is_shown(many):
    made = board(many, planted())
    assert made.csv().count("\n") == 601
    with zipfile.ZipFile(io.BytesIO(made.vice())) as archive:
        train = np.load(archive.open("train_90.npy"))
        test = np.load(archive.open("test_10.npy"))
    assert len(train) + len(test) == 600
    assert made.png().startswith(b"\x89PNG")
    made.close()


def test_the_script_gives_what_is_shown(many):
    made = board(many, planted())
    lines = made.code().replace("...  # your features, a row an object", "torch.tensor(planted)")
    found = {"planted": planted().astype(np.float32)}
    exec(lines, found)
    assert found["found"].r == pytest.approx(made.result.rsa.r, abs=1e-6)
    made.close()


def test_names_and_ids_stay_text(folder):
    names = ["<img src=x onerror=alert(1)>", "<b>bold</b>", "plain", "fourth"]
    sitting(folder, [((0, 1, 2), 2), ((0, 1, 3), 3)], names=names)
    made = board(folder, objects=names)
    assert names[0] in made._panels.matrices[0].names
    made.close()


def test_wrong_arguments_are_refused(folder):
    with pytest.raises(ValueError, match="0.2 seconds"):
        board(folder, every=0)
    with pytest.raises(ValueError, match="trials"):
        board(folder, trials=0)
    with pytest.raises(TypeError, match="no trait"):
        board(folder, colour="red")
    made = board(folder, planted())
    with pytest.raises(TraitError, match="takes no part"):
        made.network = "Nobody"
    made.close()


class Loop:
    """Stands for the kernel's loop: time goes on when it is told."""

    def __init__(self):
        self.calls = []

    def call_soon_threadsafe(self, call, *rest):
        call(*rest)

    def call_later(self, delay, call, *rest):
        self.calls.append((call, rest))

    def turn(self):
        calls, self.calls = self.calls, []
        for call, rest in calls:
            call(*rest)


def test_it_looks_while_it_is_displayed_and_no_longer(many, monkeypatch):
    loop = Loop()
    monkeypatch.setattr(repeated_look, "kernel_loop", lambda: loop)
    made = board(many, planted())
    assert not loop.calls
    looks = []
    read = made._files.read
    made._files.read = lambda: looks.append(1) or read()
    made._view_count = 1
    assert len(looks) == 1
    made._view_count = 2  # a second view: one timer is enough
    loop.turn()
    loop.turn()
    assert len(looks) == 3 and len(loop.calls) == 1
    made._view_count = 0
    loop.turn()
    assert len(looks) == 3 and not loop.calls
    made._view_count = 1
    made.close()
    loop.turn()
    assert len(looks) == 4 and not loop.calls


def test_closing_leaves_nothing(many):
    before = set(registry._instances)
    made = board(many, planted())
    made.close()
    made.close()
    made.look()
    assert set(registry._instances) <= before


def test_one_sitting_has_the_interval_of_wilson(folder):
    sitting(folder, sampled(planted(), 120, 0))
    made = board(folder, planted())
    found = made.result.agreements[1][1]
    n, p, z = found.count, found.share, 1.959964
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    assert found.interval == pytest.approx((middle - half, middle + half), abs=1e-6)
    low, high = (round(100 * end) for end in found.interval)
    assert f"{low}–{high}" in numbers(made)["agree with Net"]
    told = {one["label"]: one["title"] for one in made._panels.agreements.numbers}
    assert "Wilson" in told["agree with Net"]
    made.close()


def test_the_interval_of_many_is_that_of_sittings_drawn_one_by_one(folder):
    """Half of the people answer as the embedding has it, the others the other way round."""
    for person in range(8):
        rows = sampled(planted(), 40 + 10 * person, person)
        opposed = [(row, min(row, key=lambda n: n == odd)) for row, odd in rows]
        sitting(folder, rows if person % 2 else opposed)
    made = board(folder, planted())
    found, drive = made.result.agreements[1], planted() @ planted().T
    hits = []
    for one in made.result.question.reading.merged.sittings:
        rows = one.triplets(repeats=False)
        left = [drive[i, j] - max(drive[i, k], drive[j, k]) for i, j, k in rows]
        hits.append((sum(np.array(left) > 0), len(rows)))
    counted = np.array(hits)
    assert found.accuracy.share == pytest.approx(counted[:, 0].sum() / counted[:, 1].sum())
    drawn = torch.randint(8, (1000, 8), generator=torch.Generator().manual_seed(0)).numpy()
    slow = [counted[row, 0].sum() / counted[row, 1].sum() for row in drawn]
    ends = np.quantile(slow, [0.025, 0.975])
    assert found.accuracy.interval == pytest.approx(ends.tolist(), abs=1e-9)
    n, p = found.accuracy.count, found.accuracy.share
    assert ends[1] - ends[0] > 2 * 2 * 1.96 * math.sqrt(p * (1 - p) / n)  # people differ
    told = {one["label"]: one["title"] for one in made._panels.agreements.numbers}
    assert "95 % of resamples of the 8 sittings" in told["agree with Net"]
    assert found.sittings == 8 and "one-sided permutation p" in said(made._panels.verdict)
    made.close()


def test_a_network_that_was_trained_meanwhile_looks_again(folder):
    shown, net = pictures(6), network()
    rows = [((0, 1, 2), 2), ((3, 4, 5), 3), ((0, 3, 5), 0)]
    known = objects_of(shown)
    sitting(folder, rows, names=list(known.names), set_id=known.set_id)
    lane = Lane()
    made = board(folder, objects=shown, networks=net, measure="cosine", lane=lane)
    made.wait(60)
    before, agent = made.result.network, made.result.agreements[1].agent
    made.look()
    made.wait(60)
    assert made.result.agreements[1].agent is agent
    with torch.no_grad():
        for values in net.twin.module.parameters():
            values.copy_(torch.randn(values.shape, generator=torch.Generator().manual_seed(9)))
    for _ in range(3):
        made.look()
        made.wait(60)
    after = made.result.agreements[1].agent
    assert after is not agent and not torch.equal(after.embedding, agent.embedding)
    assert made.result.network is not None and not torch.equal(made.result.network, before)
    made.close()
    lane.close()
