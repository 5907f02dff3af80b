"""On a GPU the same numbers, within 1e-4 of the largest value, and everything stays there."""

import pytest
import torch

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.responses import layer_response
from cnnwidgets.graph import record
from cnnwidgets.models import load_model, wrap_model
from tests.graph.networks import Residual, Stress
from tests.graph.reference import difference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TOLERANCE = 1e-4


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFloat-32 has 1e-3; whether to use it is the user's choice."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


@pytest.mark.parametrize("rule", ["deconvnet", "saliency", "guided"])
def test_it_equals_the_cpu_where_both_decide_alike(rule: str) -> None:
    """In float64 no rectifier is so near to zero that the two would decide differently."""
    torch.manual_seed(1)
    net, picture = Stress().double(), torch.randn(1, *Stress.picture_shape).double()
    made = record(net, picture)
    on_gpu = record(net.cuda(), picture.cuda())
    assert on_gpu.picture.is_cuda
    for layer in ("dilated", "grouped", "uneven", "average_padded", "mixed"):
        for unit in [(0, 0, 0), (3, 2, 1)]:
            images = [
                reconstruct(r, layer, [unit], rule=rule).images
                for r in (record(net.cpu(), picture), record(net.cuda(), picture.cuda()))
            ]
            assert not images[1].is_cuda
            assert difference(images[1], images[0]) < TOLERANCE
    assert list(on_gpu.layers) == list(made.layers)


def test_activations_of_the_embedded_networks() -> None:
    for name in ("alexnet", "squeezenet1_1"):
        picture = torch.randn(1, 3, 224, 224)
        made = record(load_model(name, device="cpu"), picture)
        model = load_model(name, device="cuda")
        on_gpu = record(model, picture.cuda())
        assert difference(on_gpu.output.cpu(), made.output) < TOLERANCE
        for layer in list(made.layers)[::5]:
            found, wanted = (layer_response(r, layer) for r in (on_gpu, made))
            assert torch.allclose(
                found.peaks, wanted.peaks, atol=TOLERANCE * float(wanted.peaks.max())
            )
        run = model.run(picture, ["features.3"])["features.3"]
        assert run.is_cuda
        assert difference(run.cpu(), made.activation("features.3")) < TOLERANCE


def test_read_outs_and_the_way_from_a_layer() -> None:
    net, pictures = Residual().cuda(), torch.randn(2, 3, 32, 32)
    model = wrap_model(net, input_shape=(3, 32, 32), mean=[0] * 3, std=[1] * 3)
    read = model.attach("sum", at="fire", weight=torch.ones(1, 6))
    found = read.run(pictures, ["sum", "fire", "head.2"])
    assert difference(found["sum"][:, 0].cpu(), found["fire"].sum(1).cpu()) < TOLERANCE
    assert (
        difference(model.run_from("fire", found["fire"].cpu()).cpu(), found["head.2"].cpu())
        < TOLERANCE
    )
    state = torch.cuda.get_rng_state()
    record(torch.nn.Sequential(net, torch.nn.Dropout(0.5)), pictures[:1].cuda())
    assert torch.equal(torch.cuda.get_rng_state(), state)
