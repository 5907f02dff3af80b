"""The contract of the views: strict keywords, one message an update, nothing left behind."""

import re
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget as registry
from traitlets import TraitError

from cnnwidgets.views import (
    BarRows,
    BarStrip,
    DimensionRows,
    Entry,
    Fold,
    Meter,
    NumberRow,
    Picture,
    StatusLine,
    TileStrip,
    Triplet,
    UnitMosaic,
    Verdict,
    View,
    encoding,
    layout,
)
from cnnwidgets.views.event import Event

VIEWS = [
    Picture,
    BarStrip,
    BarRows,
    StatusLine,
    TileStrip,
    Entry,
    Fold,
    Meter,
    NumberRow,
    UnitMosaic,
    Triplet,
    Verdict,
    DimensionRows,
]


def every_kind() -> list[type[View]]:
    """All views that there are, of whatever module."""
    found, todo = [], [View]
    while todo:
        below = [kind for kind in todo.pop().__subclasses__() if kind.__module__[:4] == "cnnw"]
        found += below
        todo += below
    return found


PIXELS = np.zeros((4, 6, 3), np.uint8)
CELLS = {"rows": 2, "columns": 3, "start": [1, 1], "jump": [2, 2]}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = set(registry._instances)
    yield
    left = [registry._instances[key] for key in set(registry._instances) - before]
    for widget in left:
        widget.close()


