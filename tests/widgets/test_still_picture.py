"""The still of a saved notebook: when it is put there, when it is renewed, what it tells."""

import base64
import io
import re
import time
from types import SimpleNamespace

import IPython.display
import numpy as np
import pytest
from PIL import Image

import cnnwidgets as cw
from cnnwidgets.views.encoding import png_bytes
from cnnwidgets.widgets import still_picture
from cnnwidgets.widgets.scheduler import Lane
from cnnwidgets.widgets.still_picture import StillPicture
from tests.widgets.tiny import network, pictures

RED = np.full((40, 60, 3), (200, 30, 40), np.uint8)


class Notebook:
    """What a kernel's shell is to a still: events, the cell that runs, and outputs by handle."""

    def __init__(self):
        self.hooks, self.outputs, self.cell = [], {}, "cell 1"
        self.kernel = SimpleNamespace(get_parent=self.parent)
        self.events = SimpleNamespace(
            register=lambda _, hook: self.hooks.append(hook),
            unregister=lambda _, hook: self.hooks.remove(hook),
        )

    def parent(self):
        kind = "execute_request" if self.cell else "comm_msg"
        return {"header": {"msg_type": kind, "msg_id": self.cell}}

    def end_cell(self):
        for hook in [*self.hooks]:
            hook(None)

    def handle(self):
        place = object()
        put = lambda output, raw: self.outputs.setdefault(place, []).append(output)  # noqa: E731
        return SimpleNamespace(display=put, update=put)

    @property
    def shown(self):
        """All that was put into the outputs, the newest last."""
        return [output for outputs in self.outputs.values() for output in outputs]


class Loop:
    """Does what is called later when the test lets it."""

    def __init__(self):
        self.later = []

    def call_soon_threadsafe(self, call, *arguments):
        call(*arguments)

    def call_later(self, seconds, call):
        self.later.append((seconds, call))


@pytest.fixture
def notebook(monkeypatch):
    made = Notebook()
    monkeypatch.setattr(still_picture, "_notebook", lambda: made)
    monkeypatch.setattr(IPython.display, "DisplayHandle", made.handle)
    return made


@pytest.fixture
def inline():
    """A lane on which every move but the first is a preview, until `rest()`."""
    return Lane(inline=True, clock=lambda: 0.0)


@pytest.fixture
def loop(monkeypatch):
    made = Loop()
    monkeypatch.setattr(still_picture, "kernel_loop", lambda: made)
    return made


def still(shown=None, resting=lambda: True):
    shown = shown or {"png": png_bytes(RED), "words": ["main", "second", "third", "fourth"]}
    return StillPicture("key", "Explorer", lambda: (shown["png"], shown["words"]), resting)


def picture_in(html):
    packed = re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(packed))))


def test_it_stands_at_the_end_of_the_cell_with_its_words(notebook):
    one = still()
    one.follow()
    assert notebook.shown == []
    notebook.end_cell()
    [output] = notebook.shown
    assert np.abs(picture_in(output["text/html"]).astype(int) - RED).max() < 4
    assert 'alt="main"' in output["text/html"] and output["text/plain"] == "main"
    said = re.search("<small>(.*)</small>", output["text/html"])[1]
    assert "second third" in said and "fourth" not in said and "still of Explorer" in said
    notebook.end_cell()
    assert len(notebook.shown) == 1


def test_displayed_twice_in_a_cell_it_stands_there_once_and_in_the_next_again(notebook, loop):
    one = still()
    one.follow()
    one.follow()
    notebook.end_cell()
    assert len(notebook.shown) == 1
    notebook.cell = "cell 2"
    one.follow()
    notebook.end_cell()
    assert len(notebook.shown) == 2 and len(notebook.outputs) == 1  # one handle renews both


@pytest.mark.parametrize("cell", ["", "cell 2"])
def test_it_stays_out_of_other_cells(notebook, cell):
    one = still()
    notebook.cell = cell and "cell 1"
    one.follow()
    notebook.cell = "cell 2"  # the first was interrupted, or none ran
    notebook.end_cell()
    assert notebook.shown == [] and notebook.hooks == []


def test_it_is_renewed_at_rest_and_seldom(notebook, loop, monkeypatch):
    now, shown = [100.0], {"png": b"", "words": []}
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    resting = [False]
    one = still(shown, lambda: resting[0])
    one.follow()
    notebook.end_cell()
    assert "nothing is shown yet" in notebook.shown[-1]["text/html"]
    shown |= {"png": png_bytes(RED), "words": ["first"]}
    one.renew()
    assert len(notebook.shown) == 1  # it is busy still
    resting[0] = True
    loop.later.pop()[1]()
    assert notebook.shown[-1]["text/plain"] == "first"  # at once, the first time
    shown["words"] = ["second"]
    for _ in range(50):
        one.renew()
    [(seconds, look)] = loop.later
    assert seconds == pytest.approx(still_picture.SPARED)
    now[0] += still_picture.SPARED
    look()
    assert [output["text/plain"] for output in notebook.shown][1:] == ["first", "second"]


def test_closed_it_takes_the_last_picture_and_no_other(notebook, loop):
    shown = {"png": png_bytes(RED), "words": ["first"]}
    one = still(shown)
    one.follow()
    notebook.end_cell()
    shown["words"] = ["last"]
    one.renew()
    one.close()
    assert notebook.shown[-1]["text/plain"] == "last"
    shown["words"] = ["later"]
    one.renew()
    one.close()
    assert len(notebook.shown) == 2


def test_what_cannot_be_drawn_is_words(notebook):
    def fails():
        raise OSError("the file is gone")

    one = StillPicture("key", "Explorer", fails, lambda: True)
    one.follow()
    notebook.end_cell()
    assert "Explorer: nothing is shown yet" in notebook.shown[0]["text/html"]


def test_explorers_have_one_where_they_are_displayed_unless_told_not_to(notebook, inline):
    explorer = cw.UnitExplorer(network(), pictures(), lane=inline)
    silent = cw.UnitExplorer(network(), pictures(), lane=inline, still=False)
    inline.rest()
    for one in (explorer, silent):
        assert "application/vnd.jupyter.widget-view+json" in one._repr_mimebundle_()
    notebook.end_cell()
    [output] = notebook.shown
    assert output["text/plain"] == explorer._panels.picture.alt
    assert len(output["text/plain"]) <= 200
    assert picture_in(output["text/html"]).shape[1] > 1000
    explorer.close()
    silent.close()


def test_of_triplets_it_tells_neither_answers_nor_agents(notebook, inline):
    stepper = cw.TripletStepper(
        {"one": np.random.default_rng(0).random((4, 3))},
        ["ant", "bee", "cow", "dog"],
        people=None,
        sittings=None,
        lane=inline,
    )
    inline.rest()
    before = stepper._still()
    stepper.take_out(0)
    inline.rest()
    assert stepper._panels.triplet.chosen == 0
    assert stepper._still() == before
    assert "key 1" in before[1][0] and "odd" not in before[1][0]
    stepper.close()


def test_outside_a_notebook_there_is_none(inline):
    explorer = cw.UnitExplorer(network(), pictures(), lane=inline)
    inline.rest()
    explorer._repr_mimebundle_()
    assert explorer._still_picture._handle is None
    assert repr(explorer) == f"UnitExplorer: {explorer._panels.picture.alt}"
    explorer.close()
