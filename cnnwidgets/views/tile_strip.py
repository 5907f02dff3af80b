"""Nine small pairs of pictures in a row: what a unit looks at, over what it sees there."""

from typing import Any

import traitlets as t

from cnnwidgets.views.view import View, numbers, source, stamped

PLACES = 9
"""Tiles in a strip; those that are not there yet keep their places."""

KEYS = {"crop", "seen", "window", "value", "name", "beyond", "alt"}


def _tile() -> Any:
    return t.Dict().tag(sync=True, to_json=stamped)


class TileStrip(View):
    """The pictures a unit answers most, as tiles: a crop over its reconstruction, number and name.

    A tile is a trait of its own, so that each travels once and they appear one by one. It is {}
    while there is nothing yet, or ::

        {"crop": frame, "seen": frame,   # raw, from `encoding`; {} for no reconstruction
         "window": [top, left, bottom, right],  # the field, unclipped: both frames are drawn in it
         "value": "763", "name": "tractor", "beyond": True, "alt": "tractor, response 763."}

    where `beyond` tells that the field reaches past the picture. A click, or the arrow keys and
    Enter, choose a tile. Where the window is low the strip is folded, and its caption opens it.
    """

    _esm = source("caption.js", "frames.js", "tile_strip.js")

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
    selected = t.Int(-1).tag(sync=True)
    """Index of the tile whose picture is current, or -1."""
    stale = t.Bool(False).tag(sync=True)
    """The tiles are of an earlier question: they fade."""
    message = t.List(t.Unicode()).tag(sync=True)
    """One or two lines in place of the tiles."""
    legend = t.Unicode().tag(sync=True)
    """What ▫ means, at the right of the caption; "" where no tile has it."""
    chosen = t.Dict().tag(sync=True, echo_update=False)
    """Written by the browser: {"index", "count"}."""

    @t.validate(*(f"tile_{number}" for number in range(1, PLACES + 1)))
    def _check_tile(self, proposal: Any) -> dict[str, Any]:
        tile = proposal["value"]
        if not tile:
            return {}
        if set(tile) != KEYS:
            got = ", ".join(sorted(tile))
            raise t.TraitError(f"a tile holds {', '.join(sorted(KEYS))}; got {got}.")
        for name in ("crop", "seen"):
            if tile[name] and tile[name].get("format") != "rgb":
                raise t.TraitError(f"the {name} of a tile is a raw frame, from encoding.raw.")
        return {**tile, "window": numbers(tile["window"], 4, "the window of a tile")}

    def show_tiles(self, tiles: list[dict[str, Any]], **state: Any) -> None:
        """Assign up to nine tiles, and other traits, in one message; the other places are empty.

        Raises
        ------
        ValueError
            There are more tiles than places.
        """
        if len(tiles) > PLACES:
            raise ValueError(f"a strip has {PLACES} places; got {len(tiles)} tiles.")
        filled = [*tiles, *[{}] * (PLACES - len(tiles))]
        self.show(**{f"tile_{number}": tile for number, tile in enumerate(filled, 1)}, **state)