def sent(view: View, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """States that the view sends to the browser from here on."""
    messages: list[dict[str, Any]] = []

    def record(data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        messages.append({"state": data.get("state"), "buffers": buffers or []})

    monkeypatch.setattr(view.comm, "send", record)
    return messages


@pytest.mark.parametrize("kind", VIEWS)
def test_an_unknown_keyword_is_named(kind: type[View]) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} has no trait titel"):
        kind(titel="Picture")
    with pytest.raises(TypeError, match="has no trait readings_, titel"):
        kind().show(titel="Picture", readings_=[])


def test_one_message_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(title="Picture")
    messages = sent(picture, monkeypatch)
    frame = encoding.raw(PIXELS)
    picture.show(frame=frame, window=(0, 0, 4, 6), reading="831", alt="chelsea", marks=[])
    (message,) = messages
    assert set(message["state"]) == {"frame", "window", "reading", "alt"}
    assert message["buffers"] == [frame["data"]]
    picture.show(reading="831", alt="chelsea")
    assert len(messages) == 1


def test_every_new_frame_differs_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture()
    messages = sent(picture, monkeypatch)
    for shade in (1, 2, 1):
        picture.show(frame=encoding.raw(PIXELS + np.uint8(shade)))
    serials = [message["state"]["frame"]["serial"] for message in messages]
    assert len(set(serials)) == 3


@pytest.mark.parametrize("kind", VIEWS)
def test_scripts_travel_as_text_and_styles_once_a_page(kind: type[View]) -> None:
    state = kind().get_state()
    assert "export default" in state["_esm"] and "const caption" in state["_esm"]
    assert ".cw {" in state["_css"] and ".cw-frame" in state["_css"]
    assert state["_anywidget_id"] == "cnnwidgets"
    assert "innerHTML" not in state["_esm"]
    assert "base64" not in state["_esm"]


SENT = re.compile(r'(?:model\.set\(|emit\(model, )"(\w+)"')


@pytest.mark.parametrize("kind", [View, *every_kind()])
def test_what_a_script_writes_is_heard_and_nothing_else(kind: type[View]) -> None:
    events = {name for name, trait in kind.class_traits().items() if isinstance(trait, Event)}
    script = kind._esm if kind is not View else ""
    assert {*SENT.findall(script), "_view_count"} == kind.moved | events


def test_updates_make_no_widgets_and_close_leaves_none() -> None:
    before = len(registry._instances)
    view, strip, rows, status = Picture(), BarStrip(), BarRows(), StatusLine()
    built = len(registry._instances)
    for step in range(15):
        view.show(frame=encoding.raw(PIXELS + np.uint8(step)), reading=str(step))
        strip.show(values=[step, 1], labels=["a", "b"], selected=step % 2)
        rows.show(values=[step / 20], labels=["cat"], readings=[".1"])
        status.show(state="busy", text=str(step), done=step, total=15)
    assert len(registry._instances) == built
    for widget in (view, strip, rows, status):
        widget.close()
        widget.close()
    assert len(registry._instances) == before


@pytest.mark.parametrize(
    ("trait", "value", "sentence"),
    [
        ("frame", {"data": b"123"}, "a frame holds box, data, format, height, width; got data"),
        ("frame", {**encoding.raw(PIXELS), "format": "gif"}, "one of jpeg, png, rgb; got 'gif'"),
        ("frame", {**encoding.raw(PIXELS), "height": 5}, "holds 90 bytes of data; got 72 bytes"),
        ("frame", {**encoding.raw(PIXELS), "data": "text"}, "72 bytes of data; got str"),
        ("overlay", {"data": bytes(5), **CELLS}, "an overlay holds 6 bytes of data; got 5"),
        ("grid", {"rows": 2}, "a grid holds columns, jump, rows, start; got rows"),
        ("grid", {**CELLS, "jump": [2]}, "the jump of a grid takes 2 numbers"),
        ("window", [1, 2, 3], "window takes 4 numbers"),
        ("extent", ["a", "b"], "extent takes 2 numbers"),
        ("marks", [{"kind": "circle", "box": [0, 0, 1, 1]}], "one of cell, field, free"),
        ("marks", [{"kind": "cell", "box": [0, 0, 1]}], "a mark's box takes 4 numbers"),
    ],
)
def test_a_picture_refuses_in_words(trait: str, value: Any, sentence: str) -> None:
    picture = Picture()
    with pytest.raises(TraitError, match=sentence):
        picture.show(**{trait: value})


def test_numbers_of_numpy_become_plain() -> None:
    picture = Picture(
        window=np.array([0, 0, 4, 6]),
        marks=[{"kind": "cell", "box": np.float32([1, 2, 3, 4])}],
        grid={**CELLS, "rows": np.int64(2), "start": np.array([1.5, 1.5])},
    )
    assert picture.window == [0, 0, 4, 6]
    flat = [*picture.window, *picture.marks[0]["box"], *picture.grid["start"]]
    assert {type(number) for number in flat} == {float}
    assert type(picture.grid["rows"]) is int


def test_bars_in_rows_are_shares() -> None:
    with pytest.raises(TraitError, match=r"shares from 0 to 1; got \[1.5\]"):
        BarRows(values=[1.5])
    assert BarStrip(values=np.array([1.5, -2])).values == [1.5, -2.0]


def test_the_browser_s_choices_arrive() -> None:
    picture, seen = Picture(), []
    picture.observe(lambda change: seen.append(change["new"]), "chosen")
    for count in (1, 2):
        picture.set_state({"chosen": {"position": [3, 4], "count": count}})
    assert [choice["count"] for choice in seen] == [1, 2]


def test_the_panel_closes_from_the_browser() -> None:
    status = StatusLine(panel="import cnnwidgets")
    status.set_state({"pressed": {"name": "png", "count": 1}})
    assert status.panel
    status.set_state({"pressed": {"name": "close", "count": 2}})
    assert status.panel == ""


def test_a_file_is_offered_once_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    status = StatusLine()
    messages = sent(status, monkeypatch)
    status.offer("unit.png", "image/png", b"data")
    status.offer("unit.png", "image/png", b"data")
    offered = [message for message in messages if message["buffers"]]
    assert [message["buffers"] for message in offered] == [[b"data"]] * 2
    assert offered[0]["state"]["download"]["count"] != offered[1]["state"]["download"]["count"]
    assert status.download == {}


def test_status_refuses_other_states_and_buttons() -> None:
    with pytest.raises(TraitError, match="state"):
        StatusLine(state="thinking")
    with pytest.raises(TraitError, match="a button holds name and label"):
        StatusLine(buttons=[{"name": "stop"}])


def test_a_saved_notebook_says_what_stood_there() -> None:
    assert repr(Picture(alt="chelsea, 831")) == "Picture: chelsea, 831"
    assert repr(BarRows(title="The network says")) == "BarRows: The network says"


def test_fields_carry_their_label_and_trees_close_whole() -> None:
    before = len(registry._instances)
    menu = layout.labelled("picture", ipywidgets.Dropdown(options=["a"]), flex="0 1 120px")
    slider, number = ipywidgets.IntSlider(), ipywidgets.BoundedIntText()
    unit = layout.labelled("unit", slider, number, wide=True)
    root = ipywidgets.VBox()
    views = [Picture(), Picture(), Picture(), BarStrip(), BarRows()]
    row = layout.controls_row(layout.named("model", "SqueezeNet 1.1"), menu, unit)
    layout.explorer_root(root, row, layout.unit_main(*views), StatusLine())
    assert menu.description == "picture" and menu.layout.flex == "0 1 120px"
    assert unit.children[0].value == "unit" and slider.description == ""
    assert "cw" in root._dom_classes and "cw-area-crop" in views[1]._dom_classes
    layout.close_tree(root)
    assert len(registry._instances) == before
