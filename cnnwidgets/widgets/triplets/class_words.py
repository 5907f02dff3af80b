"""What the class board says: numbers, sentences, alternative texts, a script."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from statistics import median

import torch

from cnnwidgets.data.sittings import Sitting
from cnnwidgets.engines import choices
from cnnwidgets.views import words
from cnnwidgets.widgets.model_lines import quoted
from cnnwidgets.widgets.triplets.agents import Source
from cnnwidgets.widgets.triplets.class_agreement import Agreement
from cnnwidgets.widgets.triplets.class_files import Reading
from cnnwidgets.widgets.triplets.class_look import CONTEXTS, EXACT, BoardLook
from cnnwidgets.widgets.triplets.objects import Objects
from cnnwidgets.widgets.triplets.script import embedding_lines, temperature_lines
from cnnwidgets.widgets.triplets.words import Part, part, spoken

Number = dict[str, str]
NONE = "–"
NEVER = "never asked"
MOST_WORDS = 64
"""Words that a script names one by one."""
HEADS = ["sitting", "answers", "catch trials passed", "median reaction time"]


def plan_words(look: BoardLook, objects: int, trials: int | None) -> str:
    """Say what so many objects, people and trials come to."""
    found = look.question.reading.merged.sittings
    answers = sum(len(sitting.answers) for sitting in found)
    if not answers or look.occurring < 3:
        whole = choices.plan(objects, max(1, len(found)), trials or 1)
        return f"No answers yet. {objects} pictures make {whole.triplets:,} triplets."
    each = trials or max(1, round(answers / len(found)))
    planned = choices.plan(look.occurring, len(found), each).sentence
    return planned if trials else f"So far, on average: {planned}"


def class_numbers(look: BoardLook) -> list[Number]:
    """Count what the class has done."""
    reading = look.question.reading
    merged, (asked, pairs) = reading.merged, look.asked
    answers = sum(len(sitting.answers) for sitting in merged.sittings)
    return [
        _number(str(len(merged.sittings)), "sittings"),
        _number(str(answers), "answers"),
        pace_number(reading),
        _counted(
            asked,
            pairs,
            "pairs asked",
            "of all pairs of the objects that occur in answers, those shown together at least once",
        ),
        _counted(merged.catches.hits, merged.catches.of, "catch trials passed"),
        _counted(
            merged.repeats.hits,
            merged.repeats.of,
            "repeats agreed",
            "how consistent people are: triplets asked again that the same person answered as "
            "before; these second answers count nowhere else",
        ),
    ]


def pace_number(reading: Reading) -> Number:
    """Give how fast answers come."""
    return _number(
        f"{reading.pace:.0f}" if reading.pace >= 9.5 or not reading.pace else f"{reading.pace:.1f}",
        "a minute, last five",
        title="answers a minute in the last five minutes",
    )


def agreement_numbers(look: BoardLook) -> list[Number]:
    """Give how well the class is predicted, and by whom at best."""
    found = []
    names = (look.question.people, look.question.network)
    for name, agreed in zip(names, look.agreements, strict=True):
        if name:
            found.append(_agreed(name, agreed))
    ceiling = look.ceiling
    fair, upper = (ceiling.leave_one_out, ceiling.plurality) if ceiling else (None, None)
    told = "no triplet was answered by two people"
    if ceiling:
        told = f"of {ceiling.triplets} triplets that two people or more have answered"
    found.append(_number("33", "chance", "%"))
    found.append(_ceiling(fair, "ceiling, leave-one-out", told))
    found.append(_ceiling(upper, "ceiling, plurality", told))
    return found


def correlation(look: BoardLook) -> list[Part]:
    """Say how well the two matrices agree."""
    name = look.question.network
    if not name:
        return [part("No network is compared.")]
    head = [part("Class and "), part(spoken(name), "network"), part(": ")]
    if look.network is None:
        return [*head, part("it has not looked at these objects yet.")]
    found = look.rsa
    if found is None:
        return [*head, part(f"no correlation yet. {look.why}")]
    low, high = (_r(end) for end in found.interval)
    p = "< .001" if found.p < 0.001 else f"= {found.p:.3f}".replace("0.", ".")
    pairs = len(look.names) * (len(look.names) - 1) // 2
    sign = "r" if found.method == "pearson" else "Spearman's r"
    return [
        *head,
        part(f"{sign} = {_r(found.r)}", "strong"),
        part(f"  ({low} to {high}), one-sided permutation p {p}, "),
        part(f"over the {found.pairs} of {pairs} pairs asked."),
    ]


def pair_words(look: BoardLook, pair: Sequence[str]) -> list[Part]:
    """Say what the two find of a pair, by its names; how to choose one where there is none."""
    if len(pair) != 2 or not {*pair} <= {*look.names} or pair[0] == pair[1]:
        return [
            part("Colours say how often two stay together: 1 always, 0 never, .33 chance. "),
            part("Click a cell, or walk there with the arrow keys.", "strong"),
        ]
    row, column = (look.names.index(name) for name in pair)
    count = int(look.counts[row, column])
    said = [part(f"{spoken(pair[0])} and {spoken(pair[1])}", "strong"), part(": the class ")]
    if count:
        stayed = words.probability(float(look.similarity[row, column]))
        said += [part(stayed, "strong"), part(f" ({count} answer{'s' * (count != 1)})")]
    else:
        said.append(part(NEVER))
    if look.network is not None and isfinite(value := float(look.network[row, column])):
        said += [part(", "), part(spoken(look.question.network), "network"), part(" ")]
        said.append(part(words.probability(value), "strong"))
    return [*said, part(". 1 is always together, 0 never, .33 chance.")]


def matrix_alt(title: str, look: BoardLook, matrix: torch.Tensor) -> str:
    """Describe a matrix: how many objects, and which pairs are most and least alike."""
    n = len(look.names)
    above = matrix.clone().double()
    above[~torch.ones(n, n, dtype=torch.bool).triu(1)] = torch.nan
    known = above.isfinite()
    if not bool(known.any()):
        return f"{title}: no pair of objects yet."
    said = [f"{title}: {n} objects, {int(known.sum())} pairs"]
    ends = (("most alike", above.nan_to_num(-9)), ("least", -above.nan_to_num(9)))
    for which, values in ends:
        row, column = divmod(int(values.argmax()), n)
        names = " and ".join(words.shortened(look.names[at], 20) for at in (row, column))
        said.append(f"{which} {names} {words.probability(float(matrix[row, column]))}")
    return words.shortened("; ".join(said), 200)


def sitting_rows(found: Sequence[Sitting]) -> list[list[str]]:
    """List sittings in the order they were started."""
    rows = []
    for sitting in found:
        catches, times = sitting.catches, [answer.rt_ms for answer in sitting.answers]
        passed = f"{catches.hits} of {catches.of}" if catches.of else NONE
        middle = f"{median(times) / 1000:.1f}{words.THIN}s" if times else NONE
        rows.append([words.shortened(sitting.id), str(len(times)), passed, middle])
    return rows


def board_script(
    look: BoardLook | None, folders: Sequence[str], objects: Objects, source: Source | None
) -> str:
    """Give the lines that make the correlation that is shown."""
    if look is None:
        return "# Nothing is shown yet."
    files = ", ".join(f"*Path({quoted(folder)}).glob('*.jsonl')" for folder in folders)
    names = "None  # those that most sittings fit"
    lines = ["from pathlib import Path", "", "import torch", "import cnnwidgets as cw"]
    lines += ["from cnnwidgets.data import sittings"]
    lines += ["from cnnwidgets.engines import alignment, choices, features", ""]
    if objects.images is not None and objects.source:
        lines.append(f"names = {objects.source}.names")
    else:
        lines.append(f"names = {list(objects.names) if len(objects) <= MOST_WORDS else names}")
    lines.append(f"merged = sittings.merge([{files}], names=names)")
    lines.append("triplets = torch.tensor(merged.triplets(repeats=False)).long()")
    lines.append(f"shown = torch.tensor({list(look.shown)})")
    lines.append("people, counts = alignment.empirical_similarity(triplets, len(merged.names))")
    if source is None or look.network is None:
        return "\n".join(lines)
    setting = look.question.setting
    lines += ["", *embedding_lines(source, objects, setting.layer, setting.measure)]
    lines += temperature_lines(source, len(objects), "")
    lines.append("")
    lines.append("occurring = triplets.unique()")
    drawn_from = f", contexts={CONTEXTS}, generator=seeded" if look.occurring > EXACT else ""
    similar = f"embedding[occurring], temperature=temperature{drawn_from}"
    lines.append(f"network = alignment.similarity({similar})")
    lines.append("at = torch.searchsorted(occurring, shown)")
    lines.append("asked = counts[shown][:, shown] > 0")
    lines.append("found = alignment.rsa(")
    lines.append("    people[shown][:, shown], network[at][:, at], where=asked,")
    lines.append(f"    method={quoted(look.question.method)},")
    lines += [")", "found.r, found.interval, found.p"]
    return "\n".join(lines)


def _agreed(name: str, agreed: Agreement | None) -> Number:
    label = f"agree with {words.shortened(name, 24)}"
    if agreed is None:
        return _number(NONE, label, title="no answers to objects that it knows, or still looking")
    share, (low, high) = agreed.accuracy.share, agreed.accuracy.interval
    interval = "Wilson's 95 % interval"
    if agreed.sittings > 1:
        interval = f"95 % of resamples of the {agreed.sittings} sittings"
    title = f"answers (no catch trials, no repeats) that it predicts, and {interval}"
    spread = f"%  {100 * low:.0f}–{100 * high:.0f}"
    return _number(f"{100 * share:.0f}", label, spread, title)


def _ceiling(value: float | None, label: str, title: str) -> Number:
    if value is None:
        return _number(NONE, label, title=title)
    return _number(f"{100 * value:.0f}", label, "%", title)


def _counted(hits: int, of: int, label: str, title: str = "") -> Number:
    if not of:
        return _number(NONE, label, title=title)
    return _number(f"{100 * hits / of:.0f}", label, f"%  {hits} of {of}", title)


def _number(value: str, label: str, unit: str = "", title: str = "") -> Number:
    return {"value": value, "label": label, "unit": unit, "title": title or label}


def _r(value: float) -> str:
    if not isfinite(value):
        return "undefined"
    return f"{value:.2f}".replace("-", words.MINUS).replace("0.", ".", 1)
