"""What the rules promise: homogeneity, additivity or not, where they coincide, what FFF ignores."""

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import DECONVNET, RULES, Rule, named_rule, record
from cnnwidgets.models import VisionModel, load_model, wrap_model
from tests.graph.conftest import Case
from tests.graph.networks import small
from tests.graph.reference import difference

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def model() -> VisionModel:
    return load_model("alexnet", device="cpu")


def _seeded(model: VisionModel, picture: Tensor, seed: Tensor, rule: str) -> Tensor:
    """Carry a weighted group of channels back: the seed is a read-out's weight."""
    read = model.attach("group", at="features.6", weight=seed[None])
    return reconstruct(record(read, picture), "group", [(0, 6, 6)], rule=rule).images[0]


def _one_hot(channel: int) -> Tensor:
    return torch.eye(384)[channel]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_positively_homogeneous(model: VisionModel, alexnet: Case, rule: str) -> None:
    one = _seeded(model, alexnet.picture, _one_hot(20), rule)
    seven = _seeded(model, alexnet.picture, 7 * _one_hot(20), rule)
    assert difference(seven, 7 * one) < TOLERANCE


def test_only_saliency_is_additive(model: VisionModel, alexnet: Case) -> None:
    def deviation(rule: str) -> float:
        first, second = (
            _seeded(model, alexnet.picture, _one_hot(channel), rule) for channel in (20, 21)
        )
        both = _seeded(model, alexnet.picture, _one_hot(20) + _one_hot(21), rule)
        return difference(both, first + second)

    assert deviation("saliency") < TOLERANCE
    assert deviation("deconvnet") > 0.01


def test_saliency_of_a_negated_unit_is_negated_and_deconvnet_is_not(
    model: VisionModel, alexnet: Case
) -> None:
    up, down = _one_hot(20), -_one_hot(20)
    saliency = [_seeded(model, alexnet.picture, seed, "saliency") for seed in (up, down)]
    assert difference(-saliency[1], saliency[0]) < TOLERANCE
    deconvnet = [_seeded(model, alexnet.picture, seed, "deconvnet") for seed in (up, down)]
    assert difference(-deconvnet[1], deconvnet[0]) > 0.1


def test_all_rules_with_switches_coincide_where_nothing_is_negative() -> None:
    net = small()
    with torch.no_grad():
        for weight in net.parameters():
            weight.abs_()
    made = record(net, torch.rand(1, 3, 32, 32))
    for layer, unit in [("3", (2, 3, 4)), ("9", (3,))]:
        images = [
            reconstruct(made, layer, [unit], rule=Rule(mask, True, rectify)).images[0]
            for mask in (False, True)
            for rectify in (False, True)
        ]
        for image in images[1:]:
            assert difference(image, images[0]) < TOLERANCE


def test_they_do_not_coincide_elsewhere() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    images = [reconstruct(made, "9", [(3,)], rule=rule).images[0] for rule in RULES]
    assert difference(images[0], images[1]) > 0.1
    assert difference(images[1], images[2]) > 0.1


def test_without_mask_switch_and_rectification_the_picture_does_not_matter() -> None:
    net = small()
    nothing, pools = Rule(False, False, False), Rule(False, True, False)
    records = [record(net, torch.randn(1, 3, 32, 32)) for _ in range(2)]
    one, other = (reconstruct(made, "6", [(7,)], rule=nothing).images[0] for made in records)
    assert torch.equal(one, other)
    one, other = (reconstruct(made, "6", [(7,)], rule=pools).images[0] for made in records)
    assert not torch.equal(one, other)


def test_without_switches_the_place_is_the_windows_centre() -> None:
    """0-based ceil(k / 2) - 1: of 2 the first, of 3 the second, of 4 the second."""
    for kernel, place in [(2, 0), (3, 1), (4, 1), (5, 2)]:
        made = record(nn.MaxPool2d(kernel, 1), torch.randn(1, 1, 9, 9))
        image = reconstruct(made, "", [(0, 2, 3)], rule=Rule(True, False, False)).images[0, 0]
        assert torch.nonzero(image).tolist() == [[2 + place, 3 + place]]


def test_a_rectifier_at_exactly_zero_does_not_pass() -> None:
    net = nn.Sequential(nn.Identity(), nn.ReLU())
    made = record(net, torch.tensor([[[[-1.0, 0.0, 1.0]]]]))
    passed = [
        float(reconstruct(made, "1", [(0, 0, i)], rule="saliency").images.sum()) for i in range(3)
    ]
    assert passed == [0, 0, 1]


def test_rules_by_name() -> None:
    assert named_rule("deconvnet") == DECONVNET == (False, True, True)
    assert named_rule("saliency") == (True, True, False)
    assert named_rule("guided") == (True, True, True)
    assert named_rule(Rule(True, False, True)) == (True, False, True)
    with pytest.raises(ValueError, match=r"rule must be one of 'deconvnet', .* got 'deconvent'"):
        named_rule("deconvent")


def test_a_read_out_of_a_network_with_a_hidden_negative_is_carried_with_its_sign() -> None:
    """A unit that is minus a pixel: deconvnet carries -1, for nothing rectifies on the way."""
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
    with torch.no_grad():
        net[0].weight.fill_(-1)
    model = wrap_model(net, input_shape=(1, 4, 4), mean=[0], std=[1])
    image = reconstruct(record(model, torch.rand(1, 1, 4, 4)), "0", [(0, 1, 2)]).images[0, 0]
    assert image[1, 2] == -1
    assert image.abs().sum() == 1
