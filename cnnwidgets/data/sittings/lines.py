"""The lines of a sitting's file, version 1: JSON, one object a line.

The first line tells of the sitting, each other one of an answer, or of one that is taken back::

    {"v":1,"line":"sitting","sitting":"5f0c...","started":"...Z","set":"9a1b...","names":["dog"...],
     "language":"en","device":"mouse","consent":true}
    {"v":1,"line":"answer","trial":1,"time":"...Z","rt_ms":1520,"shown":[4,0,9],"odd":9,
     "kind":"new","expected":null,"order":"least asked"}
    {"v":1,"line":"undo","trial":1,"time":"...Z"}

`trial` counts from 1 and is never given twice, so that an undo is clear; objects are numbers into
`names`, `shown` as they stood from left to right; `order` may be missing. Nothing in it tells who
somebody is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import index
from typing import Any

VERSION = 1
KINDS = ("new", "repeat", "catch")
MOST_TEXT = 500
"""How long an identifier, a time or a language may be; what is longer is none."""
MISTAKES = "my mistakes"
"""The order of triplets that come again because the answer was wrong, and the right one shown."""
_LONGEST_MS = 2**31 - 1
_ID = re.compile(r"[0-9a-f]{6,32}(#[0-9]{1,6})?")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.A
)


@dataclass(frozen=True)
class Answer:
    """Which of three objects somebody took out.

    Attributes
    ----------
    shown : the objects' numbers as they stood from left to right.
    odd : the one that was taken out.
    rt_ms : time from when they were shown, in milliseconds.
    kind : "new", "repeat" (the triplet stood before) or "catch" (one answer is expected).
    expected : that answer; None but for "catch".
    trial : from 1 on; 0 lets the log give it.
    time : UTC in ISO form with milliseconds; empty lets the log give it.
    order : why this triplet was shown: "random", "least asked", "most divergent", `MISTAKES` or
        another short text; empty where nobody says.
    """

    shown: tuple[int, int, int]
    odd: int
    rt_ms: int
    kind: str = "new"
    expected: int | None = None
    trial: int = 0
    time: str = ""
    order: str = ""


def now() -> str:
    """Give the time as it stands in the lines, the form of JavaScript's toISOString."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(answer: Answer) -> Answer:
    """Give an answer with Python's own whole numbers, whatever kind of them it came with.

    Raises
    ------
    TypeError
        Some are no whole numbers.
    """
    first, second, third = map(index, answer.shown)
    expected = None if answer.expected is None else index(answer.expected)
    shown, odd, rt_ms = (first, second, third), index(answer.odd), index(answer.rt_ms)
    return replace(answer, shown=shown, odd=odd, rt_ms=rt_ms, expected=expected)


def check(answer: Answer, objects: int) -> None:
    """Hold an answer against the number of objects.

    Raises
    ------
    ValueError
        It cannot be one; the sentence says why.
    """
    shown = answer.shown
    if len(shown) != 3 or len(set(shown)) != 3 or not all(_is_count(n, objects) for n in shown):
        raise ValueError(
            f"an answer shows three different objects of 0 to {objects - 1}, not {list(shown)}"
        )
    if not _is_count(answer.odd, objects) or answer.odd not in shown:
        raise ValueError(f"the odd one is one of the three shown, {list(shown)}, not {answer.odd}")
    if not _is_count(answer.rt_ms, _LONGEST_MS):
        raise ValueError(f"a reaction time is whole milliseconds from 0 on, not {answer.rt_ms!r}")
    if answer.kind not in KINDS:
        raise ValueError(f"an answer is {', '.join(KINDS[:2])} or {KINDS[2]}, not {answer.kind!r}")
    catch = answer.kind == "catch"
    if catch != (answer.expected is not None) or (catch and answer.expected not in shown):
        raise ValueError("a catch trial, and no other, expects one of the three that are shown")
    if not is_time(answer.time):
        raise ValueError(f"a time has the form {now()}, not {ascii(answer.time)[:60]}")
    check_texts(answer.order)


