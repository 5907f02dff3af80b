"""Messages that no page of ours would send, and a look at what they leave behind."""

import traceback

import hypothesis.strategies as st
import ipywidgets
from bqplot.interacts import BrushIntervalSelector, BrushSelector
from hypothesis import given, settings
from traitlets import TraitError

from cnnwidgets.views import StatusLine, View
from cnnwidgets.views.event import Event

SETTINGS = settings(max_examples=14)
CONTROLS = (
    ipywidgets.IntSlider,
    ipywidgets.IntText,
    ipywidgets.Dropdown,
    ipywidgets.Combobox,
    ipywidgets.FileUpload,
    BrushIntervalSelector,
    BrushSelector,
)
WRITTEN = ["value", "index", "max", "selected", "selected_x", "selected_y", "brushing"]
"""What the page writes on the controls of others."""

# Few letters, so that Hypothesis need not lay out all of Unicode first, which takes seconds.
TEXTS = st.text("ab9 .*-\n\0\u00e9\u8a9e\u202e\U0001f600", max_size=5)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([2**31, -(2**63), 2**53 + 1, 10**400, 0.5, -0.0, 1e308, 5e-324]),
    st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    st.sampled_from(["", "stop", "next", "undo", "Home", "a\0b", "\u202e", "\ud800", "9" * 99]),
    TEXTS,
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=4,
)
FILES = st.fixed_dictionaries(
    {
        "name": SCALARS,
        "type": SCALARS,
        "size": SCALARS,
        "last_modified": st.integers(0, 10**12) | SCALARS,
        "content": st.binary(max_size=9).map(memoryview) | SCALARS,
    }
)


def widgets_of(explorer):
    """Every view and control of an explorer, with those that are not shown now."""
    found, seen, todo = [], set(), [explorer]
    while todo:
        widget = todo.pop()
        if id(widget) in seen:
            continue
        seen.add(id(widget))
        if isinstance(widget, (View, *CONTROLS)):
            found.append(widget)
        todo += [*getattr(widget, "children", ()), *_held(widget)]
    return found


def _held(widget):
    named = (getattr(widget, name, None) for name in ("caption", "brush"))
    return [one for one in named if isinstance(one, ipywidgets.Widget)]


def states(widget):
    """What the page might say to one widget: right names and wrong values, or any names."""
    if isinstance(widget, View):
        events = {
            n: trait.fields for n, trait in widget.traits().items() if isinstance(trait, Event)
        }
        names = [*events, *widget.moved, *widget.keys, "nonsense"]
        near = [_near(name, fields) for name, fields in events.items()]
        return st.one_of(*near, st.dictionaries(st.sampled_from(names), ANYTHING, max_size=3))
    names = [name for name in WRITTEN if name in widget.keys]
    values = st.lists(FILES, max_size=2) if "accept" in widget.keys else st.nothing()
    return st.dictionaries(st.sampled_from([*names, "nonsense"]), ANYTHING | values, max_size=2)


def _near(name, fields):
    """An event of the right form; what it asks for need not be there."""
    words = ["next", "undo", "png", "csv", "details", "close", "lines", "vice", "keep", "measure"]
    keys = ["ArrowUp", "ArrowLeft", "Home", "End", "mean of 1, 2", "2*1 − 0", "1e999*1", "0*1"]
    value = {
        "word": st.sampled_from([*words, *keys, "nonsense", "1\n2", "9" * 5000]),
        "number": st.floats(-2, 2),
        "whole": st.integers(-4, 20) | st.sampled_from([2**53, -(2**53)]),
        "place": st.none() | st.tuples(*[st.integers(-2, 60) | st.just(2**53)] * 2).map(list),
    }
    drawn = {field: value[check.__name__] for field, check in fields.items()}
    return st.fixed_dictionaries({name: st.fixed_dictionaries(drawn, optional={"count": SCALARS})})


def shake(explorer, settled=lambda: None):
    """Send garbage to everything in an explorer; what it raises is none of ours, or nothing."""
    widgets = widgets_of(explorer)
    assert len(widgets) > 5
    messages = st.sampled_from(range(len(widgets))).flatmap(
        lambda number: st.tuples(st.just(number), states(widgets[number]))
    )

    @SETTINGS
    @given(st.lists(messages, min_size=4, max_size=12))
    def send(several):
        for number, state in several:
            told(widgets[number], state)
        settled()
        assert_sentence(explorer.error)

    send()
    return widgets


def told(widget, state):
    """Take a message as the kernel does."""
    try:
        widget.set_state(state)
    except Exception as error:  # noqa: BLE001 - whatever it is
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/cnnwidgets/" in frame.filename]
        assert not ours and not isinstance(widget, View), (type(widget).__name__, state, ours)


def assign_anything(owner, names, settled=lambda: None):
    """Set traits from Python to anything; what is refused is told by one sentence."""

    @SETTINGS
    @given(st.lists(st.tuples(st.sampled_from(names), ANYTHING), max_size=8))
    def assign(several):
        for name, value in several:
            try:
                setattr(owner, name, value)
            except (TraitError, TypeError, ValueError) as error:
                assert_sentence(str(error))
        settled()
        assert_sentence(owner.error)

    assign()


def assert_sentence(said):
    """At most one sentence on one line, short enough to be read."""
    assert isinstance(said, str) and "\n" not in said and "Traceback" not in said, repr(said)
    assert len(said) < 600, said


def status_of(explorer):
    """The explorer's status line."""
    return next(widget for widget in widgets_of(explorer) if isinstance(widget, StatusLine))


def shake_view(view):
    """Send garbage to a view that stands alone."""

    @settings(SETTINGS, max_examples=20)
    @given(states(view))
    def send(state):
        told(view, state)

    send()
