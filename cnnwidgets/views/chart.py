"""The base of the charts: bqplot draws; caption, alt text, focus, keys and clicks are ours."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import traitlets as t
from numpy.typing import NDArray

from cnnwidgets.views.chart_caption import Caption
from cnnwidgets.views.layout import close_tree
from cnnwidgets.views.span import Listed, Span, words
from cnnwidgets.views.view import refuse_unknown

HEIGHT = 196  # px of a figure
INK, SOFT = "var(--cw-ink)", "var(--cw-soft)"
BAR, RULE = "var(--cw-bar)", "var(--cw-rule)"
ACCENT, GROUND = "var(--cw-accent)", "var(--cw-ground)"
MARGIN = {"top": 8, "right": 12, "bottom": 20, "left": 30}
EMPTY = np.array([])
Floats = NDArray[np.float64]


def assign(widget: ipywidgets.Widget, **state: Any) -> None:
    """Set what has changed, in one message; bqplot itself would send equal arrays again."""
    with widget.hold_sync():
        for name, value in state.items():
            if not _equal(getattr(widget, name), value):
                setattr(widget, name, value)


def _equal(old: Any, new: Any) -> bool:
    if not isinstance(old, np.ndarray):
        return bool(type(old) is type(new) and old == new)
    new = np.asarray(new)
    if old.shape != new.shape or old.dtype.kind != new.dtype.kind:
        return False
    return bool(np.array_equal(old, new, equal_nan=old.dtype.kind == "f"))


class Chart(ipywidgets.VBox):
    """A caption over a bqplot figure; built once, then assigned to.

    Everything is drawn in shares of the plot area, so that axes are fixed and only what has
    changed is sent. A value beyond the limits stands at the edge. The traits live in Python.

    Raises
    ------
    TypeError
        For a keyword that is not a trait.
    """

    title = t.Unicode()
    """What the chart shows, in two or three words."""
    notes = t.List(t.Unicode())
    """Soft words after the title."""
    reading = t.Unicode()
    """The number at the right of the caption, in words."""
    alt = t.Unicode()
    """What, where, how much, for those who do not see the chart; at most 200 signs."""
    chosen = t.Dict()
    """What was clicked, or stepped to by a key; with "count", which grows."""

    margin = MARGIN

    def __init__(self, **state: Any) -> None:
        refuse_unknown(self, state)
        self._drawing = True  # nothing is drawn before all is there
        self._owned: list[ipywidgets.Widget] = []
        self._named: dict[str, dict[str, str]] = {}  # the labels of each axis, by their shares
        self.caption = Caption()
        self._scales = {"x": self._unit_scale(), "y": self._unit_scale()}
        self._axes = self._own_axes()
        self.brush: Any = self._own_brush()
        self.figure = bqplot.Figure(
            marks=self._own_marks(),
            axes=[*self._axes.values()],
            fig_margin=dict(self.margin),
            padding_x=0,
            padding_y=0,
            animation_duration=0,
            display_toolbar=False,
            interaction=self.brush,
            layout=ipywidgets.Layout(height=f"{HEIGHT}px", width="100%", min_width="0px"),
        )
        super().__init__([self.caption, self.figure])
        self.add_class("cw-chart")
        self.caption.observe(self._pointed, "pointed")
        self.caption.observe(self._pressed, "pressed")
        self.caption.observe(lambda _: self.caption.show(**self._table()), "tabled")
        self._drawing = False
        self.show(**state)
        self.observe(self._changed, self._drawn_traits())

    def show(self, **state: Any) -> None:
        """Assign traits and draw once.

        Raises
        ------
        TypeError
            For a name that is not a trait of this chart.
        TraitError
            For a value its trait refuses, or values that do not fit each other.
        """
        refuse_unknown(self, state)
        self._drawing = True
        try:
            for name, value in state.items():
                setattr(self, name, value)
        finally:
            self._drawing = False
        self._draw_all()

    def close(self) -> None:
        """Take the chart off the page and out of the kernel, with all that only it holds."""
        if "children" not in self._trait_values:  # refused before anything was built
            super().close()
            return
        figure, owned = self.figure, [*self._owned, *filter(None, [self.brush])]
        self._owned.clear()
        for widget in (*owned, figure.scale_x, figure.scale_y):
            widget.close()
        layout = self._trait_values.get("layout")
        for widget in (self.caption, figure):
            close_tree(widget)
        if layout is not None:
            layout.close()
        super().close()

    def _draw(self) -> None:
        """Assign to the marks what the traits say."""
        raise NotImplementedError

    def _step(self, key: str) -> dict[str, Any] | None:
        """What a key chooses, one step from where the marker stands; None for nothing."""
        raise NotImplementedError

    def _nearest(self, x: float, y: float) -> dict[str, Any] | None:
        """What a click at these shares of the plot area chooses; None for nothing."""
        raise NotImplementedError

    def _numbers(self) -> Listed:
        """What is drawn, as the heads and rows of a table."""
        raise NotImplementedError

    def _own_marks(self) -> list[bqplot.Mark]:
        raise NotImplementedError

    def _own_brush(self) -> bqplot.interacts.Interaction | None:
        return None

    def _own_axes(self) -> dict[str, bqplot.Axis]:
        across = bqplot.Axis(scale=self._scales["x"], grid_lines="none")
        up = bqplot.Axis(scale=self._scales["y"], side="left", grid_lines="solid")
        self._owned += [across, up]
        return {"x": across, "y": up}

    def _unit_scale(self) -> bqplot.LinearScale:
        scale = bqplot.LinearScale(min=0, max=1, allow_padding=False)
        self._owned.append(scale)
        return scale

    def _mark(self, kind: Callable[..., bqplot.Mark], **state: Any) -> Any:
        """A mark on the chart's scales; unclipped, so that dots and lines at the edge are whole."""
        state = {"x": EMPTY, "y": EMPTY, "apply_clip": False, "interactions": {}} | state
        mark = kind(scales=dict(self._scales), **state)
        self._owned.append(mark)
        return mark

    def _line(self, colour: str, width: float = 1.75, **state: Any) -> bqplot.Lines:
        return self._mark(bqplot.Lines, colors=[colour], stroke_width=width, **state)

    def _dots(self, colour: str, size: int, ring: str | None = None) -> bqplot.Scatter:
        """Dots of `size` square px, with a ring of 2 px or none."""
        state = {"stroke": ring, "stroke_width": 2.0 if ring else 0.0}
        return self._mark(bqplot.Scatter, colors=[colour], default_size=size, **state)

    def _label(self, **state: Any) -> bqplot.Label:
        style = {"colors": [SOFT], "default_size": 11, "font_weight": "normal"}
        return self._mark(bqplot.Label, **style, **state)

    def _say(self, label: bqplot.Label, place: tuple[float, float] | None, text: str) -> None:
        """Put words at (x, y) shares of the plot area, or take them away."""
        at = np.array([place] if place and text else np.empty((0, 2)), dtype=float)
        assign(label, x=at[:, 0], y=at[:, 1], text=np.array([text][: len(at)], dtype="U"))

    def _upright(
        self, line: bqplot.Lines, label: bqplot.Label, at: float | None, height: float, text: str
    ) -> None:
        """A vertical line at a share of the width, words beside it at a height; None for none."""
        shares = np.full(0 if at is None else 2, at, dtype=float)
        assign(line, x=shares, y=np.arange(len(shares), dtype=float))
        if at is not None:
            right = at < 0.6
            assign(label, align="start" if right else "end", x_offset=6 if right else -6)
        self._say(label, None if at is None else (at, height), text)

    def _tick(self, axis: str, along: Span, ticks: Iterable[float], labels: Sequence[str]) -> None:
        """Put ticks on an axis; without `labels` their numbers in short."""
        ticks = list(ticks)
        if labels and len(labels) != len(ticks):
            raise t.TraitError(f"{len(ticks)} ticks take as many labels; got {len(labels)}.")
        texts = labels or [words(tick) for tick in ticks]
        places = along.share(ticks)
        named = {f"{place:g}": text for place, text in zip(places, texts, strict=True)}
        self._name_ticks(axis, named, places)

    def _name_ticks(self, axis: str, named: dict[str, str], places: Any) -> None:
        # The labels go first and alone: bqplot writes those that it knows when the values come, and
        # in one message the order is left to chance. The old ones stay for that moment.
        assign(self._axes[axis], tick_labels=self._named.get(axis, {}) | named)
        assign(self._axes[axis], tick_values=places)
        self._named[axis] = named

    def _choose(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            self.chosen = {**choice, "count": self.chosen.get("count", 0) + 1}

    def _pointed(self, change: Any) -> None:
        if change["new"]:
            self._choose(self._nearest(change["new"]["x"], change["new"]["y"]))

    def _pressed(self, change: Any) -> None:
        if key := change["new"].get("key"):
            self._toggle() if key == " " else self._choose(self._step(key))

    def _toggle(self) -> None:
        """What Space does in a chart that picks."""

    def _changed(self, _change: Any) -> None:
        if not self._drawing:
            self._draw_all()

    def _draw_all(self) -> None:
        self._draw()
        said = {name: getattr(self, name) for name in ("title", "notes", "reading", "alt")}
        self.caption.show(**said, **self._table())

    def _table(self) -> dict[str, Any]:
        heads, rows = self._numbers() if self.caption.tabled else ([], [])
        return {"heads": heads, "rows": rows}

    def _drawn_traits(self) -> list[str]:
        own = set(self.trait_names()) - set(ipywidgets.VBox.class_trait_names())
        return sorted(own - {"chosen", "brushed"})

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.alt or self.title or 'empty'}"
