"""The embedded networks: what they are, and that they see what is there."""

from pathlib import Path

import pytest
import torch

from cnnwidgets.data import load_images
from cnnwidgets.engines.responses import best_classes
from cnnwidgets.graph import record
from cnnwidgets.models import load_model
from cnnwidgets.models.torchvision_import import import_torchvision

EMBEDDED = ["squeezenet1_1", "alexnet"]
CATS = {"tiger cat", "Egyptian cat", "tabby"}


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user has in the cache, these tests see what comes with the package."""
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(tmp_path))


def test_squeezenet_sees_a_cat_and_an_espresso() -> None:
    model, photos = load_model("squeezenet1_1", device="cpu"), load_images("photos")
    best = {
        name: best_classes(record(model, model.preprocess([photos[name]])), model.labels)
        for name in ("chelsea", "coffee")
    }
    assert best["chelsea"].labels[0] in CATS
    assert CATS & set(best["chelsea"].labels[1:])
    assert best["coffee"].labels[0] == "espresso"
    assert best["coffee"].count == 1000
    assert float(best["coffee"].probabilities[0]) > 0.2


def test_squeezenet() -> None:
    model = load_model("squeezenet1_1", device="cpu")
    assert (model.name, model.headless, model.has_head) == ("SqueezeNet 1.1", "", True)
    assert len(model.labels) == 1000
    assert model.labels[281] == "tabby"
    assert model.source == 'cw.load_model("squeezenet1_1")'
    assert model.penultimate == "features.12"
    assert sum(weight.numel() for weight in model.module.parameters()) == 1_235_496


def test_alexnet_has_no_head_and_says_why() -> None:
    model = load_model("alexnet", device="cpu")
    assert model.name == "AlexNet"
    assert not model.has_head
    assert model.penultimate is None
    assert model.labels is None
    assert "without its classifier" in model.headless
    assert list(model.layers) == [f"features.{i}" for i in range(13)]
    assert sum(weight.numel() for weight in model.module.parameters()) == 2_469_696


def test_alexnets_first_filters_are_those_of_a_trained_network() -> None:
    """Random filters have no orientation; trained ones concentrate their power."""
    weight = load_model("alexnet", device="cpu").module.features[0].weight
    power = torch.fft.rfft2(weight.mean(1)).abs().square()
    share = power.flatten(1).max(1).values / power.flatten(1).sum(1)
    noise = torch.fft.rfft2(torch.randn(64, 11, 11)).abs().square().flatten(1)
    assert share.median() > 1.5 * (noise.max(1).values / noise.sum(1)).median()


@pytest.mark.parametrize("name", EMBEDDED)
def test_they_are_float32_in_eval_mode_without_gradients(name: str) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    module = load_model(name, device="cpu").module
    assert torch.equal(torch.get_rng_state(), state)
    for weight in module.parameters():
        assert weight.dtype == torch.float32
        assert weight.device == torch.device("cpu")
        assert not weight.requires_grad
        assert torch.equal(weight, weight.half().float())  # stored in float16
    assert not any(part.training for part in module.modules())


@pytest.mark.parametrize("name", EMBEDDED)
def test_they_compute_what_torchvisions_own_class_computes(name: str) -> None:
    model = load_model(name, device="cpu")
    theirs = getattr(import_torchvision().models, name)().eval()
    theirs.load_state_dict(model.module.state_dict(), strict=name == "squeezenet1_1")
    picture = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        wanted = theirs(picture) if model.has_head else theirs.features(picture)
        assert torch.equal(record(model, picture).output, wanted)


def test_every_call_gives_a_network_of_its_own() -> None:
    one, other = (load_model("alexnet", device="cpu") for _ in range(2))
    with torch.no_grad():
        one.module.features[0].weight.zero_()
    assert other.module.features[0].weight.any()


def test_a_network_that_is_not_here_is_told() -> None:
    message = r"got 'squeezenet'; did you mean 'squeezenet1_[01]'\? any other module .* wrap_model"
    with pytest.raises(ValueError, match=message):
        load_model("squeezenet")
    with pytest.raises(
        ValueError, match=r"^model must be 'squeezenet1_1', 'alexnet', .*got '\?'; any other"
    ):
        load_model("?")
    with pytest.raises(ValueError, match="device must be"):
        load_model("alexnet", device="tpu")
