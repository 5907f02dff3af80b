"""Views: they draw what they are given and emit what was chosen; they compute nothing."""

from cnnwidgets.views.bar_rows import BarRows
from cnnwidgets.views.bar_strip import BarStrip
from cnnwidgets.views.curve import Curve
from cnnwidgets.views.dimension_rows import DimensionRows
from cnnwidgets.views.entry import Entry
from cnnwidgets.views.fold import Fold
from cnnwidgets.views.heatmap import HeatMap
from cnnwidgets.views.histogram import Histogram
from cnnwidgets.views.interval_curve import IntervalCurve
from cnnwidgets.views.matrix import Matrix
from cnnwidgets.views.meter import Meter
from cnnwidgets.views.number_row import NumberRow
from cnnwidgets.views.picture import Picture
from cnnwidgets.views.polar import Polar
from cnnwidgets.views.scatter import Scatter
from cnnwidgets.views.status_line import StatusLine
from cnnwidgets.views.table import Table
from cnnwidgets.views.tile_strip import TileStrip
from cnnwidgets.views.triplet import Triplet
from cnnwidgets.views.unit_mosaic import UnitMosaic
from cnnwidgets.views.verdict import Verdict
from cnnwidgets.views.view import View

__all__ = [
    "BarRows",
    "BarStrip",
    "Curve",
    "DimensionRows",
    "Entry",
    "Fold",
    "HeatMap",
    "Histogram",
    "IntervalCurve",
    "Matrix",
    "Meter",
    "NumberRow",
    "Picture",
    "Polar",
    "Scatter",
    "StatusLine",
    "Table",
    "TileStrip",
    "Triplet",
    "UnitMosaic",
    "Verdict",
    "View",
]
