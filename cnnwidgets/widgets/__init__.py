"""The explorers: they wire controls to engines and answers to views."""

from cnnwidgets.widgets.citations import Citation
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.triplets import ClassBoard, TripletStepper
from cnnwidgets.widgets.tuning_explorer import TuningExplorer
from cnnwidgets.widgets.unit_explorer import UnitExplorer

__all__ = [
    "Citation",
    "ClassBoard",
    "Selection",
    "TripletStepper",
    "TuningExplorer",
    "UnitExplorer",
]
