"""The base of every view: strict keywords, one stylesheet, a caption, one message per update."""

from importlib.resources import files
from itertools import count
from typing import Any, ClassVar

import anywidget
import traitlets as t

from cnnwidgets.views.event import Event

_serial = count()


def source(*names: str) -> str:
    """Text of the named files of this package, one after the other.

    Views hand their script and style to anywidget as strings: given a path, anywidget would watch
    the file, and its watcher keeps every closed widget alive.
    """
    folder = files(__package__)
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def numbers(value: Any, length: int, what: str) -> list[float]:
    """`length` plain floats; the wire knows no numpy scalars.

    Raises
    ------
    TraitError
        If `value` does not hold exactly `length` numbers.
    """
    try:
        plain = [float(number) for number in value]
    except (TypeError, ValueError):
        plain = []
    if len(plain) != length:
        raise t.TraitError(f"{what} takes {length} numbers; got {value!r}.")
    return plain


def counts(value: Any, length: int, what: str) -> list[int]:
    """`length` plain whole numbers."""
    return [int(number) for number in numbers(value, length, what)]


def stamped(value: dict[str, Any], _view: "View") -> dict[str, Any]:
    """A frame for the wire, with a number that no other has.

    Some front ends take any two byte buffers of one length for equal and would not redraw.
    """
    return {**value, "serial": next(_serial)} if value else {}


def refuse_unknown(owner: t.HasTraits, state: dict[str, Any]) -> None:
    """Refuse names that are no traits: plain ipywidgets would drop them.

    Raises
    ------
    TypeError
        With the names.
    """
    unknown = sorted(set(state) - set(owner.trait_names()))
    if unknown:
        raise TypeError(f"{type(owner).__name__} has no trait {', '.join(unknown)}.")


class Numbers(t.List[float]):
    """A trait of plain floats, taken from any sequence: `length` of them or none, or any number."""

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def validate(self, obj: Any, value: Any) -> list[float]:
        """Give the numbers as a list; an empty sequence stays empty."""
        wanted = len(value) if self.length is None or not len(value) else self.length
        return numbers(value, wanted, str(self.name))


class Buttons(t.List[Any]):
    """A trait of words to press: [{"name", "label"}, ...]."""

    def validate(self, obj: Any, value: Any) -> list[dict[str, str]]:
        """Give plain copies, each with a name and a label."""
        for button in value:
            if set(button) != {"name", "label"}:
                raise t.TraitError(f"a button holds name and label; got {button!r}.")
        return [{"name": b["name"], "label": b["label"]} for b in value]


class View(anywidget.AnyWidget):
    """A drawing with a caption above it: title, notes, and one number at the right.

    A view is built once and then assigned to. `show` sets several traits in one message to the
    browser. Traits are written by the kernel or by the browser, never by both, but for values the
    reader moves (`Picture.strength`).

    Raises
    ------
    TypeError
        For a keyword that is not a trait (plain ipywidgets would drop it).
    """

    _css = source(
        "style.css",
        "controls.css",
        "drawings.css",
        "tiles.css",
        "tuning.css",
        "charts.css",
        "population.css",
        "triplets.css",
        "triplet_stepper.css",
        "board.css",
        "contrast.css",
    )

    moved: ClassVar[frozenset[str]] = frozenset({"_view_count"})
    """Traits besides events that the page may write, too."""

    title = t.Unicode().tag(sync=True)
    """What the drawing shows, in two or three words."""
    notes = t.List(t.Unicode()).tag(sync=True)
    """Soft words after the title; a leading □ or ⬚ is drawn as the mark of a legend."""
    reading = t.Unicode().tag(sync=True)
    """The number at the right of the caption, in words."""
    alt = t.Unicode().tag(sync=True)
    """What, where, how much, for those who do not see the drawing; at most 200 signs."""

    def __init__(self, **state: Any) -> None:
        refuse_unknown(self, state)
        # One id for all views: the page then holds the shared stylesheet once.
        super().__init__(_anywidget_id="cnnwidgets", **state)

    def show(self, **state: Any) -> None:
        """Assign traits; the browser gets one message with what has changed, or none.

        Raises
        ------
        TypeError
            For a name that is not a trait of this view.
        TraitError
            For a value its trait refuses.
        """
        refuse_unknown(self, state)
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take a message of the page; what no page of ours would write is passed over.

        Only events and what the reader moves come from there. An error would be for nobody: the
        reader has done nothing wrong, and what is shown goes on.
        """
        super().set_state({n: value for n, value in sync_data.items() if self._hears(n, value)})

    def _hears(self, name: str, value: Any) -> bool:
        trait = self.traits().get(name)
        if trait is None or not (name in self.moved or (isinstance(trait, Event) and value)):
            return False
        try:
            trait._validate(self, value)
        except (t.TraitError, TypeError, ValueError, OverflowError):
            return False
        return True

    def close(self) -> None:
        """Take the view and its layout off the page and out of the kernel; twice is harmless."""
        layout = self._trait_values.get("layout")
        if layout is not None:
            layout.close()
        super().close()

    def __repr__(self) -> str:
        # Also the plain text that stays in a saved notebook when no kernel runs.
        return f"{type(self).__name__}: {self.alt or self.title or 'empty'}"
