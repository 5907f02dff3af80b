"""The explorers: they wire controls to engines and answers to views."""

from cnnwidgets.widgets.class_board import ClassBoard
from cnnwidgets.widgets.selection import Selection
from cnnwidgets.widgets.triplet_stepper import TripletStepper
from cnnwidgets.widgets.tuning_explorer import TuningExplorer
from cnnwidgets.widgets.unit_explorer import UnitExplorer

__all__ = ["ClassBoard", "Selection", "TripletStepper", "TuningExplorer", "UnitExplorer"]
