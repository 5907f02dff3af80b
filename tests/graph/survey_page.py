"""The survey as a page for readers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

RULE_NAMES = ("saliency", "deconvnet", "guided")
_PRODUCT = "values are multiplied by others: gates, as in squeeze-and-excitation, and attention"
_SMOOTH = "smooth activations, which are nowhere simply on or off"
_SATURATES = "curves that saturate, most often inside a gate"
_OWN_SCALE = "values are divided by a size of their own: layer norm, cosine attention"
BENDS = {
    "scaled_dot_product_attention": _PRODUCT,
    "bmm": _PRODUCT,
    "clamp_min": _OWN_SCALE,
    "gelu": _SMOOTH,
    "hardsigmoid": _SATURATES,
    "hardswish": _SMOOTH,
    "linalg_vector_norm": _OWN_SCALE,
    "mul": _PRODUCT,
    "native_layer_norm": _OWN_SCALE,
    "sigmoid": _SATURATES,
    "silu": _SMOOTH,
    "softmax": _PRODUCT,
    "tanh": _SATURATES,
}


class Row(NamedTuple):
    """What was found out about one network.

    `layers` counts those that are listed; `asked` are the questioned ones, from early to late;
    `verdicts` has one for each rule; `bends` are the kinds of calls for which a rule refused.
    """

    name: str
    size: int
    layers: int
    asked: tuple[str, ...]
    verdicts: tuple[str, ...]
    bends: tuple[str, ...]

    @property
    def line(self) -> str:
        """The network's line in the first table."""
        saliency, *others = self.verdicts
        return _line([f"`{self.name}`", str(self.layers), saliency, *others])

    @property
    def checked(self) -> str:
        """The network's line in the table of layers."""
        return _line([f"`{self.name}`", f"{self.size} px", code(self.asked)])


def page(rows: Sequence[Row]) -> str:
    """Write the page, in Markdown."""
    return _PAGE.format(
        all_rules=code(row.name for row in rows if not row.bends),
        saliency_only=code(row.name for row in rows if row.bends),
        networks=_table(["network", "layers", *RULE_NAMES], (row.line for row in rows)),
        reasons=_table(["what bends", "calls", "where"], _reasons(rows)),
        checked=_table(["network", "picture", "layers"], (row.checked for row in rows)),
    )


def code(words: Iterable[str]) -> str:
    """Write words as code, with commas."""
    return ", ".join(f"`{word}`" for word in words)


def _reasons(rows: Sequence[Row]) -> Iterator[str]:
    for reason in sorted(set(BENDS.values())):
        calls = {kind for kind, its in BENDS.items() if its == reason}
        found = {kind for row in rows for kind in calls.intersection(row.bends)}
        where = code(row.name for row in rows if calls.intersection(row.bends))
        yield _line([reason, code(sorted(found)), where])


