"""On a GPU the same numbers, within 1e-4 of the largest value, and everything stays there.

Passes are compared in float64: in float32 a value near zero may be active on one device only, and
then what comes back differs by more than rounding. Walks are in float32 on both.
"""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import RULES, Record, record, visit
from cnnwidgets.models import load_model, wrap_model
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.as_found import model_as_found
from tests.gpu import DEVICE, TOLERANCE
from tests.graph.networks import Residual, Stress, lively, small
from tests.graph.places import convolutions, strongest, three_units
from tests.graph.random_networks import random_network
from tests.graph.reference import difference

pytestmark = pytest.mark.gpu


def pair(net: nn.Module, picture: Tensor) -> tuple[Record, Record]:
    """Record a picture on both devices, in float64; the networks share nothing."""
    net, picture = copy.deepcopy(net).double().eval(), picture.double()
    there = copy.deepcopy(net).to(DEVICE)
    return record(net, picture), record(there, picture.to(DEVICE))


def alexnet() -> nn.Module:
    return load_model("alexnet", device="cpu").module


def squeezenet() -> nn.Module:
    return load_model("squeezenet1_1", device="cpu").module


def of_torchvision(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        torch.manual_seed(0)
        build = import_torchvision().models.get_model_builder(name)
        options = {"init_weights": False} if name == "googlenet" else {}
        return lively(build(weights=None, num_classes=10, **options))

    return build


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "small": (small, (3, 32, 32)),
    "residual": (Residual, (3, 32, 32)),
    "stress": (Stress, Stress.picture_shape),
    "alexnet": (alexnet, (3, 127, 127)),
    "squeezenet": (squeezenet, (3, 111, 111)),
    "resnet18": (of_torchvision("resnet18"), (3, 96, 96)),
    "mobilenet_v2": (of_torchvision("mobilenet_v2"), (3, 64, 64)),  # ReLU6
    "shufflenet": (of_torchvision("shufflenet_v2_x0_5"), (3, 64, 64)),  # channels shuffled
    "googlenet": (of_torchvision("googlenet"), (3, 64, 64)),
    "densenet": (of_torchvision("densenet121"), (3, 64, 64)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_records_and_walks_equal_the_cpu_s(name: str) -> None:
    build, shape = NETWORKS[name]
    torch.manual_seed(1)
    here, there = pair(build(), torch.randn(1, *shape))
    assert list(there.layers) == list(here.layers)
    assert there.picture.device.type == there.output.device.type == DEVICE.type
    assert difference(there.output.cpu(), here.output) < 1e-9
    compared = 0
    for layer in convolutions(here):
        answer = there.activation(layer)
        assert answer.device.type == DEVICE.type
        assert difference(answer.cpu(), here.activation(layer)) < 1e-9
        units = three_units(here, layer)
        for rule in ("deconvnet", "saliency", "guided"):
            found = reconstruct(there, layer, units, rule=rule)
            wanted = reconstruct(here, layer, units, rule=rule)
            assert found.units == wanted.units
            assert torch.equal(found.boxes, wanted.boxes)
            for tensor in (found.images, found.responses, found.boxes):
                assert tensor.device.type == "cpu"
            for image, expected in zip(found.images, wanted.images, strict=True):
                if expected.any():
                    assert difference(image, expected) < TOLERANCE, (layer, rule)
                    compared += 1
                else:
                    assert not image.any()
    assert compared > 12


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_the_grid(rule: str) -> None:
    torch.manual_seed(1)
    here, there = pair(Stress(), torch.randn(1, *Stress.picture_shape))
    unit = strongest(here, "mixed")
    found, wanted = (reconstruct(made, "mixed", [unit], rule=rule) for made in (there, here))
    assert difference(found.images, wanted.images) < TOLERANCE


@pytest.mark.parametrize("seed", range(6))
def test_any_window_stride_padding_dilation_and_groups(seed: int) -> None:
    torch.manual_seed(seed)
    here, there = pair(random_network(seed), torch.randn(1, 3, 23, 26))
    last = list(here.layers)[-1]
    for unit in three_units(here, last):
        found, wanted = (
            reconstruct(made, last, [unit], rule="saliency").images for made in (there, here)
        )
        assert difference(found, wanted) < TOLERANCE if wanted.any() else not found.any()


def test_a_unit_alone_stands_at_the_same_place() -> None:
    """Of equal places the first; also on a GPU, whose reductions run in another order."""
    here, there = pair(nn.Conv2d(3, 2, 3), torch.zeros(1, 3, 300, 300))
    assert reconstruct(there, "", [1]).units == reconstruct(here, "", [1]).units == ((1, 0, 0),)
    torch.manual_seed(1)
    here, there = pair(small(), torch.randn(1, 3, 32, 32))
    for layer in ("0", "3", "5"):
        units = range(here.layer(layer).units)
        assert reconstruct(there, layer, units).units == reconstruct(here, layer, units).units


def test_float32_passes_of_the_embedded_networks() -> None:
    """Nothing is decided in a pass itself, so float32 may be compared there."""
    for name in ("alexnet", "squeezenet1_1"):
        torch.manual_seed(0)
        model = load_model(name, device="cpu")
        picture = torch.randn(1, *model.input_shape)
        made = record(model, picture)
        model = load_model(name, device=DEVICE)
        assert model.device.type == DEVICE.type
        on_gpu = record(model, picture.to(DEVICE))
        assert difference(on_gpu.output.cpu(), made.output) < TOLERANCE
        for layer in list(made.layers)[::5]:
            assert difference(on_gpu.activation(layer).cpu(), made.activation(layer)) < TOLERANCE
        run = model.run(picture, ["features.3"])["features.3"]  # it takes the picture there
        assert run.device.type == DEVICE.type
        assert difference(run.cpu(), made.activation("features.3")) < TOLERANCE


def test_previews_look_like_what_is_exact() -> None:
    here, there = pair(alexnet(), torch.randn(1, 3, 127, 127))
    unit = strongest(here, "features.8")
    for dtype in (torch.bfloat16, torch.float16):
        coarse = reconstruct(there, "features.8", [unit], dtype=dtype)
        assert coarse.images.dtype == torch.float32
        assert coarse.provenance.precision == str(dtype).removeprefix("torch.")
        exact = reconstruct(here, "features.8", [unit])
        both = torch.stack([coarse.images.flatten(), exact.images.flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.999


def test_layers_are_handed_over_there() -> None:
    torch.manual_seed(1)
    net, pictures = Residual().double().eval(), torch.randn(5, 3, 32, 32).double()
    found: dict[str, Tensor] = {}

    def take(layer: str, first: int, activation: Tensor) -> None:
        assert activation.device.type == DEVICE.type and first == 0
        found[layer] = activation.clone()

    there = record(copy.deepcopy(net).to(DEVICE), pictures[:1].to(DEVICE))
    visit(there, pictures.to(DEVICE), ["stem", "blocks.0.relu#2", "fire", "head.2"], take)
    for layer, answers in found.items():
        for picture, answer in zip(pictures, answers, strict=True):
            wanted = record(net, picture[None]).activation(layer)[0]
            assert difference(answer.cpu(), wanted) < 1e-9
    assert len(found) == 4


def test_read_outs_and_the_way_from_a_layer() -> None:
    torch.manual_seed(1)
    net, pictures = Residual().to(DEVICE), torch.randn(2, 3, 32, 32)
    model = wrap_model(net, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)
    read = model.attach("sum", at="fire", weight=torch.ones(1, 6))
    found = read.run(pictures, ["sum", "fire", "head.2"])
    assert all(answer.device.type == DEVICE.type for answer in found.values())
    assert difference(found["sum"][:, 0].cpu(), found["fire"].sum(1).cpu()) < TOLERANCE
    answer = model.run_from("fire", found["fire"].cpu()).detach()
    assert difference(answer.cpu(), found["head.2"].cpu()) < TOLERANCE


class Drawing(nn.Module):
    """A network that draws random numbers also in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.conv(x), 0.5, training=True)
        return x + torch.rand_like(x)


def test_the_network_and_the_random_state_are_left_as_found() -> None:
    picture = torch.randn(1, 3, 32, 32, device=DEVICE)
    for net in (Residual().to(DEVICE).train(), Drawing().to(DEVICE)):
        wrap_model(net, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)  # sets threads once
        torch.rand(1, device=DEVICE)
        with model_as_found(net):
            made = record(net, picture)
            made.activation(list(made.layers)[-1])
            reconstruct(made, "stem" if "stem" in made.layers else "conv", [1])


def test_weights_that_are_trained_there_are_noticed() -> None:
    """Also where the optimizer's kernel writes them without counting it."""
    for fused in (False, True):
        net = small().to(DEVICE)
        made = record(net, torch.randn(1, 3, 32, 32, device=DEVICE))
        before = made.fingerprint
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, fused=fused)
        for weight in net.parameters():
            weight.grad = torch.randn_like(weight)
        assert made.is_current()
        optimizer.step()
        assert not made.is_current(), fused
        again = record(net, made.picture)
        assert again.fingerprint != before
        fresh = record(copy.deepcopy(net), made.picture)
        unit = strongest(fresh, "3")
        found, wanted = (reconstruct(made, "3", [unit]).images for made in (again, fresh))
        assert difference(found, wanted) < TOLERANCE
