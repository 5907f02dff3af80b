"""What the rules promise: homogeneity, additivity or not, where they coincide, what FFF ignores."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import DECONVNET, RULES, Rule, named_rule, record, rule_name
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


def _positive(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        for weight in net.parameters():
            weight.abs_()
    return net


def test_where_nothing_is_negative_only_the_switches_matter() -> None:
    made = record(_positive(small()), torch.rand(1, 3, 32, 32))
    for layer, unit in [("3", (2, 3, 4)), ("9", (3,))]:
        with_switches, without = (
            [
                reconstruct(made, layer, [unit], rule=Rule(mask, switch, rectify)).images[0]
                for mask in (False, True)
                for rectify in (False, True)
            ]
            for switch in (True, False)
        )
        for images in (with_switches, without):
            for image in images[1:]:
                assert difference(image, images[0]) < TOLERANCE
        assert difference(with_switches[0], without[0]) > 0.1


def test_no_two_of_the_eight_coincide_elsewhere() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    images = [reconstruct(made, "9", [(3,)], rule=rule).images[0] for rule in RULES]
    for one, other in itertools.combinations(images, 2):
        assert difference(one, other) > 0.1


@pytest.mark.parametrize("rule", RULES)
def test_only_without_mask_and_switch_the_picture_does_not_matter(rule: str) -> None:
    net = small()
    records = [record(net, torch.randn(1, 3, 32, 32)) for _ in range(2)]
    one, other = (reconstruct(made, "6", [(7,)], rule=rule).images[0] for made in records)
    assert torch.equal(one, other) == (rule in ("FFF", "FFT"))


def _linear(net: nn.Sequential) -> nn.Sequential:
    """The network without rectifiers, whose max pools read their window's centre."""
    parts: list[nn.Module] = []
    channels = 3
    for part in net:
        if isinstance(part, nn.Conv2d):
            channels = part.out_channels
        if isinstance(part, nn.MaxPool2d):
            kernel, stride, padding = part.kernel_size, part.stride, part.padding
            part = nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels)
            nn.init.zeros_(part.weight)
            with torch.no_grad():
                part.weight[:, :, (kernel - 1) // 2, (kernel - 1) // 2] = 1
        parts.append(nn.Identity() if isinstance(part, nn.ReLU) else part)
    return nn.Sequential(*parts).double()


@pytest.mark.parametrize("seed", range(3))
def test_fff_is_the_gradient_of_a_linear_network(seed: int) -> None:
    torch.manual_seed(seed)
    net = small()
    net[5] = nn.MaxPool2d(3, 2, padding=1)  # overlapping, and beyond the map
    net[7] = nn.Linear(96, 7)
    made = record(net, torch.randn(1, 3, 32, 32))
    found = reconstruct(made, "9", [(2,)], rule="FFF").images[0]
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    wanted = torch.autograd.grad(_linear(net)(x)[0, 2], x)[0][0]
    assert difference(found, wanted) < TOLERANCE


def test_fff_reaches_the_whole_field_where_no_pool_takes_a_maximum() -> None:
    """With weights that cannot cancel; a max pool without switches leaves its window's rim out."""
    net = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, padding=1),
        nn.Conv2d(4, 6, (3, 2), padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
    )
    made = record(_positive(net), -torch.rand(1, 3, 48, 52))  # every rectifier is silent
    for layer, equal in [("1", True), ("2", True), ("4", True), ("5", False)]:
        rows, columns = made.layer(layer).shape[1:]
        for unit in [(2, rows // 2, columns // 2), (1, 0, 0), (3, rows - 1, 1)]:
            found = reconstruct(made, layer, [unit], rule="FFF")
            top, left, bottom, right = found.boxes[0].tolist()
            field = torch.zeros(48, 52, dtype=torch.bool)
            field[max(0, top) : bottom, max(0, left) : right] = True
            reached = (found.images[0] > 0).all(0)
            assert torch.equal(reached, (found.images[0] != 0).any(0))
            assert torch.equal(reached, field) == equal
            assert not (reached & ~field).any()


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
    assert sorted(RULES.values()) == sorted(itertools.product([False, True], repeat=3))
    letters = [name for name in RULES if name.isupper()]
    assert len(letters) == 5
    assert all(named_rule(name) == tuple(letter == "T" for letter in name) for name in letters)


def test_names_of_rules() -> None:
    assert [rule_name(named_rule(name)) for name in RULES] == list(RULES)
    assert rule_name(Rule(True, False, False)) == "TFF"
    assert list(RULES)[:3] == ["deconvnet", "saliency", "guided"]
    rules = list(RULES.values())
    assert [rule._replace(switch=False) for rule in rules[:4]] == rules[4:]


def test_a_name_that_is_none_is_refused() -> None:
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
