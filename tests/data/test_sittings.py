"""Sittings: what was answered is on the disk, comes back as it was, and is never lost silently."""

import io
import json
import signal
import stat
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnwidgets.data import load_triplets
from cnnwidgets.data.sittings import (
    Answer,
    Merged,
    Share,
    Sitting,
    SittingLog,
    export_csv,
    export_vice,
    merge,
    read,
)

NAMES = ("dog", "<img src=x onerror=alert(1)>", 'Äpfel, "rot"\n', "cup", "\u2028line", "bat")


def log_in(folder: Path, names: tuple[str, ...] = NAMES, set_id: str = "pictures") -> SittingLog:
    return SittingLog(folder, set_id=set_id, names=names, language="en", device="mouse")


def answered(folder: Path, count: int, seed: int = 0, **about: str) -> SittingLog:
    log = log_in(folder, **about)  # type: ignore[arg-type]
    random = np.random.default_rng(seed)
    for _ in range(count):
        shown = random.choice(6, 3, replace=False)
        log.record(Answer(tuple(shown), random.choice(shown), random.integers(200, 2000)))
    return log


def test_every_answer_is_in_the_file_when_it_was_recorded(tmp_path: Path) -> None:
    log = log_in(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists() and log.text() == "" and log.answers == ()
    for number in range(1, 5):
        given = log.record(Answer((4, 0, 2), 2, 1500 + number))
        assert (given.trial, given.rt_ms) == (number, 1500 + number)
        found = read(log.path)
        assert found.answers == log.answers and len(found.answers) == number
    assert (found.id, found.names, found.set_id) == (log.id, NAMES, "pictures")
    assert (found.language, found.device, found.remarks) == ("en", "mouse", ())
    assert log.path.read_bytes().decode() == log.text() and log.unsaved == 0
    assert read(log.text()) == read(log.text().encode()) == found
    first, second = (json.loads(line) for line in log.text().split("\n")[:2])
    assert first == {
        "v": 1, "line": "sitting", "sitting": log.id, "started": found.started, "set": "pictures",
        "names": list(NAMES), "language": "en", "device": "mouse", "consent": True,
    }  # fmt: skip
    assert second == {
        "v": 1, "line": "answer", "trial": 1, "time": log.answers[0].time,
        "rt_ms": 1501, "shown": [4, 0, 2], "odd": 2, "kind": "new", "expected": None,
    }  # fmt: skip
    assert len(log.id) == 12 and int(log.id, 16) >= 0 and second["time"].endswith("Z")


def test_undo_takes_the_last_answer_away_and_the_file_keeps_it(tmp_path: Path) -> None:
    log = answered(tmp_path, 3)
    third = log.answers[2]
    assert log.undo() == third
    fourth = log.record(Answer((0, 1, 2), 1, 800))
    assert fourth.trial == 4
    assert [answer.trial for answer in read(log.path).answers] == [1, 2, 4]
    assert read(log.path).answers == log.answers
    assert log.text().count('"line":"answer"') == 4
    for _ in range(3):
        log.undo()
    assert read(log.path).answers == ()
    with pytest.raises(ValueError, match="no answer to take back"):
        log.undo()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer((0, 1, 1), 1, 500), "three different objects of 0 to 5"),
        (Answer((0, 1, 6), 1, 500), "three different objects of 0 to 5"),
        (Answer((0, 1, -1), 1, 500), "three different objects of 0 to 5"),
        (Answer((0, 1, 2), 3, 500), "the odd one is one of the three shown"),
        (Answer((0, 1, 2), 1, -5), "reaction time"),
        (Answer((0, 1, 2), 1, 5, "newer"), "new, repeat or catch, not 'newer'"),
        (Answer((0, 1, 2), 1, 5, "catch"), "expects one of the three"),
        (Answer((0, 1, 2), 1, 5, "catch", 4), "expects one of the three"),
        (Answer((0, 1, 2), 1, 5, "new", 1), "expects one of the three"),
        (Answer((0, 1, 2), 1, 5, time="=1+1"), "a time has the form .*Z, not '=1"),
        (Answer((0, 1, 2), 1, 5, order="x" * 501), "at most 500 characters"),
        (Answer((0, 1, 2), 1, 5, order="\ud800"), "at most 500 characters"),
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_is_written(
    tmp_path: Path, answer: Answer, sentence: str
) -> None:
    log = log_in(tmp_path)
    with pytest.raises(ValueError, match=sentence):
        log.record(answer)
    assert log.answers == () and not log.path.exists()
    with pytest.raises(TypeError):
        log.record(replace(Answer((0, 1, 2), 1, 5), rt_ms=1.5))  # type: ignore[arg-type]


