"""Which networks work: a member of every family, asked at three layers under three rules.

    python -m tests.graph.survey      writes docs/networks.md

An answer counts as exact where it equals the slow derivation of `tests.graph.reference`: in double
precision to 1e-12 of the largest value, so that the walk makes no error of its own; in single
precision to 1e-5, which is rounding (the last layers of these networks differ by up to 3e-6, and so
does autograd's own gradient).
"""

import copy
import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, record
from cnnwidgets.models.efficientnet_lite import EfficientNetLite0
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.graph.networks import lively
from tests.graph.places import strongest
from tests.graph.reference import Reference, agree
from tests.graph.survey_page import BENDS, RULE_NAMES, Row, code, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"


class Subject(NamedTuple):
    """How a network is built, and the side of the picture that it is shown."""

    build: Callable[[], nn.Module]
    size: int = 64


def _torchvision(name: str, size: int = 64, **settings: Any) -> Subject:
    def build() -> nn.Module:
        return import_torchvision().models.get_model(name, weights=None, **settings)

    return Subject(build, size)


_WHOLE = {"aux_logits": False, "init_weights": False}  # without the classifiers only training needs
NETWORKS: dict[str, Subject] = {
    "alexnet": _torchvision("alexnet"),
    "vgg11_bn": _torchvision("vgg11_bn", init_weights=False),
    "vgg16": _torchvision("vgg16", init_weights=False),
    "squeezenet1_1": _torchvision("squeezenet1_1"),
    "googlenet": _torchvision("googlenet", **_WHOLE),
    "inception_v3": _torchvision("inception_v3", 96, **_WHOLE),
    "resnet18": _torchvision("resnet18"),
    "resnet50": _torchvision("resnet50"),
    "resnext50_32x4d": _torchvision("resnext50_32x4d"),
    "wide_resnet50_2": _torchvision("wide_resnet50_2"),
    "densenet121": _torchvision("densenet121"),
    "shufflenet_v2_x0_5": _torchvision("shufflenet_v2_x0_5"),
    "mobilenet_v2": _torchvision("mobilenet_v2"),
    "mnasnet0_5": _torchvision("mnasnet0_5"),
    "efficientnet_lite0": Subject(EfficientNetLite0),
    "regnet_x_400mf": _torchvision("regnet_x_400mf"),
    "regnet_y_400mf": _torchvision("regnet_y_400mf"),
    "mobilenet_v3_small": _torchvision("mobilenet_v3_small"),
    "efficientnet_b0": _torchvision("efficientnet_b0"),
    "efficientnet_v2_s": _torchvision("efficientnet_v2_s"),
    "convnext_tiny": _torchvision("convnext_tiny"),
    "swin_t": _torchvision("swin_t"),
    "swin_v2_t": _torchvision("swin_v2_t"),
    "vit_b_16": _torchvision("vit_b_16", image_size=64),
    "maxvit_t": _torchvision("maxvit_t", 224),
}


def examine(name: str) -> Row:
    """Ask one network.

    Raises
    ------
    AssertionError
        An answer is wrong.
    """
    torch.manual_seed(0)
    subject = NETWORKS[name]
    module, picture = lively(subject.build()), torch.randn(1, 3, subject.size, subject.size)
    single = _Asked(module, picture, 1e-5)
    double = _Asked(copy.deepcopy(module).double(), picture.double(), 1e-12)
    asked = _early_middle_late(single)
    found = [_verdict(rule, asked, single, double) for rule in RULE_NAMES]
    refused = set().union(*(refused for _, refused in found))
    assert refused <= BENDS.keys(), f"tell the reader about {refused}"
    if refused:  # a walk ends at the first call; the gradient passes them all
        calls = reconstruct(single.record, asked[-1], [0], rule="saliency").by_autograd
        refused |= BENDS.keys() & set(map(kind, calls))
    verdicts = tuple(verdict for verdict, _ in found)
    layers = len(single.record.layers)
    return Row(name, subject.size, layers, asked, verdicts, tuple(sorted(refused)))


class _Asked:
    """A network in one number type: its record, and the slow derivation that judges it."""

    def __init__(self, module: nn.Module, picture: Tensor, tolerance: float) -> None:
        self.record = record(module, picture)
        self._reference = Reference(module, picture)
        self._tolerance = tolerance

    @property
    def layers(self) -> list[str]:
        """The layers that the slow derivation hears too: modules."""
        return [name for name in self.record.layers if name in self._reference.outputs]

    def compare(self, layer: str, rule: str) -> tuple[str, ...]:
        """Hold the strongest unit's answer against the other; give what went by autograd."""
        unit, dtype = strongest(self.record, layer), self.record.picture.dtype
        found = reconstruct(self.record, layer, [unit], rule=rule, dtype=dtype)
        wanted = self._reference.image(layer, unit, RULES[rule])
        assert wanted.any(), (layer, rule)
        assert agree(found.images[0], wanted, self._tolerance), (layer, rule)
        return found.by_autograd


def _early_middle_late(asked: _Asked) -> tuple[str, ...]:
    """Two convolutions, and the last layer: the answer, where it is a map or a vector."""
    layers = asked.record.layers
    convolutions = [name for name in asked.layers if layers[name].kind == "Conv2d"]
    early, middle = (convolutions[len(convolutions) * fifths // 5] for fifths in (1, 3))
    return tuple(dict.fromkeys([early, middle, asked.layers[-1]]))


def _verdict(
    rule: str, layers: Sequence[str], single: _Asked, double: _Asked
) -> tuple[str, set[str]]:
    """Give the sentence for the page, and the kinds of calls that were refused."""
    by_autograd: set[str] = set()
    refused: set[str] = set()
    for layer in layers:
        refusal = _refusal(single, layer, rule)
        assert refusal or not refused, f"{layer} follows a layer that is refused"
        if refusal:
            refused.add(refusal)
        else:
            by_autograd |= set(map(kind, single.compare(layer, rule)))
            double.compare(layer, rule)
    exact = f"exact, by autograd: {code(sorted(by_autograd))}" if by_autograd else "exact"
    if not refused:
        return exact, refused
    before = list(takewhile(lambda layer: not _refusal(single, layer, rule), single.layers))
    refused.add(_refusal(single, single.layers[len(before)], rule))
    single.compare(before[-1], rule)
    double.compare(before[-1], rule)
    return f"{exact} up to `{before[-1]}`, then refused", refused


def _refusal(asked: _Asked, layer: str, rule: str) -> str:
    """Give the kind of call for which a rule refuses a layer; nothing if it does not."""
    try:
        reconstruct(asked.record, layer, [0], rule=rule)
    except NotImplementedError as refusal:
        return kind(re.findall(r"'([^']*)' \(aten", str(refusal))[0])
    return ""


def kind(call: str) -> str:
    """Give what a call does: "mul" for "features.1.block.1:mul#2"."""
    return call.rpartition(":")[2].partition("#")[0]


def survey() -> str:
    """Ask all networks and write it down, for readers."""
    return page([examine(name) for name in tqdm(NETWORKS)])


if __name__ == "__main__":
    PAGE.write_text(survey(), encoding="utf-8")
