"""What a reader did on a view, as the page tells it: checked once, before anybody hears of it."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import traitlets as t

LARGEST = 2**53
"""Whole numbers beyond it are none that a browser has counted."""

Field = Callable[[Any], Any]


def word(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        raise ValueError("a number")
    if not isfinite(value):  # NaN is not larger than anything
        raise ValueError("a number")
    return float(value)


def whole(value: Any) -> int:
    """A whole number; the listener knows which ones there are."""
    if not number(value).is_integer():
        raise ValueError("a whole number")
    return int(value)


def place(value: Any) -> list[int] | None:
    """[row, column], or None."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("[row, column] or nothing")
    return [whole(part) for part in value]


def span(value: Any) -> list[float] | None:
    """Give the two ends of a brush along an axis, the smaller first; None where there is none."""
    try:
        first, second = (number(float(end)) for end in value)
    except (TypeError, ValueError):  # an empty brush is told in several ways
        return None
    return sorted((first, second))


class Event(t.Dict):  # type: ignore[type-arg]  # no generic class when it runs
    """A trait that the page alone writes: these fields and a "count"; {} before the first time.

    So a listener finds every field, and each of its kind. What came wrong is refused by a
    `TraitError`, which `View.set_state` passes over.
    """

    def __init__(self, **fields: Field) -> None:
        super().__init__()
        self.fields = fields
        self.tag(sync=True, echo_update=False)

    def validate(self, obj: Any, value: Any) -> dict[str, Any]:
        """Give the known fields alone."""
        came = super().validate(obj, value)
        if not came:
            return {}
        taken = {}
        for name, check in {**self.fields, "count": whole}.items():
            try:
                taken[name] = check(came.get(name, 0) if name == "count" else came[name])
            except (KeyError, ValueError):
                wanted = ", ".join(self.fields)
                raise t.TraitError(
                    f"'{self.name}' of a {type(obj).__name__} takes {wanted}; {name} is not there "
                    "or of another kind."
                ) from None
        return taken
