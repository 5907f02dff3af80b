"""What the doctor finds, and how it tells it."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "fault"]
Check = Callable[[], Iterable["Finding"]]

MARKS: dict[State, str] = {"ok": "[ok]   ", "note": "[note] ", "fault": "[FAULT]"}
"""In plain ASCII: every terminal shows them."""

INDENT = " " * 10
WIDTH = 80
"""Columns of the narrowest usual terminal; only commands, which are copied, are longer."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    topic : "versions", "front end", "environments", "devices", "machine", "files" or "network".
    name : what it is, the same in every report: "torch", "labextension anywidget".
    state : "ok"; "note", which cnnwidgets works without; "fault", which should be put right.
    text : one sentence.
    remedy : what to do, with a command to copy; "" where nothing is to be done.
    value : the bare version, number of bytes, deviation, path ...; None where there is none.
    """

    topic: str
    name: str
    state: State
    text: str
    remedy: str = ""
    value: Any = None


@dataclass(frozen=True, repr=False)
class Report:
    """All that the doctor found.

    Attributes
    ----------
    version : of cnnwidgets.
    findings : in the order in which they were looked at.
    """

    version: str
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        counts = {state: len(self.of(state)) for state in MARKS}
        return "Report({ok} ok, {note} to note, {fault} faults)".format(**counts)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def healthy(self) -> bool:
        """Whether there is no fault; notes do not count."""
        return not self.of("fault")

    def of(self, state: State) -> tuple[Finding, ...]:
        """Give the findings of a state."""
        return tuple(finding for finding in self.findings if finding.state == state)

    def __getitem__(self, name: str) -> Finding:
        """Give the finding of a name."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"nothing was found of {name!r}")

    def to_json(self) -> str:
        """Give the report for programs.

        Returns
        -------
        str
            ``{"cnnwidgets": version, "healthy": bool, "findings": [{"topic", "name", "state",
            "text", "remedy", "value"}, ...]}``: the attributes of `Finding`. Keys, topics, names
            and states stay; texts and remedies may be worded otherwise. Numbers that are not
            finite are null.
        """
        told = [{**asdict(finding), "value": _finite(finding.value)} for finding in self.findings]
        whole = {"cnnwidgets": self.version, "healthy": self.healthy, "findings": told}
        return json.dumps(whole, indent=2, default=str, allow_nan=False)

    def _lines(self) -> Iterator[str]:
        yield f"cnnwidgets {self.version}"
        topic = ""
        for finding in self.findings:
            if finding.topic != topic:
                topic = finding.topic
                yield f"\n{topic}"
            yield _wrapped(f"  {MARKS[finding.state]} ", f"{finding.name}: {finding.text}")
            if finding.remedy:
                yield f"{INDENT}-> {finding.remedy}"  # in one line, to be copied
        faults, notes = len(self.of("fault")), len(self.of("note"))
        ended = "no fault" if not faults else f"{faults} fault{'s' * (faults != 1)}"
        yield f"\n{ended}, {notes} note{'s' * (notes != 1)}"


def _wrapped(start: str, text: str) -> str:
    """Lay text out in lines; paths stay whole, however long."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _finite(value: Any) -> Any:
    """Give a value as JSON can say it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def looked(topic: str, name: str, check: Check) -> Iterator[Finding]:
    """Give what a check finds; where it breaks down itself, that is what was found."""
    try:
        yield from check()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken package may raise anything
        text = f"could not be looked at ({reason(error)})"
        remedy = "mend what the error names, then run the doctor again; all else here holds"
        yield Finding(topic, name, "note", text, remedy)


def reason(error: BaseException) -> str:
    """Say an error in one line."""
    said = str(error).strip().partition("\n")[0][:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
