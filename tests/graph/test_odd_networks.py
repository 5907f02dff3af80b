"""Networks that do what few do: right all the same, or refused in a sentence."""

import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.engines.deconv import reconstruct
from cnnwidgets.engines.top_images import TopImagesAccumulator
from cnnwidgets.graph import RULES, Twin, record
from cnnwidgets.models import wrap_model
from tests.graph.networks import Step
from tests.graph.reference import agree


def gradient(net: nn.Module, picture: Tensor, unit: tuple[int, ...]) -> Tensor:
    """[C, H, W], of the whole network as it stands."""
    x = picture.clone().requires_grad_()
    return torch.autograd.grad(net.eval()(x)[(0, *unit)], x)[0][0]


class Between(nn.Module):
    """A function, with a matrix to use, between two convolutions."""

    def __init__(self, function: Callable[["Between", Tensor], Tensor], size: int = 12) -> None:
        super().__init__()
        self.before, self.after = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 1)
        self.places, self.columns = nn.Linear(size * size, size * size), nn.Linear(size, size)
        self.on_rows, self.function = nn.Conv2d(size, size, 3, padding=1), [function]

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.function[0](self, self.before(x)))


MEETING = {
    "places mixed by a matrix": lambda net, y: y + net.places(y.flatten(2)).view_as(y),
    "rows and columns exchanged": lambda net, y: y.transpose(2, 3),
    "a map and its mirror image": lambda net, y: y + y.transpose(2, 3),
    "a matrix over columns": lambda net, y: net.columns(y),
    "a convolution over channels": lambda net, y: net.on_rows(y.permute(0, 2, 3, 1)).permute(
        0, 3, 1, 2
    ),
    "a product with the mirror image": lambda net, y: y * y.transpose(2, 3),
}


@pytest.mark.parametrize("form", MEETING)
def test_no_field_is_smaller_than_what_the_unit_sees(form: str) -> None:
    net, picture = Between(MEETING[form]), torch.randn(1, 3, 12, 12)
    made = record(net, picture)
    for name, layer in made.layers.items():
        if not layer.spatial:
            continue
        unit = (1, *(n // 3 for n in layer.shape[1:]))
        found = reconstruct(made, name, [unit], rule="saliency")
        top, left, bottom, right = found.boxes[0].tolist()
        outside = found.images[0].clone()
        outside[:, max(0, top) : bottom, max(0, left) : right] = 0
        assert not outside.any(), name
    assert agree(
        reconstruct(made, "after", [(1, 3, 5)], rule="saliency").images[0],
        gradient(net, picture, (1, 3, 5)),
    )


@pytest.mark.parametrize(
    "choose",
    [
        lambda v: torch.max(v, 1, keepdim=True).values,
        lambda v: v.median(1, keepdim=True).values,
        lambda v: v.topk(1).values,
        lambda v: torch.renorm(v, 2, 0, 1000.0),
        lambda v: F.prelu(v, torch.tensor([0.9])),
        F.hardswish,
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_what_chooses_among_few_values_is_not_taken_for_linear(
    choose: Callable[[Tensor], Tensor], seed: int
) -> None:
    torch.manual_seed(seed)

    class Few(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 5)

        def forward(self, x: Tensor) -> Tensor:
            return choose(self.conv(x).flatten(1))

    net, picture = Few(), torch.randn(1, 3, 5, 5)
    made = record(net, picture)
    found = reconstruct(made, "", [0], rule="saliency")
    assert agree(found.images[0], gradient(net, picture, (0,)))
    with pytest.raises(NotImplementedError, match="only the gradient"):
        reconstruct(made, "", [0], rule="deconvnet")


def test_weights_that_moved_are_watched_where_they_are_now() -> None:
    net, picture = nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8)
    record(net, picture)
    twin = Twin(net)
    twin.state()
    net.double().float()
    before = twin.state()
    net.weight.data.mul_(2)
    assert twin.state() != before


class Remembering(nn.Module):
    """Its forward pass writes buffers, also in eval mode."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.conv, self.form = nn.Conv2d(3, 4, 3), form
        self.register_buffer("top", torch.zeros(()))
        self.register_buffer("count", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.form == "largest":
            self.top.copy_(torch.maximum(self.top, y.detach().abs().max()))
            return y / self.top
        self.count += 1
        return y * self.count


def test_what_a_pass_counts_is_kept_as_it_was_in_that_pass() -> None:
    net, picture = Remembering("count"), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        wanted = 2 * net.conv(picture)
    made = record(net, picture)
    assert net.count == 1
    for _ in range(2):
        assert agree(made.activation(":mul"), wanted)
        image = reconstruct(made, ":mul", [(1, 2, 2)], rule="saliency").images[0]
        assert torch.allclose(image[:, 2:5, 2:5], 2 * net.conv.weight[1].detach())
        made._kept.clear()


class Reading(nn.Module):
    """Normalises by a number that it reads out of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x / float(x.abs().max())))


def test_numbers_read_out_of_one_picture_are_not_another_s() -> None:
    net = Reading()
    model = wrap_model(net, input_shape=(3, 8, 8), mean=[0] * 3, std=[1] * 3)
    pictures = torch.stack([torch.randn(3, 8, 8) * 10.0**i for i in range(3)])
    with torch.no_grad():
        wanted = torch.cat([net(picture[None]) for picture in pictures])
    assert agree(model.run(pictures, ":relu")[":relu"], wanted)
    accumulator = TopImagesAccumulator(model)
    accumulator.update(pictures, [0, 1, 2])
    found = accumulator.result()
    peaks = wanted.amax((2, 3))
    for unit in range(4):
        order = [peak.picture for peak in found.best(":relu", unit)]
        assert order == peaks[:, unit].argsort(descending=True).tolist()
    with pytest.raises(NotImplementedError, match="reads numbers out of the picture"):
        model.run_from("conv", torch.zeros(1, 4, 6, 6))


def test_whole_numbers_on_the_way_are_no_identity() -> None:
    net = Step(lambda x: x + (3 * x).int().float())
    picture = torch.randn(1, 3, 8, 8)
    with pytest.raises(NotImplementedError, match="whole numbers"):
        reconstruct(record(net, picture), "after", [(1, 2, 2)], rule="saliency")


@pytest.mark.parametrize(
    "packed",
    [lambda x: {"out": x}, lambda x: (None, x), lambda x: ((x,),), lambda x: [x]],
    ids=["dict", "none and one", "nested", "list"],
)
def test_a_part_that_gives_its_one_tensor_packed(packed: Callable[[Tensor], object]) -> None:
    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> object:
            return packed(torch.relu(self.conv(x)))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = Part()

        def forward(self, x: Tensor) -> Tensor:
            given = self.part(x)
            while not isinstance(given, Tensor):
                given = next(
                    part
                    for part in (given.values() if isinstance(given, dict) else given)
                    if part is not None
                )
            return given * 2

    net, picture = Net(), torch.randn(1, 3, 8, 8)
    made = record(net, picture)
    with torch.no_grad():
        assert torch.equal(made.activation("part"), torch.relu(net.part.conv(picture)))
    assert reconstruct(made, "part", [1]).images.any()


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)
        self.norm, self.head = nn.BatchNorm1d(4), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.conv(x).flatten(2).transpose(1, 2).reshape(36, 6)
        return self.head(F.relu(self.norm(self.one(tokens)))).mean(0, keepdim=True)


