"""What is asked of the scheduler, and how a job learns that it should end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

Progress = Callable[[int, int], None]
"""`progress(done, total)`: engines call it every 20 ms or more often; it raises to end them."""

Job = Callable[[Progress, bool], Any]
"""`job(progress, preview)` gives the answer; `preview` says that a coarse one is enough."""

Reference = Callable[[], Callable[..., None] | None]
"""Gives an owner's callback, or None where the owner is gone."""


class Stopped(BaseException):
    """Raised by `progress` after a Stop: catch it and return what there is, or let it pass.

    No `Exception`, so that no `except Exception` of an engine swallows it; and every later call of
    `progress` raises it again.
    """


class Superseded(Stopped):
    """Raised by `progress` when nobody waits for the answer any more."""


@dataclass(eq=False)
class Ask:
    """One asking of a slot's question; its identity tells whether it is still the newest."""

    job: Job | None = None
    """None once it has run exactly, or was forgotten: an ask keeps nothing alive."""
    number: int = 0
    """Order among all asks and stops of the lane."""
    rests_at: float = 0.0
    """Time on the lane's clock; a run before it is a preview."""
    settled: bool = True
    """Whether the owner has been told the exact answer, the error, or the stop."""


class Letter(NamedTuple):
    """What the worker has for an owner."""

    ask: Ask
    tell: Reference
    what: tuple[Any, ...]
    frame: bool = False
    """A preview's answer: shown even if a newer ask has come, else a fast drag shows nothing."""
    final: bool = False
    """Nothing more follows for this ask."""
