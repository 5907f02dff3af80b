"""Pictures as RGB arrays, and what people make of them: choices, sittings, THINGS."""

from cnnwidgets.data import sittings
from cnnwidgets.data.folders import LeftOut
from cnnwidgets.data.images import ImageSet, load_images
from cnnwidgets.data.pictures import read_picture
from cnnwidgets.data.sittings import SittingLog
from cnnwidgets.data.things import Things, load_things
from cnnwidgets.data.things_download import download_things
from cnnwidgets.data.triplets import (
    StoredFeatures,
    TripletSet,
    load_embedding,
    load_features,
    load_triplets,
    save_triplets,
)

__all__ = [
    "ImageSet",
    "LeftOut",
    "SittingLog",
    "StoredFeatures",
    "Things",
    "TripletSet",
    "download_things",
    "load_embedding",
    "load_features",
    "load_images",
    "load_things",
    "load_triplets",
    "read_picture",
    "save_triplets",
    "sittings",
]
