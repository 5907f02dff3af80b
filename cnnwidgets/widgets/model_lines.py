"""The lines of a script that make a network: its source, its checkpoint, its read-outs."""

from __future__ import annotations

import torch
from torch import Tensor

from cnnwidgets.graph import ReadOut
from cnnwidgets.models import VisionModel
from cnnwidgets.models.checkpoints import Checkpoint

MOST_NUMBERS = 4096
"""Weights that are written out; of more only the shape is told."""

WIDTH = 96


def model_lines(model: VisionModel) -> list[str]:
    """Give the lines after which ``model`` is this network; those of read-outs need torch."""
    lines = [f"model = {model.origin.source or UNKNOWN_NETWORK}"]
    plain = model.plain
    if isinstance(plain, Checkpoint):
        given = plain.of.source or f"...  {UNKNOWN_STATES}"
        lines += [f"states = {given}"]
        trust = ", trust=True" * plain.of.trust
        loaded = f"cw.load_checkpoints(model, states{trust})"
        lines += [f"model = {loaded}[{quoted(plain.checkpoint)}]"]
    for found in model.read_outs:
        lines += _read_out_lines(found)
    return lines


UNKNOWN_NETWORK = "...  # your network: cw.load_model or cw.wrap_model"
UNKNOWN_STATES = "# your checkpoints: state dicts, files or a folder"


def quoted(text: str) -> str:
    """Give a text as it stands in code."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_out_lines(found: ReadOut) -> list[str]:
    bias = f", bias={_list(found.bias)}" if bool(found.bias.any()) else ""
    attach = f"at={quoted(found.at)}, weight=weight{bias}"
    return [*_weight_lines(found.weight), f"model = model.attach({quoted(found.name)}, {attach})"]


def _weight_lines(weight: Tensor) -> list[str]:
    """Write a weight out, by its entries that are not zero where these are few."""
    shape = ", ".join(map(str, weight.shape))
    places = weight.nonzero()
    if min(len(places) * 4, weight.numel()) > MOST_NUMBERS:
        return [f"weight = ...  # yours, [{shape}]"]
    if len(places) * 4 > weight.numel():
        return _wrapped(f"weight = {_list(weight.flatten())}.reshape({shape})")
    dtype = ", dtype=torch.float64" if weight.dtype == torch.float64 else ""
    where = ", ".join(str(axis.tolist()) for axis in places.T)
    return [
        f"weight = torch.zeros({shape}{dtype})",
        *_wrapped(f"weight[{where}] = {_list(weight[tuple(places.T)])}"),
    ]


def _list(values: Tensor) -> str:
    """Write a vector as a tensor, each number as short as it is exact."""
    if values.dtype == torch.float64:
        return f"torch.tensor({values.tolist()}, dtype=torch.float64)"
    numbers = [float(str(number)) for number in values.float().cpu().numpy()]
    return f"torch.tensor({numbers})"


def _wrapped(line: str) -> list[str]:
    """Break a line inside its brackets where it is long."""
    lines = [""]
    for word in line.split(" "):
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines
