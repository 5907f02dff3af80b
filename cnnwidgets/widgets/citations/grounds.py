"""What each part of an explorer stands on, by the keys of the references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cnnwidgets.models import VisionModel

RULES = {
    "deconvnet": ("zeiler2014",),
    "saliency": ("simonyan2013",),
    "guided": ("springenberg2015", "mahendran2016"),
}
"""The others are Mahendran and Vedaldi's."""
EIGHT_RULES = [("all eight rules", "mahendran2016")]
STRONGEST = [("strongest pictures, each with its own reconstruction", "zeiler2014")]

NETWORKS = {  # what the names for load_model begin with
    "squeezenet": ("iandola2016",),
    "alexnet": ("krizhevsky2012", "krizhevsky2014"),
    "vgg": ("simonyan2015",),
    "efficientnet_b": ("tan2019",),
    "efficientnet_lite": ("tan2019",),
    "resnet": ("he2016",),
    "googlenet": ("szegedy2015",),
    "densenet": ("huang2017",),
}
TRAINED_ON = "russakovsky2015"

FIELD = [("receptive fields", "araujo2019")]
TUNING = [
    ("gratings for every unit", "shiraishi2021"),
    ("orientation selectivity (circular variance)", "ringach2002"),
    ("F1/F0, simple and complex", "skottun1991"),
]
POPULATION = [("intervals of shares", "wilson1927"), ("intervals of medians", "efron1993")]
PEOPLE = {  # by the number of dimensions
    49: [("model of people", "hebart2020"), ("model of people", "zheng2019")],
    66: [("model of people", "hebart2023"), ("model of people", "zheng2019")],
}
CHOICES = [("choices of networks, relevance of dimensions", "mahner2025")]
ALIKE = [
    ("similarity from choices", "hebart2020"),
    ("correlation of similarities", "nili2014"),
    ("networks beside people", "mahner2025"),
]
SHARES = [("intervals of shares", "wilson1927")]


def of_rule(rule: str) -> Iterator[tuple[str, str]]:
    """Give what a reconstruction under a rule stands on, with the contrast it is drawn with."""
    yield from ((f"reconstruction ({rule})", key) for key in RULES.get(rule, ("mahendran2016",)))
    yield "contrast of reconstructions", "mahendran2016"


def of_network(model: VisionModel) -> tuple[list[tuple[str, str]], list[str]]:
    """Give what a network stands on, and what is to be said of one that is not known here."""
    plain = model.origin
    loaded = re.search(r'cw\.load_model\("([^"]+)"\)', plain.source or "")
    name = loaded[1].lower() if loaded else ""
    keys = next((keys for begin, keys in NETWORKS.items() if name.startswith(begin)), ())
    if not keys:
        return [], [f"The network {plain.name}: cite its authors, who are not known here."]
    grounds = [(plain.name, key) for key in (*keys, TRAINED_ON)]
    return grounds, [f"{plain.name} was trained further."] if model.checkpoint else []
