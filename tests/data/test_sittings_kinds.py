"""Sittings that repeat triplets, come from strangers, or show other pictures."""

import csv
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from cnnwidgets.data import load_triplets
from cnnwidgets.data.sittings import (
    MISTAKES,
    Answer,
    Share,
    SittingLog,
    clean_name,
    export_csv,
    export_vice,
    files,
    merge,
    read,
)

NAMES = ("dog", "cat", "cup", "bat", "bee", "oak")


def log_of(
    *answers: Answer, names: tuple[str, ...] = NAMES, set_id: str = "pictures"
) -> SittingLog:
    log = SittingLog(None, set_id=set_id, names=names)
    for answer in answers:
        log.record(answer)
    return log


def altered(log: SittingLog, **values: object) -> str:
    """A sitting's text, with other values in its first line."""
    head, rest = log.text().split("\n", 1)
    return json.dumps(json.loads(head) | values) + "\n" + rest


def test_why_a_triplet_was_shown_is_kept() -> None:
    orders = ("random", "least asked", "most divergent", MISTAKES, "", 'ä \u2028\n,"')
    log = log_of(*(Answer((0, 1, 2), 1, 900, order=order) for order in orders))
    found = read(log.text())
    assert tuple(answer.order for answer in found.answers) == orders and found.remarks == ()
    assert found.answers == log.answers
    told = [json.loads(line) for line in log.text().split("\n")[1:-1]]
    assert [line.get("order") for line in told] == [order or None for order in orders]
    table = list(csv.DictReader(io.StringIO(export_csv(found), newline="")))
    assert tuple(row["order"] for row in table) == orders
    turned = merge([found], names=NAMES[::-1])
    assert turned.sittings[0].answers[1].order == "least asked"


@pytest.mark.parametrize("order", [None, 3, ["random"], "x" * 501])
def test_an_order_that_is_no_text_takes_only_its_line_away(order: object) -> None:
    rows = log_of(*(Answer((0, 1, 2), 1, 900) for _ in range(2))).text().split("\n")
    wrong = json.dumps(json.loads(rows[1]) | {"order": order})
    found = read("\n".join([rows[0], wrong, rows[2]]))
    assert [answer.trial for answer in found.answers] == [2] and len(found.remarks) == 1
    half = json.dumps(json.loads(rows[1]) | {"order": "half \ud800"})
    assert read(f"{rows[0]}\n{half}").answers[0].order == "half ?"


def test_a_ceiling_takes_one_answer_of_each_person_to_a_triplet() -> None:
    random = np.random.default_rng(3)
    logs = []
    for _ in range(4):
        log = log_of()
        for _ in range(40):
            shown = tuple(random.choice(6, 3, replace=False).tolist())
            kind = ("new", "new", "repeat", "catch")[random.integers(4)]
            odd = shown[random.integers(3)]
            expected = odd if kind == "catch" else None
            log.record(Answer(shown, odd, int(random.integers(250, 400)), kind, expected))
        logs.append(log)
    merged = merge([read(log.text()) for log in logs])
    for catch, fast in itertools.product((False, True), repeat=2):
        rows, people = [], []
        for number, sitting in enumerate(merged.sittings):
            seen: list[list[int]] = []
            for answer in sitting.answers:
                skipped = not catch and answer.kind == "catch"
                skipped |= (not fast and answer.rt_ms < 300) or answer.kind == "repeat"
                if not skipped and sorted(answer.shown) not in seen:
                    seen.append(sorted(answer.shown))
                    rows.append([n for n in answer.shown if n != answer.odd] + [answer.odd])
                    people.append(number)
        found = merged.triplets(catch=catch, fast=fast, repeats=False)
        whole = merged.triplets(catch=catch, fast=fast)
        assert found.tolist() == rows and 0 < len(found) < len(whole) and found.dtype == np.int32
        assert merged.people(catch=catch, fast=fast, repeats=False).tolist() == people
        assert len(merged.people(catch=catch, fast=fast)) == len(whole)


def test_mistakes_that_come_again_tell_nothing_of_consistency() -> None:
    answers = [
        Answer((0, 1, 2), 0, 900),
        Answer((1, 2, 3), 1, 900),
        Answer((2, 1, 0), 1, 900, "repeat", order=MISTAKES),  # the right one was shown
        Answer((0, 1, 2), 1, 900, "repeat", order="random"),  # and is still known
        Answer((3, 2, 1), 1, 900, "repeat", order="random"),
    ]
    assert read(log_of(*answers).text()).repeats == Share(1, 1)
    assert merge([read(log_of(*answers).text())]).repeats == Share(1, 1)
    assert read(log_of(answers[0], *answers[3:]).text()).repeats == Share(0, 1)


