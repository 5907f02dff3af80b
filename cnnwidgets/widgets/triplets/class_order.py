"""The order of the objects in the class board's matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnnwidgets.widgets.triplets.objects import Objects


def ordered(
    objects: Objects,
    occurring: NDArray[np.int64],
    kept: NDArray[np.int64],
    network: Tensor | None,
) -> tuple[NDArray[np.int64], tuple[int, ...], str]:
    """Order by category, and within it, or where there is none, by what the network finds.

    Parameters
    ----------
    occurring : numbers of the objects that answers hold; `kept` : places of some of them.
    network : similarities of those that are kept [n, n], or None.

    Returns
    -------
    The places in their order, where in it a new category begins, and the order in words.
    """
    groups = [(*objects.groups[number], "")[0] for number in occurring[kept]]
    places = np.arange(len(kept))
    if network is not None and len(kept) > 2:
        places[_leaves(network)] = np.arange(len(kept))
    if len(set(groups)) < 2:
        words = "in the network's order" if network is not None else "in no order"
        return kept[np.argsort(places)], (), words
    order = sorted(range(len(kept)), key=lambda at: (not groups[at], groups[at], int(places[at])))
    ends = [n for n in range(1, len(order)) if groups[order[n]] != groups[order[n - 1]]]
    return kept[order], tuple(ends), "by category"


def _leaves(similarity: Tensor) -> NDArray[np.int64]:
    """Give the order of hierarchical clustering by the mean over pairs, neighbours side by side."""
    # Here, since only a class needs them: they take 40 MB and half a second to import.
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    apart = (1 - similarity).clamp_min(0).fill_diagonal_(0).nan_to_num(1.0).numpy()
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    leaves: NDArray[np.int64] = leaves_list(tree)
    return leaves
