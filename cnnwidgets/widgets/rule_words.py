"""What is said about the rules of the deconvnet family: their labels, their tiles, their strip."""

from __future__ import annotations

from typing import Any

from cnnwidgets.graph import RULES
from cnnwidgets.views import encoding, words
from cnnwidgets.widgets.unit_look import UnitLook
from cnnwidgets.widgets.unit_question import Question

SIDE = 224
"""px of a tile's frame at most: what a tile takes on a screen of twofold density."""
LONGEST = 200
"""Signs of an alternative text at most."""

SHORT = {
    "FTF": "switch only",
    "FFT": "rectify only",
    "TFF": "mask only",
    "TFT": "no switch",
    "FFF": "none of the three",
}
FOLDED = ["the same unit under every mix of mask, switch and rectify"]
OPENED = ["each on its own scale, ± the number below it", "choose one to work with it"]
LEGEND = "● on  ○ off"
MEANING = [
    "mask: a rectifier passes back only where it was active",
    "switch: a max pool sends back to the place of its maximum, else to its window’s middle",
    "rectify: a rectifier passes back only what is positive",
]
ANY_PICTURE = "the same in every picture"
NOTHING = "nothing comes back"


def rule_label(name: str) -> str:
    """Say a rule's name, and of those that have only letters what they mean."""
    return f"{name} · {SHORT[name]}" if name in SHORT else name


def pending_tile(name: str) -> dict[str, Any]:
    """Give the tile of a rule, as `TileStrip` takes it, before there is a picture in it."""
    rule = RULES[name]
    switches = [[word, on] for word, on in rule._asdict().items()]
    return {
        "crop": {},
        "seen": {},
        "window": [],
        "value": "",
        "name": name,
        "beyond": False,
        "switches": switches,
        "note": "" if rule.mask or rule.switch else ANY_PICTURE,
        "alt": f"{name}: {_switches(switches)}.",
    }


def refused_tile(name: str, reason: str) -> dict[str, Any]:
    """Give the tile of a rule that this network refuses: the reader chooses it to hear it all."""
    tile = pending_tile(name)
    alt = f"{tile['alt']} {reason}"
    alt = alt if len(alt) <= LONGEST else f"{alt[: LONGEST - 1]}…"
    return {**tile, "note": "", "message": reason, "alt": alt}


def drawn_tile(look: UnitLook) -> dict[str, Any]:
    """Give the tile of a rule with what comes back under it, in the box of the big picture."""
    tile, limit = pending_tile(look.question.rule), look.scales.contrast
    scale = f"±{words.response(limit)}" if limit else ""
    note = tile["note"] if limit else NOTHING
    said = ", ".join(part for part in (scale or NOTHING, tile["note"]) if part)
    return {
        **tile,
        "seen": encoding.raw(encoding.shrunk(look.tones, SIDE), look.seen),
        "window": look.box,
        "value": scale,
        "note": note,
        "alt": f"{tile['alt'].removesuffix('.')}; {said}.",
    }


def silence(unit: int) -> list[str]:
    """Say that nothing is drawn of a silent unit."""
    return [f"Unit {unit} is silent in this picture."]


def strip_alt(question: Question) -> str:
    """Describe the strip."""
    return f"What {question.layer} unit {question.unit} sees at its place under the eight rules."


def _switches(switches: list[list[Any]]) -> str:
    return ", ".join(f"{word} {'on' if on else 'off'}" for word, on in switches)
