"""`load_model` for torchvision's classifiers, with weights from a stand-in server."""

import copy
import io
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from cnnwidgets.graph import record
from cnnwidgets.models import load_model
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.stored_weights import fetch
from cnnwidgets.models.torchvision_import import import_torchvision
from cnnwidgets.models.torchvision_nets import imagenet_labels, names, put_right
from tests.stand_in import StandInServer, sha256

pytestmark = pytest.mark.usefixtures("own_cache")
Publish = Callable[[str, Mapping[str, Tensor]], None]
FAMILIES = (
    "alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3 "
    "maxvit_t mnasnet0_5 mobilenet_v2 mobilenet_v3_small resnet18 resnext50_32x4d "
    "shufflenet_v2_x0_5 squeezenet1_0 swin_t swin_v2_t vgg11_bn vit_b_32 wide_resnet50_2"
).split()
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def models() -> ModuleType:
    return import_torchvision().models


@pytest.fixture
def publish(server: StandInServer, models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Let a network's default weights be at the stand-in server."""

    def put(name: str, weights: Mapping[str, Tensor]) -> None:
        written = io.BytesIO()
        torch.save(weights, written)
        content = written.getvalue()
        url = server.serve(f"/models/{name}-{sha256(content)[:8]}.pth", content)
        default = models.get_model_weights(name).DEFAULT
        monkeypatch.setattr(default.value, "url", url)

    return put


def random_weights(module: nn.Module) -> dict[str, Tensor]:
    """Weights with which no layer is near zero or huge, so that outputs tell nets apart."""
    weights = module.state_dict()
    for name, tensor in weights.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.1)
        elif tensor.dim() > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    return weights


def fake_weights(module: nn.Module) -> dict[str, Tensor]:
    """Zeros of the right shapes and types, that take no room in memory or in a file."""
    weights = module.state_dict()
    for name, tensor in weights.items():
        zero = torch.zeros((), dtype=tensor.dtype, device="cpu")
        weights[name] = zero.expand(tensor.shape)
    return weights


def theirs(models: ModuleType, name: str, weights: Mapping[str, Tensor], **options) -> nn.Module:
    """What torchvision's own builder makes of weights."""
    default = models.get_model_weights(name).DEFAULT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(default), "get_state_dict", lambda *_, **__: copy.copy(weights))
        return models.get_model(name, weights=default, **options).eval()


def same(found: Tensor, expected: Tensor) -> bool:
    """Equal but for the order of sums, which follows how weights lie in memory."""
    assert expected.std() > 1e-3, "an output without differences would prove nothing"
    return bool((found - expected).abs().max() < 1e-5 * expected.abs().max())


