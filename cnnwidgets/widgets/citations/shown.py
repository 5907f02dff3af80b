"""What to cite for what the explorers of units show now."""

from __future__ import annotations

from cnnwidgets.data import ImageSet
from cnnwidgets.data.credits import credits_of
from cnnwidgets.engines.top_images import TopImages
from cnnwidgets.models import VisionModel
from cnnwidgets.widgets.citations import grounds
from cnnwidgets.widgets.citations.citation import Citation, citation
from cnnwidgets.widgets.unit_question import Question


def of_unit(
    question: Question, images: ImageSet, *, top: TopImages | None, eight: bool
) -> Citation:
    """Give what to cite for a unit in a picture.

    Parameters
    ----------
    top : the strongest pictures of all units, once they are known.
    eight : the grid of all eight rules is shown, too.
    """
    network, said = grounds.of_network(question.model)
    found = [*grounds.of_rule(question.rule), *grounds.FIELD]
    shown = [question.picture]
    if top is not None and question.layer in top.layers:
        found += grounds.STRONGEST
        shown += [peak.picture for peak in top.best(question.layer, question.unit)]
    found += grounds.EIGHT_RULES if eight else []
    return citation([*found, *network], [*said, *credits_of(images, shown)])


def of_tuning(model: VisionModel, *, measured: bool, population: bool) -> Citation:
    """Give what to cite for gratings.

    Parameters
    ----------
    measured : tuning curves and indices are shown.
    population : those of all layers are shown, with intervals.
    """
    network, said = grounds.of_network(model)
    found = [*grounds.FIELD]
    found += grounds.TUNING if measured or population else []
    found += grounds.POPULATION if population else []
    return citation([*found, *network], said)
