"""The real weights, where `make weights` has put them into the user's cache; nothing is fetched."""

import numpy as np
import pytest
import torch

from cnnwidgets.data import load_images
from cnnwidgets.models import VisionModel, load_model
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.stored_weights import in_cache


def real(name: str) -> VisionModel:
    if in_cache(find_network(name)) is None:
        pytest.skip(f"the weights of {name} are not in the cache; make weights fetches them")
    return load_model(name, device="cpu")


def test_vgg16_is_torchvisions() -> None:
    model = real("vgg16")
    convolution = model.module.features[0]
    published = [  # the first numbers of torchvision's checkpoint
        [-0.5537, 0.1427, 0.5290],
        [-0.5831, 0.3566, 0.7657],
        [-0.6902, -0.0480, 0.4841],
    ]
    np.testing.assert_allclose(convolution.weight[0, 0], published, atol=5e-5)
    np.testing.assert_allclose(convolution.bias[:4], [0.4034, 0.3778, 0.4644, -0.3228], atol=5e-5)


def test_vgg16_answers_to_things_rather_than_to_noise() -> None:
    model, photos = real("vgg16"), load_images("photos")
    layer = "features.29"
    rng = np.random.default_rng(0)
    for name in ("chelsea", "coffee"):
        (shown,) = model.crop([photos[name]])
        pixels = shown.reshape(-1, 3)
        noise = rng.permutation(pixels).reshape(shown.shape)  # the same colours, nowhere
        answers = model.run(model.preprocess([shown, noise]), layer)[layer]
        thing, nothing = answers.flatten(1).max(1).values
        assert thing > 2 * nothing
        share = float((answers[0] > 0).float().mean())
        assert 0.01 < share < 0.3, "the last rectifier of a trained VGG16 is sparse"


def test_efficientnet_lite0_knows_a_cat_and_an_espresso() -> None:
    model, photos = real("efficientnet_lite0"), load_images("photos")
    pictures = [photos[name] for name in ("chelsea", "coffee", "hopper", "rocket")]
    with torch.no_grad():
        best = model.module(model.preprocess(pictures)).topk(3).indices
    named = [{model.labels[index] for index in row} for row in best.tolist()]
    assert named[0] == {"Egyptian cat", "tiger cat", "tabby"}
    assert model.labels[best[1, 0]] == "espresso"
    assert "military uniform" in named[2]
    assert model.labels[best[3, 0]] == "missile"
