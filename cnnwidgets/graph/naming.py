"""Names of layers: a module's dotted name, a call's parent and kind, '#2' for the second time."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from itertools import islice

# What ATen calls the calls that people know under another name.
_FAMILIAR = {
    "convolution": "conv2d",
    "max_pool2d_with_indices": "max_pool2d",
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "native_batch_norm": "batch_norm",
    "cudnn_batch_norm": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "addmm": "linear",
    "mm": "linear",
    "_unsafe_view": "view",
    "_softmax": "softmax",
    "_scaled_dot_product_flash_attention": "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu": "scaled_dot_product_attention",
    "_scaled_dot_product_efficient_attention": "scaled_dot_product_attention",
    "_scaled_dot_product_cudnn_attention": "scaled_dot_product_attention",
    "_log_softmax": "log_softmax",
}
_COMPARED, _LONGEST = 2000, 200  # names, and characters in each
# Calls that nobody would look into as a layer.
PLUMBING = frozenset(
    {
        "view",
        "clone",
        "alias",
        "detach",
        "_to_copy",
        "contiguous",
        "t",
        "transpose",
        "permute",
        "expand",
        "squeeze",
        "unsqueeze",
        "select",
        "split",
        "split_with_sizes",
    }
)


def call_kind(aten_name: str) -> str:
    """Give the familiar name of an ATen call: "convolution" is "conv2d", "relu_" is "relu"."""
    name = aten_name.rstrip("_") if not aten_name.endswith("__") else aten_name
    return _FAMILIAR.get(name, name)


def is_plumbing(call: str) -> bool:
    """Tell whether a call, by its name ("block:view#2"), only lays values out anew."""
    return call.rpartition(":")[2].partition("#")[0] in PLUMBING


class Counted:
    """Gives names out so that the second use of one is 'name#2'."""

    def __init__(self) -> None:
        self._uses: Counter[str] = Counter()

    def next(self, name: str) -> str:
        """Give the name of this use."""
        self._uses[name] += 1
        return name if self._uses[name] == 1 else f"{name}#{self._uses[name]}"


def closest_name(name: str, names: Iterable[str]) -> str:
    """Give "; did you mean 'features.10'?" or nothing, to end a sentence about a wrong name."""
    # Comparing takes long where there are many, or where they are long, as in a stranger's file.
    known = [known for known in islice(names, _COMPARED) if len(known) <= _LONGEST]
    close = difflib.get_close_matches(str(name)[:_LONGEST], known, n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else ""
