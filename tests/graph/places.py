"""Layers and units at which a network is questioned."""

import torch

from cnnwidgets.graph import Record

Unit = tuple[int, ...]


def convolutions(record: Record) -> list[str]:
    """Four convolutions, from the first to the last."""
    names = [name for name, layer in record.layers.items() if layer.kind == "Conv2d"]
    return [names[0], names[len(names) // 3], names[2 * len(names) // 3], names[-1]]


def strongest(record: Record, layer: str) -> Unit:
    """The unit that answers most to the picture."""
    activation = record.activation(layer)[0]
    return tuple(map(int, torch.unravel_index(activation.argmax(), activation.shape)))


def three_units(record: Record, layer: str) -> list[Unit]:
    """Of a map: the corner of the last channel, the strongest unit, and another place."""
    channels, rows, columns = record.layer(layer).shape
    corner, other = (channels - 1, 0, columns - 1), (channels // 2, rows // 2, columns // 3)
    return [corner, strongest(record, layer), other]
