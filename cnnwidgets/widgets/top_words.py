"""What the strip of top pictures says: its caption, its alternative text, why it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnwidgets.engines.top_images import Peak
from cnnwidgets.views import words
from cnnwidgets.views.tile_strip import PLACES
from cnnwidgets.widgets.explorer import EXPORTS, STOP

BEYOND = "▫ field reaches past the picture"


def strip_words(
    layer: str, unit: int, tiles: Sequence[dict[str, Any]], counts: tuple[int, int, int]
) -> dict[str, Any]:
    """Give the strip's caption and alternative text.

    Parameters
    ----------
    tiles : those of the unit, strongest first; {} for one that is not drawn yet.
    counts : pictures that were looked through, all of them, and those that could not be read.
    """
    done, total, unread = counts
    top = f"Top {words.count(len(tiles) or PLACES)}"
    where = f"where unit {unit} responds most, and what it sees there"
    named = [f"{tile['name']} {tile['value']}" for tile in tiles if tile]
    alt = f"The pictures that {layer} unit {unit} answers most: {words.listing(named, most=3)}."
    return {
        "title": f"{top} of {_pictures(done - unread if tiles else total, done < total)}",
        "notes": [where, *([f"{unread} could not be read"] if unread else [])],
        "legend": BEYOND if any(tile.get("beyond") for tile in tiles) else "",
        "alt": alt if named else "",
    }


def search_words(done: int, total: int, at_once: int | None = None) -> dict[str, Any]:
    """Give the status line's state while the pictures are looked through.

    Parameters
    ----------
    at_once : how many are taken at a time, where memory is too short for as many as usual.
    """
    short = f" · memory is short: {at_once} at a time" if at_once else ""
    return {
        "state": "working",
        "headline": "Looking for the top nine",
        "text": f"{done} of {_pictures(total, False)}{short}",
        "done": done,
        "total": total,
        "buttons": [STOP, *EXPORTS],
    }


def silence(unit: int, done: int, total: int) -> list[str]:
    """Say that a unit answers none of the pictures."""
    if done >= total:
        everywhere = f"all {total} pictures" if total > 1 else "the picture"
        return [f"Unit {unit} is silent in {everywhere}."]
    return [f"Unit {unit} is silent in {_pictures(done, False)} so far."]


def that_answer(peaks: Sequence[Peak]) -> list[Peak]:
    """Leave out the pictures in which a rectified unit is silent."""
    if any(peak.value < 0 for peak in peaks):
        return list(peaks)
    return [peak for peak in peaks if peak.value > 0]


def _pictures(count: int, unfinished: bool) -> str:
    return f"{count} picture{'s' * (count != 1)}{' so far' if unfinished else ''}"
