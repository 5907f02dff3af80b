"""What the network's calls do: one class an operation, each with its field and its reversal.

An operation is read off an ATen call by a function marked ``@reads("call name")``; adding one means
adding a class and its reader here, nothing else.
"""

from cnnwidgets.graph.operations import (
    averaging,
    convolution,
    joining,
    linear,
    padding,
    pooling,
    rectifier,
    scaling,
    shaping,
)
from cnnwidgets.graph.operations.base import Operation, SeenCall, Unknown, read

__all__ = [
    "Operation",
    "SeenCall",
    "Unknown",
    "averaging",
    "convolution",
    "joining",
    "linear",
    "padding",
    "pooling",
    "read",
    "rectifier",
    "scaling",
    "shaping",
]
