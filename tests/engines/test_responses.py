"""A layer's peaks and order, and the classes, against plain loops."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from cnnwidgets.engines.responses import (
    BestClasses,
    LayerResponse,
    best_classes,
    layer_response,
    strongest_position,
)
from cnnwidgets.graph import record
from tests.graph.networks import small


def test_peaks_positions_and_order_by_a_plain_loop() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    for layer in ("0", "1", "3", "5"):
        found, activation = layer_response(made, layer), made.activation(layer)[0]
        for unit, channel in enumerate(activation):
            best = max(
                (
                    (float(channel[y, x]), y, x)
                    for y in range(len(channel))
                    for x in range(channel.shape[1])
                ),
                key=lambda place: place[0],
            )
            assert found.peaks[unit] == best[0]
            assert found.positions[unit].tolist() == list(best[1:])
            assert strongest_position(made, layer, unit) == best[1:]
        order = found.order.tolist()
        assert sorted(order) == list(range(len(activation)))
        assert all(found.peaks[a] >= found.peaks[b] for a, b in pairwise(order))


def test_a_planted_order() -> None:
    net = nn.Conv2d(1, 4, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([0.5, 3.0, -1.0, 3.0]).view(4, 1, 1, 1))
    picture = torch.zeros(1, 1, 5, 6)
    picture[0, 0, 3, 4] = 1
    found = layer_response(record(net, picture), "")
    assert found.order.tolist() == [1, 3, 0, 2]  # of equal peaks the lower number first
    assert found.peaks.tolist() == [0.5, 3, 0, 3]
    assert found.positions.tolist() == [[3, 4], [3, 4], [0, 0], [3, 4]]


def test_a_vector_layer() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    found = layer_response(made, "7")
    assert torch.equal(found.peaks, made.activation("7")[0])
    assert found.positions.tolist() == [[0, 0]] * 7
    assert found.order.tolist() == sorted(range(7), key=lambda i: -float(found.peaks[i]))
    assert found.provenance.precision == "float32"


def test_no_such_layer() -> None:
    with pytest.raises(ValueError, match="layer 'conv' is not in Sequential"):
        layer_response(record(small(), torch.randn(1, 3, 32, 32)), "conv")


def test_best_classes_are_the_softmax() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    scores = made.output[0].double()
    wanted = (scores.exp() / scores.exp().sum()).sort(descending=True)
    found = best_classes(made, ["a", "b", "c", "d", "e"], count=3)
    assert torch.allclose(found.probabilities.double(), wanted.values[:3], atol=1e-7)
    assert found.classes.tolist() == wanted.indices[:3].tolist()
    assert found.labels == tuple("abcde"[i] for i in found.classes)
    assert found.count == 5
    without = best_classes(made)
    assert len(without.labels) == 5
    assert without.labels[0] == f"class {int(found.classes[0])}"
    assert float(without.probabilities.sum()) == pytest.approx(1)


def test_best_classes_of_large_scores_do_not_overflow() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        net[1].weight.fill_(1000)
        net[1].bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    found = best_classes(record(net, torch.ones(1, 1, 2, 2)))
    assert found.classes.tolist() == [2, 1, 0]
    assert float(found.probabilities.sum()) == pytest.approx(1)


def test_what_has_no_classes_is_told() -> None:
    made = record(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"one score a class, got a tensor \[1, 4, 6, 6\]"):
        best_classes(made)
    with pytest.raises(ValueError, match="labels must name the 5 classes of Sequential, got 2"):
        best_classes(record(small(), torch.randn(1, 3, 32, 32)), ["a", "b"])

    class Two(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"out": super().forward(x)}

    with pytest.raises(ValueError, match="got a tensor"):
        best_classes(record(Two(3, 4, 3), torch.zeros(1, 3, 8, 8)))


def test_results_are_saved(tmp_path) -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    found = layer_response(made, "3")
    loaded = LayerResponse.load(found.save(tmp_path / "layer.safetensors"))
    assert loaded.provenance == found.provenance
    assert torch.equal(loaded.positions, found.positions)
    classes = best_classes(made)
    again = BestClasses.load(classes.save(tmp_path / "classes.safetensors"))
    assert again.labels == classes.labels
    assert again.count == 5
    frame = classes.to_frame()
    assert list(frame["label"]) == list(classes.labels)
    assert frame["probabilities"].is_monotonic_decreasing
    assert layer_response(made, "3").to_frame()["peaks"].tolist() == found.peaks.tolist()


def test_in_inference_mode_results_are_plain_tensors() -> None:
    made = record(small(), torch.randn(1, 3, 32, 32))
    with torch.inference_mode():
        response, classes = layer_response(made, "3"), best_classes(made)
    for tensor in (response.peaks, response.positions, response.order, classes.probabilities):
        assert not tensor.is_inference()
