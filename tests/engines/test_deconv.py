"""Reconstructions: units and places, canvas and boxes, sentences, what a result keeps."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnwidgets.engines.deconv import Reconstruction, check_unit, reconstruct
from cnnwidgets.graph import Record, Rule, Twin, record, reverse
from cnnwidgets.models import load_model
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.graph.networks import small
from tests.graph.reference import Reference, agree, canvas, difference


@pytest.fixture
def net() -> nn.Sequential:
    return small()


@pytest.fixture
def made(net: nn.Sequential) -> Record:
    return record(net, torch.randn(1, 3, 32, 32))


def test_a_planted_filter_is_found() -> None:
    """A unit of the first layer that was active is its own filter, where it looked."""
    net = nn.Sequential(nn.Conv2d(3, 2, 5, stride=3, padding=1, bias=False), nn.ReLU())
    picture = torch.zeros(1, 3, 20, 20)
    kernel = net[0].weight[1].detach()
    picture[0, :, 5:10, 8:13] = kernel
    found = reconstruct(record(net, picture), "1", [1])
    assert found.units == ((1, 2, 3),)
    assert found.boxes.tolist() == [[5, 8, 10, 13]]
    assert torch.equal(found.crop(0), kernel)
    outside = found.images[0].clone()
    outside[:, 5:10, 8:13] = 0
    assert not outside.any()
    assert found.responses[0] == pytest.approx(float(kernel.pow(2).sum()))


def test_a_channel_stands_at_its_strongest_place(made: Record) -> None:
    activation = made.activation("3")[0]
    for channel in range(6):
        place = torch.nonzero(activation[channel] == activation[channel].max())[0].tolist()
        found = reconstruct(made, "3", [channel])
        assert found.units == ((channel, *place),)
        assert found.responses[0] == activation[channel].max()
        same = reconstruct(made, "3", [(channel, *place)])
        assert torch.equal(found.images, same.images)
        assert torch.equal(reconstruct(made, "3", [(channel,)]).images, same.images)


def test_of_equal_places_the_first_is_taken() -> None:
    found = reconstruct(record(nn.Conv2d(3, 2, 3), torch.zeros(1, 3, 8, 8)), "", [1])
    assert found.units == ((1, 0, 0),)


def test_units_may_be_numbers_of_numpy_and_torch(made: Record) -> None:
    wanted = reconstruct(made, "3", [(2, 3, 4)])
    for unit in [
        (np.int64(2), np.int32(3), 4),
        [2, 3, 4],
        tuple(torch.tensor([2, 3, 4])),
        torch.tensor([2, 3, 4]).tolist(),
    ]:
        found = reconstruct(made, "3", [unit])
        assert found.units == ((2, 3, 4),)
        assert torch.equal(found.images, wanted.images)
    assert reconstruct(made, "3", [np.int64(2)]).units[0][0] == 2


@pytest.mark.parametrize(
    ("layer", "unit", "error", "message"),
    [
        ("3", 6, ValueError, "^3 has 6 units, 0 to 5; 6 was asked$"),
        ("3", -1, ValueError, "^3 has 6 units, 0 to 5; -1 was asked$"),
        ("3", (0, 7, 0), ValueError, "^3 has 7 rows, 0 to 6; row 7 was asked$"),
        ("3", (0, 0, -1), ValueError, "^3 has 7 columns, 0 to 6; column -1 was asked$"),
        (
            "3",
            (0, 1),
            ValueError,
            r"a unit of '3' is \(channel, row, column\) or a channel, got \(0, 1\)",
        ),
        ("3", (), ValueError, r"a unit of '3' is .* got \(\)"),
        ("3", (0, 1.5, 2), TypeError, "float"),
        ("3", "7", TypeError, "str"),
        ("7", (3, 0, 0), ValueError, r"a unit of '7' is an index, got \(3, 0, 0\)"),
        ("7", 7, ValueError, "^7 has 7 units, 0 to 6; 7 was asked$"),
        ("conv3", 1, ValueError, "^layer 'conv3' is not in Sequential"),
    ],
)
def test_what_is_not_there_is_told(
    made: Record, layer: str, unit: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reconstruct(made, layer, [unit])


def test_no_unit_and_no_such_rule(made: Record) -> None:
    with pytest.raises(ValueError, match="units must name at least one unit"):
        reconstruct(made, "3", [])
    with pytest.raises(ValueError, match="rule must be one of 'deconvnet', 'saliency', 'guided'"):
        reconstruct(made, "3", [0], rule="gradcam")
    check_unit(made, "3", 5)


def test_a_crop_is_padded_where_the_field_leaves_the_picture(made: Record) -> None:
    found = reconstruct(made, "3", [(1, 0, 6), (2, 3, 3)], rule="saliency")
    for k in range(2):
        top, left, bottom, right = found.boxes[k].tolist()
        crop = found.crop(k)
        assert crop.shape == (3, bottom - top, right - left)
        padded = nn.functional.pad(found.images[k], (40, 40, 40, 40))
        assert torch.equal(crop, padded[:, top + 40 : bottom + 40, left + 40 : right + 40])
        assert crop.any()
    top, left, bottom, right = found.boxes[0].tolist()
    assert top < 0
    assert right > 32
    assert not found.crop(0)[:, :-top].any()
    assert not found.crop(0)[:, :, 32 - right :].any()


def test_vector_layers(net: nn.Sequential, made: Record) -> None:
    found = reconstruct(made, "9", [0, 3, (4,)], rule="guided")
    reference = Reference(net, made.picture)
    assert found.units == ((0,), (3,), (4,))
    assert found.boxes.tolist() == [[0, 0, 32, 32]] * 3
    assert torch.equal(found.responses, made.output[0, [0, 3, 4]])
    for unit, image in zip(found.units, found.images, strict=True):
        assert difference(image, reference.image("9", unit, found.rule)) < 1e-6


def test_linear_units_of_a_whole_alexnet() -> None:
    """Real convolutions under a classifier with random weights.

    Its thousands of weights cancel: in float32 autograd's own gradient is wrong by 1.5e-6. So the
    walk is held to float64 exactly, and its float32 only to what that number type can do.
    """
    net = import_torchvision().models.alexnet(num_classes=9)
    net.features.load_state_dict(load_model("alexnet", device="cpu").module.features.state_dict())
    net.eval()
    picture = torch.randn(1, 3, 96, 96)
    made, reference = record(net, picture), Reference(net, picture)
    compared = 0
    for name in ("avgpool", *(f"classifier.{i}" for i in (1, 2, 4, 5, 6))):
        layer = made.layer(name)
        units = [(3, 2, 2), (255, 5, 0)] if layer.spatial else [(5,), (layer.units - 1,)]
        for rule in ("deconvnet", "saliency", "guided"):
            found = reconstruct(made, name, units, rule=rule)
            exact = canvas(
                reverse(made, name, units, found.rule, dtype=torch.float64).windows, picture
            )
            for k, unit in enumerate(units):
                wanted = reference.image(name, unit, found.rule)
                assert agree(exact[k], wanted, 1e-12), (name, unit)
                assert agree(found.images[k], wanted, 5e-6), (name, unit)
                compared += bool(wanted.any())
    assert compared > 24


def test_a_rule_may_be_given_by_its_switches(made: Record) -> None:
    found = reconstruct(made, "3", [1], rule=Rule(True, True, False))
    assert torch.equal(found.images, reconstruct(made, "3", [1], rule="saliency").images)
    assert found.rule == (True, True, False)


def test_a_result_says_where_it_comes_from(net: nn.Sequential, made: Record) -> None:
    found = reconstruct(made, "3", [1])
    assert found.layer == "3"
    assert found.provenance.model == "Sequential"
    assert found.provenance.weights == Twin(net).fingerprint()
    assert (found.provenance.device, found.provenance.precision) == ("cpu", "float32")
    assert found.provenance.versions["torch"] == torch.__version__


def test_a_result_is_saved_with_its_rule(made: Record, tmp_path) -> None:
    found = reconstruct(made, "3", [1, (2, 3, 4)], rule="guided")
    loaded = Reconstruction.load(found.save(tmp_path / "one.safetensors"))
    assert loaded.units == found.units
    assert isinstance(loaded.rule, Rule)
    assert loaded.rule == found.rule
    assert torch.equal(loaded.images, found.images)
    assert torch.equal(loaded.boxes, found.boxes)
    frame = found.to_frame()
    assert frame["unit"].tolist() == list(found.units)
    assert frame["responses"].tolist() == found.responses.tolist()
    assert set(frame["layer"]) == {"3"}


def test_the_seed_is_one_and_nothing_of_the_picture_is_multiplied_in(made: Record) -> None:
    """Saliency times the picture gives the response of a network without biases."""
    net = small()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "bias" in name:
                weight.zero_()
    linear = record(net, made.picture)
    found = reconstruct(linear, "9", [0, 1, 2], rule="saliency")
    products = (found.images * linear.picture).sum((1, 2, 3))
    assert torch.allclose(products, found.responses, rtol=1e-4, atol=1e-6)


def test_results_do_not_share_memory_with_the_record(made: Record) -> None:
    found = reconstruct(made, "3", [1])
    wanted = found.images.clone()
    found.images.zero_()
    assert torch.equal(reconstruct(made, "3", [1]).images, wanted)
