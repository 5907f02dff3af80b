"""Views: they draw what they are given and emit what was chosen; they compute nothing."""

from cnnwidgets.views.bar_rows import BarRows
from cnnwidgets.views.bar_strip import BarStrip
from cnnwidgets.views.entry import Entry
from cnnwidgets.views.picture import Picture
from cnnwidgets.views.status_line import StatusLine
from cnnwidgets.views.tile_strip import TileStrip
from cnnwidgets.views.view import View

__all__ = ["BarRows", "BarStrip", "Entry", "Picture", "StatusLine", "TileStrip", "View"]