def check_names(names: Sequence[str]) -> None:
    """Refuse what cannot be told apart.

    Raises
    ------
    ValueError
        There are fewer than three names, or two are the same.
    """
    if len(names) < 3:
        raise ValueError(f"a sitting is about three objects or more, not {len(names)}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"each object has a name of its own, and two are named {twice[:80]!r}")


def check_texts(*texts: str) -> None:
    """Refuse what could not be read again.

    Raises
    ------
    ValueError
        One is longer than `MOST_TEXT`, or cannot be encoded.
    """
    for text in texts:
        if not is_text(text) or clean(text) != text:
            raise ValueError(
                f"what tells of a sitting are texts of at most {MOST_TEXT} characters, not "
                f"{ascii(text)[:60]}"
            )


def head_line(about: Mapping[str, object]) -> bytes:
    """Give a sitting's first line."""
    return _line({"line": "sitting", **about, "consent": True})


def answer_line(answer: Answer) -> bytes:
    """Give an answer's line."""
    content = {
        "line": "answer",
        "trial": answer.trial,
        "time": answer.time,
        "rt_ms": answer.rt_ms,
        "shown": list(answer.shown),
        "odd": answer.odd,
        "kind": answer.kind,
        "expected": answer.expected,
    }
    return _line(content | ({"order": answer.order} if answer.order else {}))


def undo_line(trial: int) -> bytes:
    """Give the line that takes an answer back."""
    return _line({"line": "undo", "trial": trial, "time": now()})


def parsed(line: bytes) -> dict[str, Any] | None:
    """Give a line's object, or None where it is not one whole JSON object."""
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def answer_of(found: Mapping[str, Any], objects: int) -> Answer:
    """Give the answer of a parsed line; without its time where that is none.

    Raises
    ------
    ValueError
        It is none.
    """
    shown = found.get("shown")
    if not isinstance(shown, list):
        raise ValueError("an answer shows three objects")
    trial, time, kind = found.get("trial"), found.get("time"), found.get("kind")
    order = found.get("order", "")
    if not _is_count(trial, _LONGEST_MS) or trial == 0:
        raise ValueError(f"trials are counted from 1 on, not {str(trial)[:80]}")
    if not all(map(is_text, (time, kind, order))):
        raise ValueError("an answer has a time and a kind, and its order is a text")
    if any(not _is_count(number, objects) for number in shown):  # before they are hashed
        raise ValueError(f"objects are numbers of 0 to {objects - 1}")
    expected = found.get("expected")
    if expected is not None and not _is_count(expected, objects):
        raise ValueError(f"objects are numbers of 0 to {objects - 1}")
    first, second, third = shown if len(shown) == 3 else (0, 0, 0)
    odd, rt_ms = found.get("odd"), found.get("rt_ms")
    time, order = time if is_time(time) else "", clean(order)
    answer = Answer((first, second, third), odd, rt_ms, kind, expected, trial, time, order)  # type: ignore[arg-type]
    check(answer, objects)
    return answer


def is_text(value: object) -> bool:
    """Whether a parsed value is a text of reasonable length."""
    return isinstance(value, str) and len(value) <= MOST_TEXT


def is_id(text: str) -> bool:
    """Whether a text can be a sitting's id: hexadecimal digits, and a number of `merge`'s."""
    return _ID.fullmatch(text) is not None


def is_time(text: object) -> bool:
    """Whether a value is a time in ISO form, or empty where nobody knows it."""
    return text == "" or (isinstance(text, str) and _TIME.fullmatch(text) is not None)


def clean(text: str) -> str:
    """Give a text that can be written: half a surrogate pair, which JSON lets pass, cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_count(value: object, below: int) -> bool:
    return type(value) is int and 0 <= value < below  # True is no number here


def _line(content: Mapping[str, object]) -> bytes:
    whole = {"v": VERSION, **content}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
