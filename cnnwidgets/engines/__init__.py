"""The sciences: functions of a network and tensors that give frozen results."""

from cnnwidgets.engines import (
    alignment,
    choices,
    deconv,
    features,
    gratings,
    responses,
    top_images,
)

__all__ = ["alignment", "choices", "deconv", "features", "gratings", "responses", "top_images"]