def scores(module: nn.Module, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return module(pictures)


def test_a_classifier_is_fetched_once_and_computes_what_it_should(
    server: StandInServer,
    publish: Publish,
    models: ModuleType,
    own_cache: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    weights = random_weights(models.squeezenet1_0(weights=None))
    publish("squeezenet1_0", weights)
    model = load_model("squeezenet1_0", device="cpu")
    pictures = torch.randn(2, 3, 96, 96)
    expected = scores(theirs(models, "squeezenet1_0", weights), pictures)
    assert same(scores(model.module, pictures), expected)
    assert model.has_head
    assert (model.name, model.headless) == ("squeezenet1_0", "")
    assert model.labels == imagenet_labels()
    assert model.source == 'cw.load_model("squeezenet1_0")'
    told = capfd.readouterr().err
    assert "squeezenet1_0 was fetched from torchvision's server. Licence: BSD-3-Clause" in told
    assert "ImageNet" in told

    load_model("squeezenet1_0", device="cpu")
    assert len(server.requested) == 1
    assert len(list(own_cache.iterdir())) == 1
    assert capfd.readouterr().err == ""


def test_nothing_is_fetched_for_embedded_networks(
    server: StandInServer, publish: Publish, models: ModuleType, own_cache: Path
) -> None:
    with torch.device("meta"):
        whole = models.alexnet(weights=None)
    publish("alexnet", fake_weights(whole))
    publish("squeezenet1_1", {})
    assert load_model("squeezenet1_1", device="cpu").has_head
    assert not load_model("alexnet", device="cpu").has_head
    assert server.requested == []
    assert not own_cache.exists()


def test_alexnet_has_its_classifier_after_get(
    server: StandInServer, publish: Publish, models: ModuleType
) -> None:
    embedded = load_model("alexnet", device="cpu")
    assert embedded.headless == (
        "AlexNet stands here without its classifier; 'cnnwidgets weights get alexnet' fetches the "
        "whole network."
    )
    with torch.device("meta"):
        weights = fake_weights(models.alexnet(weights=None))
    weights["classifier.6.bias"] = torch.arange(1000.0)
    publish("alexnet", {**weights, **embedded.module.state_dict()})
    fetch(find_network("alexnet"))
    model = load_model("alexnet", device="cpu")
    assert model.headless == ""
    assert model.labels == imagenet_labels()
    assert model.has_head
    x = torch.randn(1, 3, 224, 224)
    assert torch.equal(scores(model.module, x), torch.arange(1000.0)[None])
    for layer in ("features.0", "features.10"):
        assert torch.equal(model.run(x, layer)[layer], embedded.run(x, layer)[layer])
    assert len(server.requested) == 1


def test_older_weights_of_densenet_fit(publish: Publish, models: ModuleType) -> None:
    weights = random_weights(models.densenet121(weights=None))
    older = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): tensor
        for name, tensor in weights.items()
        if not name.endswith("num_batches_tracked")  # that came later, too
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in older
    publish("densenet121", older)
    x = torch.randn(1, 3, 64, 64)
    expected = scores(theirs(models, "densenet121", older), x)
    assert same(scores(load_model("densenet121", device="cpu").module, x), expected)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_nets_that_rescale_their_input_answer_as_torchvisions(
    publish: Publish, models: ModuleType, name: str
) -> None:
    # Truth: torchvision's builder, which sets transform_input, on ImageNet's normalisation.
    whole = models.get_model(name, weights=None, aux_logits=True, init_weights=False)
    weights = random_weights(whole)
    publish(name, weights)
    model = load_model(name, device="cpu")
    pictures = torch.rand(1, *model.input_shape)
    reference = theirs(models, name, weights)
    assert reference.transform_input
    expected = scores(reference, (pictures - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1))
    found = record(model, model.normalize(pictures)).output
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
    assert expected.std() > 0.01
    assert model.has_head
    assert not any("slice" in layer or "unsqueeze" in layer for layer in model.layers)


@pytest.mark.parametrize("name", ["mnasnet0_5", "shufflenet_v2_x0_5", "regnet_y_400mf"])
def test_other_families_answer_as_torchvisions(
    publish: Publish, models: ModuleType, name: str
) -> None:
    weights = random_weights(models.get_model(name, weights=None))
    publish(name, weights)
    x = torch.randn(1, 3, 64, 64)
    expected = scores(theirs(models, name, weights), x)
    assert same(scores(load_model(name, device="cpu").module, x), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_takes_its_published_weights(models: ModuleType, name: str) -> None:
    assert name in names()
    takes_its_published_weights(models, name)


@pytest.mark.slow
def test_every_classifier_takes_its_published_weights(models: ModuleType) -> None:
    assert len(names()) >= 80
    for name in names():
        if not name.startswith("regnet"):  # built slowly; one of them is loaded above
            takes_its_published_weights(models, name)


def takes_its_published_weights(models: ModuleType, name: str) -> None:
    """Names and shapes are those that torchvision publishes; no tensor stays unfilled."""
    network = find_network(name)
    default = models.get_model_weights(name).DEFAULT
    options = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": True, "init_weights": False}
    elif name.startswith("vit_"):
        options = {"image_size": default.meta["min_size"][0]}
    published = fake_weights(_quickly(partial(models.get_model, name, **options)))
    put_right(published)
    module = _quickly(network.build)
    module.load_state_dict(published, assign=True)
    tensors = [*module.parameters(), *module.buffers()]
    assert not any(tensor.is_meta for tensor in tensors), name
    preset = default.transforms()
    assert network.input_shape == (3, *preset.crop_size * 2), name
    assert len(network.labels) == 1000
    if name not in ("googlenet", "inception_v3"):
        assert (network.mean, network.std) == (tuple(preset.mean), tuple(preset.std)), name
    (source, *_) = network.sources
    assert source.file == default.url.rpartition("/")[2]
    assert re.search(r"-[0-9a-f]{8,}\.pth$", source.file), "no download goes unchecked"


def _quickly(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build()