def test_names_must_tell_objects_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two are named 'bat'"):
        log_in(tmp_path, ("bat", "dog", "bat"))
    with pytest.raises(ValueError, match="three objects or more, not 2"):
        log_in(tmp_path, ("bat", "dog"))
    with pytest.raises(ValueError, match="at most 500 characters"):
        log_in(tmp_path, set_id="x" * 501)
    log = log_in(tmp_path, ("bat", "dog", "half a pair \ud800"))
    log.record(Answer((0, 1, 2), 2, 900))
    assert read(log.path).names == ("bat", "dog", "half a pair ?")


def test_a_file_cut_anywhere_in_its_last_line_is_read_up_to_there(tmp_path: Path) -> None:
    content = answered(tmp_path, 3).text().encode()
    whole = read(content).answers
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(start, len(content)):
        found = read(content[:end], name="cut.jsonl")
        complete = end == len(content) - 1  # only the end of the line is missing
        assert found.answers == (whole if complete else whole[:2]), end
        told = (
            ()
            if complete or end == start
            else ("'cut.jsonl': line 4 is cut off or broken; left out",)
        )
        assert found.remarks == told, end
    head = content.index(b"\n")
    for end in range(head):
        with pytest.raises(ValueError, match="is no sitting|is empty"):
            read(content[:end])


def test_a_broken_line_takes_only_itself_away(tmp_path: Path) -> None:
    rows = answered(tmp_path, 4).text().split("\n")
    broken = [
        "\x00\x00", "[]", "{}", "[" * 100_000, '{"v":1,"line":"answer"}',
        rows[2].replace('"v":1', '"v":2'), rows[2].replace('"odd":', '"odd":true,"x":'),
        rows[2].replace('"trial":2', '"trial":3'), rows[2].replace('"trial":2', '"trial":0'),
        rows[2].replace('"shown":[', '"shown":[[1],'),
        rows[2].replace('"rt_ms":', '"rt_ms":1e999,"x":'),
        rows[2].replace('"line":"answer"', '"line":"undo"').replace('"trial":2', '"trial":[2]'),
        '{"v":1,"line":"undo","trial":9,"time":""}',
    ]  # fmt: skip
    for line in broken:
        found = read("\n".join([*rows[:2], line, *rows[3:]]))
        assert [answer.trial for answer in found.answers] == [1, 3, 4], line[:80]
        assert len(found.remarks) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "'my.jsonl' is empty"),
        (b" \n\n", "'my.jsonl' is empty"),
        (b"\x89PNG\r\n\x1a\n", "'my.jsonl' is no sitting"),
        (b"a,b,c\n1,2,3\n", "'my.jsonl' is no sitting"),
        (b'{"v":2,"line":"sitting"}\n', "is a sitting of version 2, and version 1 is read"),
        (b'{"v":1,"line":"answer"}\n', "first line does not tell of one"),
        (b'{"v":1,"line":"sitting","sitting":"a","names":["a",1,2]}', "lacks id or names"),
        (b'{"v":1,"line":"sitting","sitting":"","names":["a","b","c"]}', "lacks id or names"),
        (b'{"v":1,"line":"sitting","sitting":"a","names":["a","b","a"]}', "two are named 'a'"),
    ],
)
def test_other_files_are_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read(content, name="my.jsonl")


