"""Groups of units as one writes them: "311 + 0.5*40 - 12" is a weighted sum, "311, 40" a mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnwidgets.graph import Layer

_SIGNS = str.maketrans({"−": "-", "–": "-", "·": "*", "⋅": "*", "×": "*", ";": ","})
# No layer has a unit of ten digits, and Python refuses to read one of thousands.
_LIST = re.compile(
    r"\d{1,9}(\s*,\s*\d{1,9})+\s*,?|\d{1,9}(\s+\d{1,9})+|mean of \d{1,9}(\s*,\s*\d{1,9})*"
)
_TERM = re.compile(
    r"(?P<sign>[+-]?)\s*((?P<factor>(\d{1,30}(\.\d{0,30})?|\.\d{1,30})(e[+-]?\d{1,3})?)\s*\*\s*)?(?P<unit>\d{1,9})(?![\d.*e])\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class UnitGroup:
    """Units of one layer with their weights.

    Attributes
    ----------
    text : the group as it is shown, "311 + 0.5·40 − 12" or "mean of 311, 40, 12".
    weights : by unit; units : how many the layer has.
    """

    text: str
    weights: Mapping[int, float]
    units: int

    @property
    def weight(self) -> Tensor:
        """The read-out [1, units], as `VisionModel.attach` takes it."""
        row = torch.zeros(1, self.units, dtype=torch.float64)
        row[0, list(self.weights)] = torch.tensor([*self.weights.values()], dtype=torch.float64)
        return row


def read_group(text: str, layer: Layer) -> UnitGroup:
    """Read a group of units of a layer.

    Parameters
    ----------
    text : a weighted sum, weights before their units: ``311 + 0.5*40 - 12``; or a list of units,
        which stands for their mean: ``311, 40, 12`` or ``mean of 311, 40, 12``. Also with the signs
        −, · and ×.

    Raises
    ------
    ValueError
        It is neither, a unit is not in the layer, or all weights cancel out.
    """
    plain = text.translate(_SIGNS).strip()
    as_list = _LIST.fullmatch(plain)
    terms = _listed(plain) if as_list else _summed(plain)
    if not terms:
        raise ValueError(
            f"{_quoted(text)} is no group of units; write a sum, weights before units, such as "
            "311 + 0.5*40 - 12, or units such as 311, 40, 12 for their mean"
        )
    weights: dict[int, float] = {}
    for unit, weight in terms:
        if unit >= layer.units:
            raise ValueError(
                f"{layer.name} has {layer.units} units, 0 to {layer.units - 1}; {unit} was asked"
            )
        weights[unit] = weights.get(unit, 0.0) + weight
    if not all(map(math.isfinite, weights.values())):
        raise ValueError(
            f"the weights of {_quoted(text)} are too large; divide them all by one number"
        )
    if not any(weights.values()):
        raise ValueError(f"the weights of {_quoted(text)} cancel out; nothing is left of the group")
    shown = f"mean of {', '.join(str(unit) for unit, _ in terms)}" if as_list else _shown(terms)
    return UnitGroup(shown, weights, layer.units)


def _quoted(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 80 else f"{text[:80]}…")


def _listed(text: str) -> list[tuple[int, float]]:
    units = [int(number) for number in re.findall(r"\d+", text)]
    return [(unit, 1 / len(units)) for unit in units]


def _summed(text: str) -> list[tuple[int, float]]:
    """Give (unit, weight) of each term; none if something is not understood."""
    terms: list[tuple[int, float]] = []
    place = 0
    while place < len(text):
        term = _TERM.match(text, place)
        if term is None or (terms and not term["sign"]):
            return []
        size = float(term["factor"] or 1)
        terms.append((int(term["unit"]), -size if term["sign"] == "-" else size))
        place = term.end()
    return terms


def _shown(terms: list[tuple[int, float]]) -> str:
    words: list[str] = []
    for unit, weight in terms:
        sign = "−" if weight < 0 else "+" if words else ""
        factor = "" if abs(weight) == 1 else f"{abs(weight):.12g}·"
        words.append(f"{sign} {factor}{unit}" if words else f"{sign}{factor}{unit}")
    return " ".join(words)
