"""How alike a network and people are: similarities, their correlation, what drives choices."""

from cnnwidgets.engines.alignment.divergence import MODES, divergence, divergent, refine
from cnnwidgets.engines.alignment.relevance import contributions, relevance, strongest_dimensions
from cnnwidgets.engines.alignment.rsa import RSA, rsa
from cnnwidgets.engines.alignment.similarity import empirical_similarity, similarity

__all__ = [
    "MODES",
    "RSA",
    "contributions",
    "divergence",
    "divergent",
    "empirical_similarity",
    "refine",
    "relevance",
    "rsa",
    "similarity",
    "strongest_dimensions",
]
