"""Linear read-outs are layers: they are run, carried back, and stand in the order of the pass."""

import pytest
import torch
from torch import nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.graph import record
from tests.graph.networks import Residual, small
from tests.graph.reference import difference
from tests.models.hearing import plainly, wrapped


def test_attach_reads_positions_maps_and_vectors() -> None:
    net, pictures = small(), torch.randn(3, 3, 32, 32)
    plain = wrapped(net)
    of_map, of_positions = torch.randn(4, 6, 7, 7), torch.randn(2, 6)
    of_vector, bias = torch.randn(3, 7), torch.randn(4)
    model = plain.attach("whole", at="3", weight=of_map, bias=bias)
    model = model.attach("places", at="3", weight=of_positions).attach(
        "vector", at="7", weight=of_vector
    )
    model = model.attach(
        "chain", at="places", weight=torch.tensor([[1.0, -2.0]]), bias=torch.tensor([0.5])
    )
    found = model.run(pictures, ["whole", "places", "vector", "chain", "3"])
    conv, hidden = plainly(net, pictures, "3"), plainly(net, pictures, "7")
    wanted = {
        "3": conv,
        "whole": torch.einsum("nchw,kchw->nk", conv, of_map) + bias,
        "places": torch.einsum("nchw,kc->nkhw", conv, of_positions),
        "vector": hidden @ of_vector.T,
    }
    wanted["chain"] = (wanted["places"][:, :1] - 2 * wanted["places"][:, 1:]) + 0.5
    for layer, value in wanted.items():
        assert torch.allclose(found[layer], value, atol=1e-4), layer
    names = list(model.layers)
    assert names.index("3") < names.index("places") < names.index("chain") < names.index("4")
    assert names.index("7") < names.index("vector") < names.index("8")
    assert {model.layers[name].kind for name in ("whole", "chain")} == {"ReadOut"}
    assert model.layers["places"].field == model.layers["3"].field
    assert model.layers["whole"].field.whole
    assert "whole" not in plain.layers


def test_what_is_attached_can_be_carried_back() -> None:
    net, picture = small(), torch.randn(1, 3, 32, 32)
    weight = torch.randn(2, 6, 7, 7)
    model = (
        wrapped(net)
        .attach("boundary", at="3", weight=weight)
        .attach("out", at="", weight=torch.eye(5)[1:3] * 2)
    )
    made = record(model, picture)
    x = picture.clone().requires_grad_()
    wanted = torch.autograd.grad((net[:4](x) * weight[1]).sum(), x)[0]
    found = reconstruct(made, "boundary", [1], rule="saliency")
    assert difference(found.images, wanted) < 1e-6
    x = picture.clone().requires_grad_()
    wanted = torch.autograd.grad(2 * net(x)[0, 2], x)[0]
    assert difference(reconstruct(made, "out", [1], rule="saliency").images, wanted) < 1e-6
    assert list(model.layers)[-1] == "out"


def test_attach_to_functional_layers_and_to_what_is_overwritten() -> None:
    net, pictures = Residual(), torch.randn(2, 3, 32, 32)
    model = wrapped(net).attach("a", at="blocks.0:add", weight=torch.ones(1, 4))
    model = model.attach("b", at=":relu", weight=torch.ones(1, 4)).attach(
        "c", at="blocks.0.bn1", weight=torch.ones(1, 4)
    )
    found = model.run(pictures, ["a", "b", "c", "blocks.0:add", "head.2"])
    assert torch.allclose(found["a"][:, 0], found["blocks.0:add"].sum(1), atol=1e-5)
    assert torch.allclose(found["b"][:, 0], model.run(pictures, ":relu")[":relu"].sum(1), atol=1e-5)
    assert torch.allclose(
        found["c"][:, 0], plainly(net, pictures, "blocks.0.bn1").sum(1), atol=1e-5
    )
    with torch.no_grad():
        assert torch.equal(found["head.2"], net.eval()(pictures))


def test_attach_refuses_what_does_not_fit() -> None:
    model = wrapped(small())
    with pytest.raises(
        ValueError, match=r"weight must be \[K, 6\] or \[K, 6, 7, 7\] to read '3', got \[2, 7\]"
    ):
        model.attach("x", at="3", weight=torch.zeros(2, 7))
    with pytest.raises(ValueError, match=r"weight must be \[K, 7\] to read '7', got \[7\]"):
        model.attach("x", at="7", weight=torch.zeros(7))
    with pytest.raises(ValueError, match=r"bias must be \[2\], got \[3\]"):
        model.attach("x", at="7", weight=torch.zeros(2, 7), bias=torch.zeros(3))
    with pytest.raises(ValueError, match="'3' is a layer of Sequential already"):
        model.attach("3", at="7", weight=torch.zeros(2, 7))
    with pytest.raises(ValueError, match="layer 'conv' is not in Sequential"):
        model.attach("x", at="conv", weight=torch.zeros(2, 7))
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    whole = wrapped(net, 9).attach("x", at="1", weight=torch.zeros(2, 4, 9, 9))
    with pytest.raises(ValueError, match=r"'x' reads maps \[4, 9, 9\] of '1', got \[4, 12, 12\]"):
        whole.run(torch.zeros(1, 3, 12, 12), "x")
