"""The sciences: functions of a network and tensors that give frozen results."""

from cnnwidgets.engines import deconv, gratings, responses, top_images

__all__ = ["deconv", "gratings", "responses", "top_images"]
