"""Networks: the embedded ones by name, any other by `wrap_model`, their checkpoints."""

from cnnwidgets.models.catalogue import load_model
from cnnwidgets.models.checkpoints import Checkpoints, load_checkpoints
from cnnwidgets.models.own_networks import wrap_model
from cnnwidgets.models.vision_model import VisionModel

__all__ = ["Checkpoints", "VisionModel", "load_checkpoints", "load_model", "wrap_model"]
