"""The sciences: functions of a network and tensors that give frozen results."""

from cnnwidgets.engines import deconv, responses

__all__ = ["deconv", "responses"]
