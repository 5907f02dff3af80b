"""A rectifier is one however it is written; what only looks like one is refused."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, named_rule, record
from tests.graph.networks import Step
from tests.graph.reference import Reference, agree, difference

PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "torch.clamp": lambda x: torch.clamp(x, 0.0),
    "clamp_": lambda x: x.clamp_(min=0),
    "clip": lambda x: x.clip(0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "clamp_min_": lambda x: x.clamp_min_(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "nn.Threshold": nn.Threshold(0, 0),
    "hardtanh": nn.Hardtanh(0, float("inf")),
}
CAPPED: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "F.relu6": F.relu6,
    "F.hardtanh": lambda x: F.hardtanh(x, 0, 6),
    "clamp": lambda x: x.clamp(0, 6),
}
OTHER: dict[str, Callable[[Tensor], Tensor]] = {
    "leaky_relu": nn.LeakyReLU(0.1),
    "hardtanh": nn.Hardtanh(-1, 1),
    "threshold": nn.Threshold(0.1, 0),
    "clamp": lambda x: x.clamp(min=0.1),
    "clamp_min": lambda x: torch.clamp_min(x, torch.zeros(4, 1, 1)),
    "clamp_max": lambda x: x.clamp_max(0),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "abs": torch.abs,
}


@pytest.mark.parametrize("form", PLAIN)
def test_every_form_of_a_rectifier(form: str) -> None:
    picture = torch.randn(1, 3, 9, 9)
    net = Step(PLAIN[form])
    plain = Step(nn.ReLU())
    plain.load_state_dict(net.state_dict())
    made, wanted = record(net, picture), record(plain, picture)
    assert torch.equal(made.output, wanted.output)
    for rule in RULES:
        images = [reconstruct(r, "after", [(2, 4, 4)], rule=rule).images for r in (made, wanted)]
        assert torch.equal(*images)
    reference = Reference(net, picture)
    for name, rule in RULES.items():
        image = reconstruct(made, "after", [(2, 4, 4)], rule=name).images[0]
        assert difference(image, reference.image("after", (2, 4, 4), rule)) < 1e-6


@pytest.mark.parametrize("form", CAPPED)
def test_a_rectifier_with_a_ceiling_passes_between_0_and_6(form: str) -> None:
    picture = torch.randn(1, 3, 9, 9)
    net = Step(CAPPED[form])
    with torch.no_grad():
        net.before.weight.mul_(20)
    made, reference = record(net, picture), Reference(net, picture)
    with torch.no_grad():
        values = net.before(picture)
    assert 0.1 < float((values > 6).float().mean()) < 0.9
    for name, rule in RULES.items():
        image = reconstruct(made, "after", [(2, 4, 4)], rule=name).images[0]
        assert difference(image, reference.image("after", (2, 4, 4), rule)) < 1e-6


@pytest.mark.parametrize("form", OTHER)
def test_what_is_no_rectifier_is_refused_by_name(form: str) -> None:
    made = record(Step(OTHER[form]), torch.randn(1, 3, 9, 9))
    for name in RULES:
        rule = named_rule(name)
        if rule.mask and not rule.rectify:  # that is the gradient
            assert reconstruct(made, "after", [(2, 4, 4)], rule=name).images.any()
            continue
        with pytest.raises(
            NotImplementedError, match=f"'after' that only the gradient reverses.*{form}"
        ):
            reconstruct(made, "after", [(2, 4, 4)], rule=name)
    assert reconstruct(made, "before", [(2, 4, 4)]).images.abs().max() > 0


def test_one_module_used_again() -> None:
    relu = nn.ReLU(inplace=True)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3), relu, nn.Conv2d(4, 2, 3))
    picture = torch.randn(1, 3, 12, 12)
    made, reference = record(net, picture), Reference(net, picture)
    for layer in ("1", "1#2", "4"):
        for name, rule in RULES.items():
            image = reconstruct(made, layer, [(1, 3, 3)], rule=name).images[0]
            wanted = reference.image(layer, (1, 3, 3), rule)
            assert agree(image, wanted)


def test_batch_norm_keeps_the_sign_of_its_gamma() -> None:
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 3))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([-2.0, -1, -0.5, 0.5, 1, 2]))
        net[1].bias.normal_()
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.1, 3)
    picture = torch.randn(1, 3, 12, 12)
    made, reference = record(net, picture), Reference(net, picture)
    for layer, unit in [("1", (0, 4, 4)), ("2", (1, 4, 4)), ("3", (1, 3, 3))]:
        for name, rule in RULES.items():
            found = reconstruct(made, layer, [unit], rule=name).images[0]
            wanted = reference.image(layer, unit, rule)
            assert agree(found, wanted)
    contrast = (
        reconstruct(made, "1", [(0, 4, 4)]).images / reconstruct(made, "0", [(0, 4, 4)]).images
    )
    assert (contrast[torch.isfinite(contrast)] < 0).all()
