"""Three objects, one of which is to be taken out; afterwards, what others take out of them."""

from typing import Any

import traitlets as t

from cnnwidgets.views.event import Event, whole, word
from cnnwidgets.views.view import View, numbers, source, stamped

PLACES = 3
FORMATS = ("jpeg", "png", "rgb", "webp")
FRAME_KEYS = {"data", "format", "height", "width", "box"}
AGENT_KEYS = {"name", "kind", "values", "readings", "takes"}
KINDS = ("people", "network")


def _picture() -> Any:
    return t.Dict().tag(sync=True, to_json=stamped)


def check_frame(value: dict[str, Any], what: str) -> dict[str, Any]:
    """Refuse what is no frame; formats are those of `encoding` and of `sprite.packed`.

    Raises
    ------
    TraitError
        With the keys, the format or the kind of data that came.
    """
    if not value:
        return {}
    if set(value) != FRAME_KEYS:
        got = ", ".join(sorted(value))
        raise t.TraitError(f"{what} holds {', '.join(sorted(FRAME_KEYS))}; got {got}.")
    if value["format"] not in FORMATS or not isinstance(value["data"], bytes):
        raise t.TraitError(
            f"{what} is bytes in one of the formats {', '.join(FORMATS)}; "
            f"got {type(value['data']).__name__}, {value['format']!r}."
        )
    return dict(value)


class Triplet(View):
    """Three pictures side by side, each over its key, its name and, after the answer, bars.

    A click or the keys 1, 2 and 3 choose at once; the arrow keys move and Enter chooses. Then N, or
    Enter on a picture, asks for the next triplet, and U takes the answer back. These keys hold
    everywhere in the explorer around the view, but for text fields, sliders and dropdowns.

    Nothing of the agents is shown before `agents` is filled, which the kernel does after the
    answer; `agent_rows` keeps their place. While a reader switches dimensions off in
    `DimensionRows` of the same explorer, the bars of that agent follow in the browser, before the
    kernel knows.

    Notes
    -----
    A new triplet is one message: ::

        view.show(trial=25, picture_1=..., picture_2=..., picture_3=..., names=[...], alts=[...],
                  chosen=-1, agents=[], locked=False)

    A triplet that was taken back is a new one, too: it comes with a `trial` of its own.
    """

    _esm = source("caption.js", "frames.js", "triplet_pictures.js", "triplet.js")

    picture_1 = _picture()
    """Frame of the left object, from `sprite.packed` or `encoding`; {} shows the name, large."""
    picture_2 = _picture()
    """Frame of the middle object."""
    picture_3 = _picture()
    """Frame of the right object."""
    names = t.List(t.Unicode()).tag(sync=True)
    """Names of the three objects, left to right; [] for no triplet."""
    alts = t.List(t.Unicode()).tag(sync=True)
    """What a screen reader says of each: "lemon, key 1."; the agents only after the answer."""
    trial = t.Int(0).tag(sync=True)
    """Number of the triplet, never used twice: another one clears what was chosen in the browser
    and starts the clock."""
    chosen = t.Int(-1, min=-1, max=PLACES - 1).tag(sync=True)
    """Index of the answer as the kernel knows it, or -1. The browser shows a choice before."""
    locked = t.Bool(False).tag(sync=True)
    """No answer is taken: it is there, or there is nothing to answer."""
    agents: t.List[Any] = t.List().tag(sync=True)
    """[{"name": "people", "kind": "people" | "network", "values": [p1, p2, p3], "readings":
    [".21", ".09", ".70"], "takes": 2}, ...]: probabilities that each object is taken out, in words,
    and the index that is, -1 for none; [] before the answer."""
    agent_rows = t.Int(2, min=0).tag(sync=True)
    """Rows whose height is kept for agents, so that the answer moves nothing."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the pictures."""
    answered = Event(index=whole, trial=whole, rt_ms=whole)
    """Written by the browser: {"index", "trial", "rt_ms", "count"}; `rt_ms` is the whole number of
    milliseconds from the paint of the three pictures to the key or the click. Compare `trial`: an
    answer to an earlier triplet is none."""
    pressed = Event(name=word, trial=whole)
    """Written by the browser: {"name": "next" | "undo", "trial", "count"}. Compare `trial`: what
    was pressed at an earlier triplet, before the kernel had answered, is to be passed over."""

    @t.validate("picture_1", "picture_2", "picture_3")
    def _check_picture(self, proposal: Any) -> dict[str, Any]:
        return check_frame(proposal["value"], "a picture of a triplet")

    @t.validate("names", "alts")
    def _check_three(self, proposal: Any) -> list[str]:
        words: list[str] = proposal["value"]
        if words and len(words) != PLACES:
            raise t.TraitError(f"{proposal['trait'].name} of a triplet are {PLACES}; got {words}.")
        return words

    @t.validate("agents")
    def _check_agents(self, proposal: Any) -> list[dict[str, Any]]:
        return [_agent(agent) for agent in proposal["value"]]


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    if set(agent) != AGENT_KEYS:
        got = ", ".join(sorted(agent)) or "nothing"
        raise t.TraitError(f"an agent holds {', '.join(sorted(AGENT_KEYS))}; got {got}.")
    if agent["kind"] not in KINDS:
        raise t.TraitError(f"an agent's kind is people or network; got {agent['kind']!r}.")
    values = numbers(agent["values"], PLACES, "the values of an agent")
    if any(not 0 <= value <= 1 for value in values):
        raise t.TraitError(f"the values of an agent are probabilities from 0 to 1; got {values}.")
    readings = [str(reading) for reading in agent["readings"]]
    if len(readings) != PLACES:
        raise t.TraitError(f"the readings of an agent are {PLACES}; got {readings}.")
    takes = int(agent["takes"])
    plain = {"name": str(agent["name"]), "kind": agent["kind"]}
    return {**plain, "values": values, "readings": readings, "takes": takes}
