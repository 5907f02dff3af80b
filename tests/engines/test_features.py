"""What layers say of whole pictures: the means of their maps, any split, the early to the late."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnwidgets.engines.features import Features, FeaturesAccumulator, features
from cnnwidgets.engines.stages import stages
from cnnwidgets.graph import StaleRecordError
from cnnwidgets.models import VisionModel, load_model, wrap_model
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.as_found import model_as_found
from tests.graph.networks import Residual
from tests.widgets.tiny import network, pictures


def test_features_are_the_means_of_the_maps_of_a_plain_pass():
    model, images = network(), pictures(5)
    found = features(model, images)
    shown = model.preprocess(list(images)).double()
    module = model.module.double()
    values, activation = {}, shown
    for name, part in module.named_children():
        activation = part(activation)
        values[name] = activation
    module.float()
    assert set(found.layers) == set(values)
    for name, value in values.items():
        expected = value.mean((2, 3)) if value.dim() == 4 else value
        assert torch.allclose(found.of(name).double(), expected, atol=1e-5), name
    assert found.of("0").min() < 0 < found.of("0").max()  # not rectified where the layer is not


@pytest.mark.parametrize("split", [(7,), (3, 4), (1,) * 7])
def test_any_split_and_order_gives_the_same(split):
    torch.manual_seed(3)
    module, given = Residual().eval(), torch.randn(7, 3, 32, 32)
    whole = FeaturesAccumulator(module)
    whole.update(given)
    parts, first = FeaturesAccumulator(module), 0
    for size in reversed(split):  # the last pictures come first
        last = 7 - first
        part = FeaturesAccumulator(module)
        part.update(given[last - size : last], range(last - size, last))
        parts.merge(part)
        first += size
    for name in whole.result().layers:
        assert torch.allclose(parts.result().of(name), whole.result().of(name), atol=1e-5)


def test_a_picture_that_is_missing_has_nan_and_one_is_in_only_once():
    model = network()
    found = FeaturesAccumulator(model)
    shown = model.preprocess(list(pictures(2)))
    found.update(shown, [0, 3])
    values = found.result(5).values
    assert values.isnan().all(1).tolist() == [False, True, True, False, True]
    with pytest.raises(ValueError, match="not in yet, got \\[3\\]"):
        found.update(shown[:1], [3])
    other = FeaturesAccumulator(model)
    other.update(shown[:1], [0])
    with pytest.raises(ValueError, match="picture 0 is in both"):
        found.merge(other)


def test_what_interrupts_it_leaves_a_batch_in_or_out():
    model, found = network(), FeaturesAccumulator(network())
    shown = model.preprocess(list(pictures(4)))

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        found.update(shown, between=stop)
    assert found.numbers == []
    found.update(shown)
    assert found.numbers == [0, 1, 2, 3]


def test_weights_that_change_meanwhile_are_told():
    model = network()
    found = FeaturesAccumulator(model)
    shown = model.preprocess(list(pictures(2)))
    found.update(shown[:1])
    with torch.no_grad():
        model.module[0].weight.mul_(2)
    with pytest.raises(StaleRecordError):
        found.update(shown[1:])


def test_the_model_is_left_as_found_and_the_result_comes_back_from_disk(tmp_path):
    model = network()
    with model_as_found(model.module):
        found = features(model, pictures(3), ["1", "6"])
    again = Features.load(found.save(tmp_path / "kept.safetensors"))
    assert again.layers == ("1", "6") and torch.equal(again.values, found.values)
    assert found.to_frame().shape == (3, 6 + 3) and found.to_frame()["6"].shape == (3, 3)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda model: features(model, pictures(), ["fc"]), "fc"),
        (lambda model: features(model, []), "at least one picture"),
        (lambda model: features(model, pictures(), ["0"]).of("1"), "'1' is not among those"),
    ],
)
def test_bad_questions(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        asked(network())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squeezenet1_1", ("features.1", "features.4", "features.12")),
        ("alexnet", ("features.1", "features.4", "features.11")),
    ],
)
def test_stages_of_the_embedded_networks(name, expected):
    found = stages(load_model(name))
    assert tuple(found[stage] for stage in ("early", "middle", "late")) == expected


def test_stages_of_vgg16_are_the_ends_of_blocks_1_3_and_5_as_in_the_paper():

    found = stages(wrapped(import_torchvision().models.vgg16(weights=None)))
    assert found == {"early": "features.3", "middle": "features.15", "late": "features.29"}


def test_a_network_of_one_map_size_has_a_late_layer_only_and_one_without_maps_none():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4), nn.ReLU(), nn.Linear(4, 2))
    plain = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))
    assert stages(wrapped(flat, 8)) == {}
    assert stages(wrapped(plain, 8)) == {"late": "1"}


def wrapped(module: Any, side: int = 224) -> VisionModel:
    return wrap_model(
        module.eval(), input_shape=(3, side, side), mean=np.zeros(3), std=np.ones(3), name="Own"
    )
