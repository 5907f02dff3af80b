"""Networks: the embedded ones by name, any other by `wrap_model`."""

from cnnwidgets.models.catalogue import load_model
from cnnwidgets.models.vision_model import VisionModel, wrap_model

__all__ = ["VisionModel", "load_model", "wrap_model"]
