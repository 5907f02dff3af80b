"""Pictures: embedded sets, folders, lists, and single pictures as RGB arrays."""

from cnnwidgets.data.images import ImageSet, load_images
from cnnwidgets.data.pictures import read_picture

__all__ = ["ImageSet", "load_images", "read_picture"]
