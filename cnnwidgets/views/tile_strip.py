"""Small pictures in a row, alone or in pairs: what a unit looks at, over what it sees there."""

from typing import Any

import traitlets as t

from cnnwidgets.views.event import Event, whole
from cnnwidgets.views.view import View, numbers, source, stamped

PLACES = 9
"""Tiles in a strip at most; those that are not there yet keep their places."""

KEYS = {"crop", "seen", "window", "value", "name", "beyond", "alt"}
MORE_KEYS = {"switches", "note", "message"}


def _tile() -> Any:
    return t.Dict().tag(sync=True, to_json=stamped)


class TileStrip(View):
    """Tiles: a crop over its reconstruction, or a reconstruction alone, with a number and a name.

    A tile is a trait of its own, so that each travels once and they appear one by one. It is {}
    while there is nothing yet, or ::

        {"crop": frame, "seen": frame,   # raw, from `encoding`; {} for none
         "window": [top, left, bottom, right],  # the field, unclipped: both frames are drawn in it;
                                                # [] while the words are there and no picture yet
         "value": "763", "name": "tractor", "beyond": True, "alt": "tractor, response 763."}

    where `beyond` tells that the field reaches past the picture. It may also have "switches" (each
    [word, whether it is on]) and a "note", below its words, and a "message": why there is no
    picture. A click, or the arrow keys and Enter, choose a tile. Where the window is low the strip
    is folded, and its caption opens it.
    """

    _esm = source("caption.js", "frames.js", "tile_strip.js")

    moved = View.moved | {"opened"}

    tile_1 = _tile()
    """The strongest picture's tile; the others follow."""
    tile_2 = _tile()
    tile_3 = _tile()
    tile_4 = _tile()
    tile_5 = _tile()
    tile_6 = _tile()
    tile_7 = _tile()
    tile_8 = _tile()
    tile_9 = _tile()
    places = t.Int(PLACES, min=1, max=PLACES).tag(sync=True)
    """How many tiles there may be; half of them in a row where the explorer is narrow and they are
    no pairs."""
    pairs = t.Bool(True).tag(sync=True)
    """A tile has a crop over its reconstruction; else the reconstruction alone."""
    folds = t.Bool(False).tag(sync=True)
    """It can be folded in windows of any height."""
    opened = t.Bool(False).tag(sync=True)
    """Where it can be folded, it is not: the reader's choice, and written by both sides."""
    selected = t.Int(-1).tag(sync=True)
    """Index of the tile that is current, or -1."""
    stale = t.Bool(False).tag(sync=True)
    """The tiles are of an earlier question: they fade."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the tiles."""
    legend = t.Unicode().tag(sync=True)
    """What a mark means, at the right of the caption; "" where no tile has it."""
    foot = t.List(t.Unicode()).tag(sync=True)
    """Lines below the tiles: what their words mean."""
    chosen = Event(index=whole)
    """Written by the browser: {"index", "count"}."""

    @t.validate(*(f"tile_{number}" for number in range(1, PLACES + 1)))
    def _check_tile(self, proposal: Any) -> dict[str, Any]:
        tile = proposal["value"]
        if not tile:
            return {}
        if set(tile) - MORE_KEYS != KEYS:
            got = ", ".join(sorted(tile))
            raise t.TraitError(f"a tile holds {', '.join(sorted(KEYS))}; got {got}.")
        for name in ("crop", "seen"):
            if tile[name] and tile[name].get("format") != "rgb":
                raise t.TraitError(f"the {name} of a tile is a raw frame, from encoding.raw.")
        length = 4 if len(tile["window"]) else 0
        return {**tile, "window": numbers(tile["window"], length, "the window of a tile")}

    def show_tiles(self, tiles: list[dict[str, Any]], **state: Any) -> None:
        """Assign tiles, and other traits, in one message; the other places are empty.

        Raises
        ------
        ValueError
            There are more tiles than places.
        """
        if len(tiles) > self.places:
            raise ValueError(f"a strip has {self.places} places; got {len(tiles)} tiles.")
        filled = [*tiles, *[{}] * (PLACES - len(tiles))]
        self.show(**{f"tile_{number}": tile for number, tile in enumerate(filled, 1)}, **state)
