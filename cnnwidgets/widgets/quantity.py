"""A trait of a number that may come as a whole number of any size."""

from typing import Any

import traitlets as t


class Quantity(t.Float):  # type: ignore[type-arg]
    """A float; traitlets' own raises an OverflowError where an integer is too large for one."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Refuse it by a TraitError, as all else that is no such number."""
        try:
            return super().validate(obj, value)
        except OverflowError:
            raise t.TraitError(f"{self.name} takes numbers below 1e308") from None
