"""VisionModel: what it tells of a network, and which networks it takes."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from cnnwidgets.models import wrap_model
from tests.graph.networks import Residual, small
from tests.models.hearing import wrapped


def test_the_network_is_the_users_and_is_followed() -> None:
    net = small().train()
    model = wrapped(net)
    assert model.module is net
    assert model.layers["3"].units == 6
    net[3] = nn.Conv2d(8, 9, 3, padding=1)
    net[7] = nn.Linear(81, 7)
    assert model.layers["3"].units == 9
    assert net.training


def test_what_it_tells() -> None:
    model = wrapped(small(), labels=list("abcde"), name="Small")
    assert repr(model) == "VisionModel(Small, 3 × 32 × 32, cpu)"
    assert model.labels == tuple("abcde")
    assert model.has_head
    assert model.penultimate == "8"
    assert model.device == torch.device("cpu")
    assert model.input_shape == (3, 32, 32)
    assert model.layer("3").shape == (6, 7, 7)
    with pytest.raises(TypeError):
        model.layers["new"] = model.layers["3"]
    body = wrapped(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert not body.has_head
    assert body.penultimate is None
    assert wrapped(Residual()).penultimate == "head.1"


def test_a_network_of_another_number_type() -> None:
    for dtype in (torch.float64, torch.bfloat16):
        model = wrapped(small().to(dtype))
        assert model.dtype == dtype
        pictures = model.preprocess([np.zeros((40, 40, 3), np.uint8)])
        assert pictures.dtype == dtype
        assert model.run(pictures.float(), "3")["3"].dtype == dtype
        assert (
            model.attach("x", at="7", weight=torch.ones(1, 7)).run(pictures, "x")["x"].dtype
            == dtype
        )
    image = reconstruct(
        record(wrapped(small().double()), torch.randn(1, 3, 32, 32).double()), "3", [1]
    )
    assert image.images.any()


def test_a_network_that_only_takes_pictures_of_a_kind() -> None:
    """The picture of noise with which a network is explored is one that could be a picture."""

    class Logarithm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(torch.log(x + 2.01))

    assert list(wrapped(Logarithm()).layers) == [":add", ":log", "conv"]


def test_normalize_is_differentiable_and_preprocess_uses_it() -> None:
    model = wrap_model(small(), input_shape=(3, 32, 32), mean=(0.1, 0.2, 0.3), std=(0.5, 1, 2))
    x = torch.rand(2, 3, 32, 32, requires_grad=True)
    y = model.normalize(x)
    for channel, (mean, std) in enumerate([(0.1, 0.5), (0.2, 1), (0.3, 2)]):
        assert torch.allclose(y[:, channel], (x[:, channel] - mean) / std)
    gradient = torch.autograd.grad(y.sum(), x)[0]
    assert torch.allclose(gradient[0, :, 0, 0], torch.tensor([2, 1, 0.5]))
    white = model.preprocess([Image.new("RGB", (50, 60), "white")])
    assert torch.allclose(white[0, :, 5, 5], torch.tensor([1.8, 0.8, 0.35]))
    assert model.crop([Image.new("L", (9, 9))])[0].shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("about", "error", "message"),
    [
        ({"input_shape": (3, 32)}, ValueError, r"input_shape must be \(channels, height, width\)"),
        ({"input_shape": (3, 0, 32)}, ValueError, "each at least 1"),
        ({"mean": [0, 0]}, ValueError, "mean must have 3 numbers, one a channel, got"),
        ({"std": [1, 0, 1]}, ValueError, "std must have 3 numbers above 0"),
    ],
)
def test_wrapping_says_what_does_not_fit(about: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrap_model(
            small(), **{"input_shape": (3, 32, 32), "mean": [0] * 3, "std": [1] * 3, **about}
        )


def test_wrapping_takes_modules_only() -> None:
    with pytest.raises(TypeError, match=r"takes a torch.nn.Module, got the path 'vgg16'; build"):
        wrap_model("vgg16", input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)


def test_a_one_channel_network() -> None:
    model = wrapped(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), 20, channels=1)
    pictures = model.preprocess([Image.new("RGB", (30, 30), (255, 0, 0))])
    assert pictures.shape == (1, 1, 20, 20)
    assert float(pictures.mean()) == pytest.approx((76 / 255 - 0.5) / 0.25)
