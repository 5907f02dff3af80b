"""Odd-one-out choices, and embeddings of objects, in every format that people keep them in."""

from cnnwidgets.data.triplets.embeddings import StoredFeatures, load_embedding, load_features
from cnnwidgets.data.triplets.loading import load_triplets
from cnnwidgets.data.triplets.sets import TripletSet
from cnnwidgets.data.triplets.writing import save_triplets

__all__ = [
    "StoredFeatures",
    "TripletSet",
    "load_embedding",
    "load_features",
    "load_triplets",
    "save_triplets",
]