def test_a_matrix_of_tokens_is_no_vector_layer() -> None:
    net, picture = Tokens().eval(), torch.randn(1, 3, 8, 8)
    made = record(net, picture)
    with pytest.raises(ValueError, match="axes of 'one'.* not known to be channels"):
        reconstruct(made, "one", [2])
    found = reconstruct(made, ":mean", [2], rule="saliency")
    assert agree(found.images[0], gradient(net, picture, (2,)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_what_is_linear_is_so_in_every_number_type(dtype: torch.dtype) -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 4, 2, 2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(4, 5, 3),
    ).to(dtype)
    picture = torch.randn(1, 3, 8, 8, dtype=dtype)
    found = reconstruct(record(net, picture), "4", [(1, 7, 9)], rule="deconvnet")
    assert found.images.any() and "2:conv2d" in found.by_autograd


def test_through_complex_numbers() -> None:
    class Spectral(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.filter = nn.Parameter(torch.randn(6, 4, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.irfft2(torch.fft.rfft2(self.conv(x)) * self.filter, s=(6, 6))

    net, picture = Spectral(), torch.randn(1, 3, 8, 8)
    made = record(net, picture)
    last = list(made.values)[-2]
    found = reconstruct(made, last, [(1, 2, 3)], rule="saliency")
    assert agree(found.images[0], gradient(net, picture, (1, 2, 3)))


@pytest.mark.parametrize("bend", [nn.Hardswish(), nn.PReLU(4), nn.LogSigmoid(), nn.SiLU()])
def test_smooth_activations_leave_fields_as_they_are(bend: nn.Module) -> None:
    net, picture = Step(bend), torch.randn(1, 3, 16, 16)
    made = record(net, picture)
    assert made.layer("after").field.size == (5, 5)
    found = reconstruct(made, "after", [(1, 5, 5)], rule="saliency")
    assert agree(found.images[0], gradient(net, picture, (1, 5, 5)))


def test_what_torch_has_no_derivative_of_is_refused_by_name() -> None:
    made = record(Step(nn.RReLU()), torch.randn(1, 3, 9, 9))
    with pytest.raises(NotImplementedError, match="no derivative of: 'function:rrelu_with_noise'"):
        reconstruct(made, "after", [(1, 3, 3)], rule="saliency")


@pytest.mark.parametrize("make", [lambda: Step(nn.ReLU()), lambda: Remembering("largest")])
def test_the_first_use_may_come_from_several_threads(make: Callable[[], nn.Module]) -> None:
    picture = torch.randn(1, 3, 8, 8)
    for _ in range(8):
        net, failed = make(), list[BaseException]()
        model = wrap_model(net, input_shape=(3, 8, 8), mean=[0] * 3, std=[1] * 3)

        def work(model: object = model, failed: list[BaseException] = failed) -> None:
            try:
                record(model, picture).check_current()
            except (RuntimeError, ValueError) as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


def test_networks_that_no_pass_can_be_recorded_of() -> None:
    picture = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="must be torch.float64.*got torch.float32"):
        record(nn.Conv2d(3, 4, 3).double(), picture)
    with pytest.raises(ValueError, match="has no weights yet"):
        record(nn.Conv2d(3, 4, 3, device="meta"), picture)
    with pytest.raises(ValueError, match="has no weights yet"):
        record(nn.Sequential(nn.LazyConv2d(4, 3)), picture)


def test_all_rules_agree_where_nothing_bends() -> None:
    net, picture = Between(MEETING["a matrix over columns"]), torch.randn(1, 3, 12, 12)
    made = record(net, picture)
    wanted = gradient(net, picture, (2, 4, 4))
    for rule in RULES:
        assert agree(reconstruct(made, "after", [(2, 4, 4)], rule=rule).images[0], wanted)
