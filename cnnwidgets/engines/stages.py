"""The early, the middle and the late layer of a convolutional network."""

from __future__ import annotations

from cnnwidgets.models import VisionModel

NO_STAGE = ("pool", "pad")
"""Kinds of layers that only move values; torch writes them with small and capital letters."""


def stages(model: VisionModel) -> dict[str, str]:
    """Give the names of the early, the middle and the late layer of a convolutional network.

    A stage is all layers of one map size; it is stood for by its last layer that is no pool. Early
    is the first stage, late the last one before the head, middle the one in between: in VGG16 the
    rectified ends of blocks 1, 3 and 5, as in Mahner et al. (there with batch
    normalisation; see `features`).

    Returns
    -------
    dict
        {"early": name, "middle": name, "late": name}; fewer where the network has fewer stages.
    """
    ends: dict[tuple[int, ...], str] = {}
    for name, layer in model.layers.items():
        if layer.spatial and layer.shape[-1] > 1 and not _moves(layer.kind):
            ends.pop(layer.shape[1:], None)  # in the order of the last ones
            ends[layer.shape[1:]] = name
        if name == model.penultimate:
            break
    names = list(ends.values())
    if not names:
        return {}
    chosen = {"early": names[0], "late": names[-1]}
    if len(names) > 2:
        chosen = {"early": names[0], "middle": names[(len(names) - 1) // 2], "late": names[-1]}
    return chosen if len(names) > 1 else {"late": names[-1]}


def _moves(kind: str) -> bool:
    return any(word in kind.lower() for word in NO_STAGE)
