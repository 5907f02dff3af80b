"""Odd one out: the stepper through triplets, and the board of a class that answers them."""

from cnnwidgets.widgets.triplets.class_board import ClassBoard
from cnnwidgets.widgets.triplets.stepper import TripletStepper

__all__ = ["ClassBoard", "TripletStepper"]