def test_reaction_times_catches_and_repeats(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    for answer in (
        Answer((0, 1, 2), 2, 299),
        Answer((3, 1, 2), 1, 300),
        Answer((2, 1, 0), 2, 900, "repeat"),  # as before
        Answer((1, 2, 3), 3, 900, "repeat"),  # another than before
        Answer((0, 4, 5), 4, 900, "repeat"),  # was not there before
        Answer((0, 1, 3), 3, 900, "catch", 3),
        Answer((0, 1, 4), 1, 100, "catch", 4),
    ):
        log.record(answer)
    found = read(log.path)
    assert found.catches == Share(1, 2) and found.repeats == Share(1, 2)
    assert found.fast.tolist() == [True, False, False, False, False, False, True]
    assert found.triplets().tolist() == [[0, 1, 2], [3, 2, 1], [1, 0, 2], [1, 2, 3], [0, 5, 4]]
    assert found.triplets(catch=True, fast=False).tolist()[-1] == [0, 1, 3]
    assert len(found.triplets(fast=False)) == 4 and found.triplets().dtype == np.int32
    merged = merge([found, answered(tmp_path, 2).path])
    assert merged.catches == Share(1, 2) and merged.people().tolist() == [0] * 5 + [1] * 2


def test_exports_hold_every_answer(tmp_path: Path) -> None:
    logs = [answered(tmp_path / "in", 30, seed) for seed in (1, 2)]
    logs[0].record(Answer((0, 1, 3), 3, 900, "catch", 3))
    merged = merge(tmp_path / "in")
    assert merged.names == NAMES and len(merged.triplets()) == 60
    (tmp_path / "table.csv").write_text(export_csv(merged), encoding="utf-8")
    table = load_triplets(tmp_path / "table.csv", names=NAMES)
    with_catch = merged.triplets(catch=True)
    assert np.array_equal(table.triplets, with_catch) and len(with_catch) == 61
    assert table.people is not None and np.bincount(table.people).tolist() in ([30, 31], [31, 30])
    ids = ["12e456789012", "13e456789012", "000000000001", "1"]  # none of them is a number
    same = [replace(merged.sittings[0], id=name, started=name) for name in ids]
    (tmp_path / "table.csv").write_text(export_csv(same), encoding="utf-8")
    people = load_triplets(tmp_path / "table.csv").people
    assert people is not None and len(np.unique(people)) == 4
    packed = export_vice(merged, tmp_path / "vice", seed=3)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["train_90.npy", "test_10.npy", "names.txt"]
        for name in archive.namelist():
            assert archive.read(name) == (tmp_path / "vice" / name).read_bytes()
    train, test = (np.load(tmp_path / "vice" / name) for name in ("train_90.npy", "test_10.npy"))
    assert train.dtype == test.dtype == np.int64 and 4 <= len(test) <= 8
    assert not {frozenset(row) for row in train.tolist()} & {
        frozenset(row) for row in test.tolist()
    }
    both = np.concatenate([train, test])
    assert sorted(both.tolist()) == sorted(merged.triplets().tolist())
    assert not np.array_equal(both, merged.triplets())  # shuffled
    assert export_vice(merged, seed=3) == packed != export_vice(merged, seed=4)
    with pytest.raises(ValueError, match="two different triplets at least, and here is none"):
        export_vice([])


def test_copies_count_once_and_other_pictures_are_left_out(tmp_path: Path) -> None:
    log = answered(tmp_path, 5)
    early = log.text()
    log.undo()
    log.record(Answer((0, 1, 2), 0, 700))
    (tmp_path / "copy.jsonl").write_text(log.text())
    (tmp_path / "early.jsonl").write_text(early)
    answered(tmp_path, 4, names=("x", "y", "z", "a", "b", "c"))
    answered(tmp_path, 3, 1, set_id="others")
    answered(tmp_path, 3, 2)
    (tmp_path / "junk.jsonl").write_text("junk")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "notes.txt").write_text("not looked at")
    merged = merge(tmp_path)
    kept = {sitting.id: sitting for sitting in merged.sittings}
    assert len(kept) == 3 and kept[log.id].answers == log.answers
    assert len(merged.triplets()) == 5 + 3 + 3
    told = "\n".join(merged.remarks)
    for words in (
        f"sitting {log.id} is there twice", "is about other objects (x); left out",
        "showed other pictures of the same names; used", "'junk.jsonl' is no sitting",
        "'folder.jsonl' cannot be read",
    ):  # fmt: skip
        assert words in told, words
    assert "notes" not in told
    assert merge(tmp_path / "not there").sittings == ()
    assert merge([]) == Merged((), ())


def test_two_sittings_of_one_id_are_both_kept(tmp_path: Path) -> None:
    one, other = (read(answered(tmp_path, 6, seed).text()) for seed in (1, 2))
    merged = merge([one, replace(other, id=one.id, started=one.started)])
    assert [sitting.id for sitting in merged.sittings] == [one.id, f"{one.id}#2"]
    assert sorted(map(tuple, merged.triplets())) == sorted(
        map(tuple, [*one.triplets(), *other.triplets()])
    )
    assert f"2 different sittings have the id {one.id}; all are used" in merged.remarks


def test_objects_are_joined_by_their_names(tmp_path: Path) -> None:
    turned = tuple(reversed(NAMES))
    log = log_in(tmp_path, turned, "same pictures, another order")
    log.record(Answer((0, 1, 5), 1, 900, "catch", 5))
    part = log_in(tmp_path, ("cup", "dog", "bat"), "some of them")
    part.record(Answer((0, 1, 2), 2, 900))
    merged = merge([log.path, part.path], names=NAMES)
    (first,), (second,) = (sitting.answers for sitting in merged.sittings)
    assert (first.shown, first.odd, first.expected) == ((5, 4, 0), 4, 0)
    assert (second.shown, second.odd) == ((3, 0, 5), 5)
    assert merge([log.path, part.path]).names == turned  # most fit into these


def test_a_folder_is_read_again_only_where_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [answered(tmp_path, 5, seed) for seed in range(4)]
    merge(tmp_path)
    looked_at = []

    def reading(path: str) -> Sitting:
        looked_at.append(Path(path).name)
        return read(path)

    monkeypatch.setattr("cnnwidgets.data.sittings.merging.read", reading)
    assert len(merge(tmp_path).triplets()) == 20 and looked_at == []
    logs[2].record(Answer((0, 1, 2), 1, 900))
    assert len(merge(tmp_path).triplets()) == 21 and looked_at == [logs[2].path.name]


