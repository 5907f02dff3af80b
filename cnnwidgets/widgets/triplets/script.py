"""The comparison that a triplet stepper shows as the lines of a script."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from cnnwidgets.widgets.model_lines import model_lines, quoted
from cnnwidgets.widgets.triplets.agents import TRIPLETS, NetworkSource, PeopleSource, Source
from cnnwidgets.widgets.triplets.look import Question, TripletLook
from cnnwidgets.widgets.triplets.objects import Objects


def script(
    objects: Objects,
    question: Question,
    sources: Sequence[Source | None],
    look: TripletLook | None,
) -> str:
    """Give the lines that make the probabilities and the relevance that are shown."""
    if look is None:
        return "# Nothing is shown yet."
    names = ", ".join(look.names)
    lines = ["import torch", "import cnnwidgets as cw", ""]
    lines.append("from cnnwidgets.engines import alignment, choices, features")
    lines += ["", f"triplet = torch.tensor([{list(look.trial.shown)}])  # {names}"]
    for source, who in zip(sources, ("first", "second"), strict=True):
        if source is not None:
            setting = question.setting if who == "second" else question.other
            lines += ["", *embedding_lines(source, objects, setting.layer, setting.measure)]
            factor = f" * {setting.temperature:.6g}" if setting.temperature != 1 else ""
            lines += [*temperature_lines(source, len(objects), factor), *_choices(who)]
    return "\n".join(lines)


def _choices(who: str) -> list[str]:
    return [
        f"{who} = choices.probabilities(choices.logits(triplet, embedding), temperature)",
        f"{who}_why = alignment.relevance(",
        f"    triplet, embedding, odd=int({who}[0].argmax()), temperature=temperature",
        ")",
    ]


def embedding_lines(source: Source, objects: Objects, layer: str, measure: str) -> list[str]:
    """Give the lines after which ``embedding`` is that of a source, its rows the objects."""
    if isinstance(source, PeopleSource):
        lines = [
            f"things = cw.data.load_things({quoted(str(source.folder))}, "
            f"dimensions={source.dimensions})"
        ]
        if objects.images is None:
            return [*lines, "embedding = torch.tensor(things.embedding)"]
        images = objects.source or "...  # your pictures"
        return [
            *lines,
            f"images = {images}",
            "embedding = torch.tensor(things.embedding[things.rows_of(images.names)])",
        ]
    seen = ["seen = ...  # your features, a row an object"]
    if isinstance(source, NetworkSource):
        seen = [
            *model_lines(source.model),
            f"images = {objects.source or '...  # your pictures'}",
            f"seen = features.features(model, images, [{quoted(layer)}]).of({quoted(layer)})",
        ]
    rectify = "" if isinstance(source, NetworkSource) else ", rectify=False"
    return [*seen, f"embedding = choices.space(seen, measure={quoted(measure)}{rectify})"]


def temperature_lines(source: Source, objects: int, factor: str) -> list[str]:
    """Give the lines that find ``temperature``, times a factor such as " * 2"."""
    if isinstance(source, PeopleSource):
        return ["temperature = 1.0"]
    count = min(TRIPLETS, comb(objects, 3))
    return [
        "seeded = torch.Generator().manual_seed(0)",
        f"random = choices.sample(len(embedding), {count:_}, generator=seeded)",
        "temperature = choices.automatic_temperature(choices.logits(random, embedding))" + factor,
    ]
