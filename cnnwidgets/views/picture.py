"""A picture on a canvas: pixels, a map over them, marks, and positions that can be chosen."""

from collections.abc import Mapping
from typing import Any

import traitlets as t

from cnnwidgets.views.display import OVERLAY_POWER, OVERLAY_STRENGTH, VIRIDIS
from cnnwidgets.views.event import Event, place
from cnnwidgets.views.view import Numbers, View, counts, numbers, source, stamped

FORMATS = {"rgb", "jpeg", "png"}
MARKS = {"field", "cell", "free"}


def _keys(value: Mapping[str, Any], wanted: set[str], what: str) -> None:
    if set(value) != wanted:
        got = ", ".join(sorted(value)) or "nothing"
        raise t.TraitError(f"{what} holds {', '.join(sorted(wanted))}; got {got}.")


def _bytes(value: Any, length: int, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != length:
        got = f"{len(value)} bytes" if isinstance(value, bytes) else type(value).__name__
        raise t.TraitError(f"{what} holds {length} bytes of data; got {got}.")
    return value


def _cells(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    rows, columns = counts((value["rows"], value["columns"]), 2, f"the size of {what}")
    start = numbers(value["start"], 2, f"the start of {what}")
    jump = numbers(value["jump"], 2, f"the jump of {what}")
    return {"rows": rows, "columns": columns, "start": start, "jump": jump}


class Picture(View):
    """One picture in a square that keeps its size in every state.

    All coordinates are those of the whole picture in pixels, rows down, boxes half-open
    (top, left, bottom, right); so a crop is the same frame in another window.

    The marks fit a receptive field: `box` of the field, the cell of the map, and the part where no
    field reaches padding. A click, or the arrow keys, choose a position of `grid`.
    """

    _esm = (
        f"const VIRIDIS = '{VIRIDIS.tobytes().hex()}';\nconst OVERLAY_POWER = {OVERLAY_POWER};\n"
        + source("caption.js", "frames.js", "painting.js", "picture.js")
    )

    moved = View.moved | {"strength"}

    frame = t.Dict().tag(sync=True, to_json=stamped)
    """Pixels and the box they cover, from `encoding`; {} while there is nothing yet."""
    window = Numbers(4).tag(sync=True)
    """The part on show, [top, left, bottom, right]; [] shows the picture (or the frame) whole."""
    extent = Numbers(2).tag(sync=True)
    """[height, width] of the picture; what the window shows beyond is hatched; [] for no hatch."""
    overlay = t.Dict().tag(sync=True, to_json=stamped)
    """A map over the picture, from `encoding.overlay`; {} for none."""
    limits = t.List(t.Unicode()).tag(sync=True)
    """The two ends of the map's scale in words, beside a colour bar in the caption; [] for none."""
    strength = t.Float(OVERLAY_STRENGTH, min=0, max=1).tag(sync=True)
    """Opacity of the map's largest value. The reader moves it where `adjustable` is set."""
    adjustable = t.Bool(False).tag(sync=True)
    """Show a small slider for `strength` in the caption."""
    marks: t.List[Any] = t.List().tag(sync=True)
    """[{"kind": "field" | "cell" | "free", "box": [top, left, bottom, right]}, ...]."""
    grid = t.Dict().tag(sync=True)
    """Positions to choose from: {"rows", "columns", "start", "jump"}; {} for none."""
    position = Numbers(2).tag(sync=True)
    """[row, column] where the arrow keys start; [] for nowhere."""
    smooth = t.Bool(False).tag(sync=True)
    """Smooth when enlarged: photographs and reconstructions yes, kernels and maps no."""
    tag = t.Unicode().tag(sync=True)
    """A word at the lower left ("preview"), shown when it stays for 150 ms."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the picture."""
    chosen = Event(position=place)
    """Written by the browser: {"position": [row, column], or None for the strongest, "count"}."""

    @t.validate("frame")
    def _check_frame(self, proposal: Any) -> dict[str, Any]:
        value = proposal["value"]
        if not value:
            return {}
        _keys(value, {"data", "format", "height", "width", "box"}, "a frame")
        if value["format"] not in FORMATS:
            raise t.TraitError(
                f"a frame's format is one of {', '.join(sorted(FORMATS))}; got {value['format']!r}."
            )
        height, width = counts((value["height"], value["width"]), 2, "the size of a frame")
        size = height * width * 3 if value["format"] == "rgb" else len(value["data"])
        data = _bytes(value["data"], size, "a frame")
        box = numbers(value["box"], 4, "the box of a frame")
        return {
            "data": data,
            "format": value["format"],
            "height": height,
            "width": width,
            "box": box,
        }

    @t.validate("overlay")
    def _check_overlay(self, proposal: Any) -> dict[str, Any]:
        value = proposal["value"]
        if not value:
            return {}
        _keys(value, {"data", "rows", "columns", "start", "jump"}, "an overlay")
        cells = _cells(value, "an overlay")
        data = _bytes(value["data"], cells["rows"] * cells["columns"], "an overlay")
        return {"data": data, **cells}

    @t.validate("grid")
    def _check_grid(self, proposal: Any) -> dict[str, Any]:
        value = proposal["value"]
        if not value:
            return {}
        _keys(value, {"rows", "columns", "start", "jump"}, "a grid")
        return _cells(value, "a grid")

    @t.validate("marks")
    def _check_marks(self, proposal: Any) -> list[dict[str, Any]]:
        marks = []
        for mark in proposal["value"]:
            _keys(mark, {"kind", "box"}, "a mark")
            if mark["kind"] not in MARKS:
                raise t.TraitError(
                    f"a mark's kind is one of {', '.join(sorted(MARKS))}; got {mark['kind']!r}."
                )
            marks.append({"kind": mark["kind"], "box": numbers(mark["box"], 4, "a mark's box")})
        return marks