def test_names_are_no_formulas_in_a_table(tmp_path: Path) -> None:
    names = ("=1+1", "+cmd|x", "-2", "@sum(a)", "\t=1", "\r=1", "dog\r=1+1\r", "a=b", "it's", ",=1")
    log = log_of(
        *(
            Answer(shown, shown[1], 900, order="=2")
            for shown in itertools.combinations(range(10), 3)
        ),
        names=names,
    )
    found = read(log.text())
    assert found.names == names
    text = export_csv(found)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 1 + 120 and all(len(row) == 12 for row in rows)
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row
    )
    for row in rows[1:]:
        for number, cell in zip(map(int, row[:3]), row[3:6], strict=True):
            assert cell == ("'" if number < 6 else "") + names[number]
    (tmp_path / "table.csv").write_bytes(text.encode())
    table = load_triplets(tmp_path / "table.csv", names=names)
    assert np.array_equal(table.triplets, found.triplets()) and table.remarks == ()


@pytest.mark.parametrize("name", ["=1+1", "a", "../../x", "ABCDEF", "0" * 33, "abcdef#", "абвгде"])
def test_an_id_that_is_none_of_ours_is_replaced(name: str) -> None:
    log = log_of(Answer((0, 1, 2), 1, 900))
    found = read(altered(log, sitting=name), name="theirs.jsonl")
    assert len(found.id) == 12 and int(found.id, 16) >= 0
    assert found.remarks == (
        f"'theirs.jsonl': its id is not of hexadecimal digits; it is called {found.id}",
    )
    log.record(Answer((0, 1, 3), 1, 900))
    merged = merge([found, read(altered(log, sitting=name))])  # a copy is still told
    assert len(merged.sittings) == 1 and merged.sittings[0].answers == log.answers
    assert read(altered(log, sitting=name + "x")).id != found.id
    assert read(altered(log, sitting="12e456#2")).id == "12e456#2"


def test_times_that_are_none_are_left_out() -> None:
    log = log_of(*(Answer((0, 1, 2), 1, 900) for _ in range(9)))
    times = (
        "=1+1", "-5", "yesterday", "2026-01-31T09:30:00.000Z\n=1", "٢٠٢٦-01-31",
        "2026-01-31T09:30:00.000Z", "2026-01-31T09:30+01:00", "2026-01-31", "",
    )  # fmt: skip
    head, *rows, _ = altered(log, started="@now").split("\n")
    rows = [json.dumps(json.loads(row) | {"time": at}) for row, at in zip(rows, times, strict=True)]
    found = read("\n".join([head, *rows]))
    assert [answer.time for answer in found.answers] == [""] * 5 + list(times[5:])
    assert found.started == "" and len(found.remarks) == 6 and found.lines == 10
    assert "line 2: its time is none; the rest is used" in found.remarks[1]
    # All the answers count where an earlier copy lacks some of them, though their times are none.
    earlier = read("\n".join([head, *rows[:2]]))
    assert merge([earlier, found]).sittings[0].answers == found.answers


def test_repeats_are_held_out_together(tmp_path: Path) -> None:
    everyone = [
        read(
            log_of(
                *(
                    Answer(shown[::-1] if turn else shown, shown[turn], 900)
                    for shown in itertools.combinations(range(6), 3)
                    for turn in range(2)
                )
            ).text()
        )
        for _ in range(3)
    ]
    for seed in range(5):
        export_vice(everyone, tmp_path, seed=seed)
        train, test = (np.load(tmp_path / name) for name in ("train_90.npy", "test_10.npy"))
        parts = [{frozenset(row) for row in part.tolist()} for part in (train, test)]
        assert (len(train), len(test)) == (108, 12) and not parts[0] & parts[1]
    same = log_of(*(Answer((0, 1, 2), 1, 900) for _ in range(5)))
    with pytest.raises(ValueError, match="two different triplets at least, and here is one"):
        export_vice(read(same.text()))


def test_other_pictures_of_fitting_names_are_told() -> None:
    answer = Answer((0, 1, 2), 1, 900)
    logs = {
        "same": log_of(answer),
        "some": log_of(answer, names=NAMES[:4], set_id="others"),
        "turned": log_of(answer, names=NAMES[::-1], set_id="others"),
        "equal": log_of(answer, set_id="others"),
        "some of ours": log_of(answer, names=NAMES[:4]),
    }
    found = [read(log.text()) for log in logs.values()]
    kinds = {"some": "another set of", "turned": "another set of", "equal": "other"}
    told = {
        f"sitting {logs[which].id} showed {words} pictures of the same names; used"
        for which, words in kinds.items()
    }
    for merged in (merge(found, names=NAMES, set_id="pictures"), merge(found)):
        assert set(merged.remarks) == told and len(merged.triplets()) == 5
    alone = merge([found[4], found[2]], names=NAMES)  # none has exactly these
    assert len(alone.remarks) == 1 and logs["turned"].id in alone.remarks[0]


def test_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", ".hidden.jsonl", "._a.jsonl", "c.json", "d.jsonl~"):
        (tmp_path / name).write_text("")
    assert files(tmp_path) == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert files(str(tmp_path)) == files(tmp_path)
    with pytest.raises(FileNotFoundError):
        files(tmp_path / "not there")
    assert len(merge(tmp_path).remarks) == 2


def test_names_can_be_cleaned_beforehand() -> None:
    assert clean_name("half \ud800") == "half ?" and clean_name("Äpfel\n") == "Äpfel\n"