def _table(heads: Sequence[str], lines: Iterable[str]) -> str:
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *lines])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PAGE = """\
# Which networks work

<!-- Written by python -m tests.graph.survey; a test compares it with what the survey finds. -->

Any network can be looked into: its layers, fields, activation maps and strongest pictures. What a
unit *sees* is another matter. cnnwidgets walks back through the calls that a network makes, however
they are written (as modules, functions, methods, in place), and each rule says what to do at a
call. Where a rule says nothing, it refuses and names the call. It never gives you a plain gradient
under another name.

All three rules: {all_rules}.

Saliency only, but for the first layers: {saliency_only}.

{networks}

*Exact*: the same as a slow, independent derivation. *By autograd*: also exact; these calls are rare
in such networks and are reversed one by one by torch, more slowly; `Reconstruction.by_autograd`
names them. *Up to a layer, then refused*: all later layers depend on a call that the rule says
nothing about; choose `saliency`, or a layer before it. *Layers*: those that are listed; tokens and
maps with channels last are not, for their units have no place to point at.

The same holds for networks of your own and for `timm/NAME`, call by call:

| calls | saliency | deconvnet, guided |
| --- | --- | --- |
| convolutions (strided, dilated, grouped, depthwise), matrices, batch norm, pools, sums, concatenations, factors, padding, flattening | exact | exact |
| rectifiers: ReLU, and those with a ceiling (ReLU6, `hardtanh` and `clamp` from 0), which pass where 0 < x < 6 | exact | exact |
| local response normalisation | exact | left out, as in the papers' code |
| what is linear besides: slices, splits, permutations, upsampling, transposed convolutions | exact, by autograd | exact, by autograd |
| what bends in another way: smooth activations, gates, attention, layer and group norm | exact, by autograd | refused by name |
| random numbers; values that were overwritten through a view | refused by name | refused by name |

## Why deconvnet and guided refuse

Both say what a rectifier does with what comes back to it: let it pass where it is positive, and
(guided) only where the rectifier was active. For another bend there is no such sentence, in the
papers or elsewhere.

{reasons}

## What strangers bring

To `wrap_model`; the network is left as it was found in every case. What cannot be looked into is
told in one sentence, by `wrap_model` or when its layers are first asked for.

| network | what happens |
| --- | --- |
| in training mode, with dropout and batch norm | exact; a copy in evaluation mode is run |
| frozen, with hooks, weight norm, spectral norm, pruned, tied, under `no_grad` | exact |
| `torch.compile`, `DataParallel`, `DistributedDataParallel` | exact; taken off, so layers have their own names and no compiler runs; a class made from these with a forward of its own stays |
| `torch.fx`, `torch.export(...).module()` | exact |
| float16, bfloat16, float64 | exact in that type; pictures are brought to it |
| quantised (dynamic) | activations; refused by name where a quantised matrix would have to be walked back |
| gives a list, a dictionary, a dataclass | the first entry is the answer; `output` names another |
| gives no tensor | layers work; there are no classes |
| random numbers in its forward | activations; refused by name where they would have to be walked back |
| TorchScript | refused: its calls are hidden; give the module it was made from |
| lazy, or on the meta device, all or a part | refused: no weights yet, the first is named |
| float8, complex or sparse weights | refused |
| NaN or infinity | refused where the answer has some: the first tensor is named, its numbers counted |
| another picture size or number of channels | its own error, the layer, the size tried, and `input_shape` |
| more arguments, no forward, an error of its own | its own error, with the layer where it happened |
| `torch.inference_mode` inside, `torch.vmap` around all of it | refused |
| a path, a class, a state, a function | refused; what to do is said where that is known |

| weights | what happens |
| --- | --- |
| another width of floating point numbers | brought to the network's type; refused where they are too large for it |
| integer, quantised, complex, sparse, meta tensors | refused by name |
| under `state_dict`, `model`, ...; a prefix such as `module.`, `model.`, `_orig_mod.` | taken off |
| missing, unexpected or misshapen tensors, NaN or infinity | refused by name when the checkpoint is first run; the others live |
| safetensors that are cut, or whose header was changed | refused |
| pickles that are cut, git-lfs pointers, web pages | refused |
| pickles with more than tensors in them, whole networks, TorchScript | refused, nothing is run; `load_checkpoints(..., trust=True)` reads them, and runs what is in them |
| numbers that were changed inside a file | taken as they are: no format has a checksum |
| a published file that was changed in the cache, a download that is cut short | refused by its SHA-256; fetched anew |

## What was checked

Random weights, batch norms with any mean, variance and sign, one random picture, the strongest unit
of each layer below and of the last layer before a refusal. In double precision every answer equals
the other derivation (autograd, with rectifiers and pools replaced) to 1e-12 of the largest value.
In single precision rounding shows: below 1e-6 at most of these layers, up to 3e-6 at the last ones,
as much as autograd's own gradient is off there.

{checked}
"""  # noqa: E501