def test_a_folder_that_vanishes_or_is_shut_loses_nothing(tmp_path: Path) -> None:
    log = answered(tmp_path / "there", 3)
    log.path.unlink()
    log.folder.rmdir()
    log.folder.write_text("a file in the way")
    with pytest.raises(OSError, match=r"cannot be written \(.*\): 4 answers are kept here; make"):
        log.record(Answer((0, 1, 2), 1, 900))
    assert log.unsaved == 4 and len(read(log.text()).answers) == 4
    log.folder = tmp_path / "elsewhere"
    log.retry()
    assert log.unsaved == 0 and read(log.path).answers == log.answers
    log.path.unlink()
    log.retry()  # nothing waits, but the file is gone
    assert read(log.path).answers == log.answers
    assert stat.S_IMODE(log.path.stat().st_mode) & 0o600 == 0o600


def test_half_a_line_that_a_stopped_write_left_is_cut_off(tmp_path: Path) -> None:
    log = answered(tmp_path, 3)
    with log.path.open("ab") as opened:
        opened.write(b'{"v":1,"line":"answer","trial":4,"ti' * 20)
    log.record(Answer((0, 1, 2), 1, 900))
    assert log.path.read_bytes().decode() == log.text()
    log.path.write_bytes(log.path.read_bytes()[:-100])  # somebody else has cut it
    log.record(Answer((0, 1, 2), 1, 900))
    assert log.path.read_bytes().decode() == log.text() and len(read(log.path).answers) == 5


FULL_DISK = """
import resource, sys
from cnnwidgets.data.sittings import Answer, SittingLog, read
log = SittingLog(sys.argv[1], set_id="x", names=["dog", "cat", "cup", "bat"])
for limit in range(1, 1200, 37):  # the disk is full at many places of a line
    log.retry()
    size = log.path.stat().st_size if log.path.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + limit % 400, resource.RLIM_INFINITY))
    before, failed = len(log.answers), 0
    for _ in range(5):
        try:
            log.record(Answer((0, 1, 2), 1, 900))
        except OSError as error:
            failed += 1
            word = "answer is" if failed == 1 else "answers are"
            assert f"{failed} {word} kept here; make room" in str(error), error
            assert "File too large" in str(error) and "\\n" not in str(error)
    assert failed and len(log.answers) == before + 5 and log.unsaved == failed
    if log.path.exists() and log.path.stat().st_size:  # no half line is left behind
        assert read(log.path).answers == log.answers[:before + 5 - failed]
        assert log.path.read_bytes().endswith(b"\\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.record(Answer((0, 1, 2), 1, 900))
assert log.unsaved == 0 and log.path.read_text() == log.text()
assert read(log.path).answers == log.answers and read(log.path).remarks == ()
print(len(log.answers))
"""


def test_a_full_disk_is_told_and_the_answers_wait(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(range(1, 1200, 37)) * 5 + 1


WRITER = """
import sys
from cnnwidgets.data.sittings import Answer, SittingLog
log = SittingLog(sys.argv[1], set_id="x", names=[str(n) for n in range(50)])
number = 0
while True:
    shown = (number % 50, (number + 7) % 50, (number + 19) % 50)
    answer = log.record(Answer(shown, shown[number % 3], number))
    sys.stdout.write(f"{log.id} {answer.trial} {answer.rt_ms} {answer.odd}\\n")
    sys.stdout.flush()
    number += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_every_acknowledged_answer_survives_kill(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    outputs = [tmp_path / f"acknowledged {number}" for number in range(10)]
    writers = []
    for output in outputs:
        with output.open("wb") as opened:
            command = [sys.executable, "-c", WRITER, str(folder)]
            writers.append(subprocess.Popen(command, stdout=opened))
    try:
        end = time.monotonic() + 60
        while min(output.stat().st_size for output in outputs) < 500:
            assert time.monotonic() < end, "the writers did not begin"
            time.sleep(0.02)
            merge(folder)  # a board looks on
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.wait(30)
    merged = merge(folder)
    assert len(merged.sittings) == 10
    kept = {sitting.id: sitting for sitting in merged.sittings}
    for output in outputs:
        lines = output.read_text().split("\n")[:-1]  # what was acknowledged as a whole line
        assert len(lines) >= 10
        for line in lines:
            name, trial, rt_ms, odd = line.split()
            answer = kept[name].answers[int(trial) - 1]
            assert (answer.trial, answer.rt_ms, answer.odd) == (int(trial), int(rt_ms), int(odd))
