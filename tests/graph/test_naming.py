"""Names of layers: modules, repeated modules, functional calls, blocks; and their order."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnwidgets.graph import closest_name, naming, record
from cnnwidgets.models import load_model
from tests.graph.networks import Residual, Step, small


def test_a_network_with_everything() -> None:
    layers = record(Residual(), torch.randn(1, 3, 16, 16)).layers
    assert {name: layer.kind for name, layer in layers.items()} == {
        "stem": "Conv2d",
        ":relu": "relu",
        "blocks.0.conv1": "Conv2d",
        "blocks.0.bn1": "BatchNorm2d",
        "blocks.0.relu": "ReLU",
        "blocks.0.conv2": "Conv2d",
        "blocks.0:add": "add",
        "blocks.0.relu#2": "ReLU",
        "blocks.1.conv1": "Conv2d",
        "blocks.1.bn1": "BatchNorm2d",
        "blocks.1.relu": "ReLU",
        "blocks.1.conv2": "Conv2d",
        "blocks.1:add": "add",
        "blocks.1.relu#2": "ReLU",
        "fire.squeeze": "Conv2d",
        "fire:relu": "relu",
        "fire.left": "Conv2d",
        "fire:relu#2": "relu",
        "fire.right": "Conv2d",
        "fire:relu#3": "relu",
        "fire": "Fire",
        "head.0": "AdaptiveAvgPool2d",
        "head.1": "Flatten",
        "head.2": "Linear",
    }
    assert all(name == layer.name for name, layer in layers.items())


def test_they_stand_in_the_order_of_execution() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.middle, self.first = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.middle(self.first(x)))

    assert list(record(Backwards(), torch.zeros(1, 3, 2, 2)).layers) == ["first", "middle", "last"]


def test_what_resolves_but_is_not_listed() -> None:
    made = record(Residual(), torch.randn(1, 3, 16, 16))
    for name, same in [
        ("blocks", "blocks.1.relu#2"),
        ("blocks.0", "blocks.0.relu#2"),
        ("head", "head.2"),
        ("", "head.2"),
        ("fire:cat", "fire"),
        ("stem:conv2d", "stem"),
    ]:
        assert name not in made.layers
        assert made.value_of(name) == made.value_of(same)
        assert made.layer(name).name == name
        assert torch.equal(made.activation(name), made.activation(same))


def test_names_stand_for_the_values_of_their_calls() -> None:
    """A name that stood for another call's value would show here."""
    net, picture = Residual().eval(), torch.randn(1, 3, 16, 16)
    heard: dict[str, Tensor] = {}

    def hear(name: str, output: Tensor) -> None:
        heard[f"{name}#2" if name in heard else name] = output.clone()

    hooks = [
        part.register_forward_hook(lambda m, i, output, name=name: hear(name, output))
        for name, part in net.named_modules()
    ]
    with torch.no_grad():
        net(picture)
    for hook in hooks:
        hook.remove()
    made = record(net, picture)
    for name, value in heard.items():
        assert torch.equal(made.activation(name), value)
    assert len(heard) == 23


def test_functional_calls_are_counted_by_parent_and_kind() -> None:
    net = Step(lambda x: F.relu(torch.relu(x + 1) + 2))
    assert list(record(net, torch.zeros(1, 3, 5, 5)).layers) == [
        "before", ":add", ":relu", ":add#2", ":relu#2", "after",
    ]  # fmt: skip


def test_a_block_that_is_called_again() -> None:
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
    net = nn.Sequential(block, nn.Tanh(), block)
    made = record(net, torch.randn(1, 3, 5, 5))
    assert list(made.layers) == ["0.0", "0.1", "1", "0.0#2", "0.1#2"]
    assert made.value_of("0#2") == made.value_of("0.1#2") == made.value_of("")
    assert made.value_of("0") == made.value_of("0.1")


def test_a_block_that_gives_back_what_it_was_given_takes_nobodys_place() -> None:
    class Skipped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x if not self.training else self.conv(x)

    made = record(nn.Sequential(nn.Conv2d(3, 3, 1), Skipped(), nn.ReLU()), torch.zeros(1, 3, 4, 4))
    assert list(made.layers) == ["0", "1", "2"]


def test_dropout_in_eval_mode_is_the_layer_before() -> None:
    made = record(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout()), torch.zeros(1, 3, 4, 4))
    assert list(made.layers) == ["0", "1"]
    assert made.value_of("0") == made.value_of("1")


def test_squeezenet_lists_its_fires() -> None:
    layers = load_model("squeezenet1_1", device="cpu").layers
    assert [name for name, layer in layers.items() if layer.kind == "Fire"] == [
        f"features.{i}" for i in (3, 4, 6, 7, 9, 10, 11, 12)
    ]
    assert "features" not in layers
    assert "features.3:cat" not in layers
    assert list(layers)[-1] == "classifier.3"
    assert layers["features.12"].shape == (512, 13, 13)


def test_a_wrong_name_gets_the_nearest_one() -> None:
    made = record(small(), torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"^layer '10' is not in Sequential; did you mean '1'\?$"):
        made.value_of("10")
    made = record(Residual(), torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match=r"did you mean 'blocks.0.relu#2'\?"):
        made.layer("blocks.0.relu#3")
    with pytest.raises(ValueError, match=r"^layer 'xyz' is not in Residual\.$"):
        made.activation("xyz")
    assert closest_name("featurs.3", ["classifier", "features.3"]) == "; did you mean 'features.3'?"
    assert closest_name("?", ["classifier"]) == ""


def test_names_of_any_length_and_number_are_compared_in_no_time(monkeypatch) -> None:
    compared: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        naming.difflib,
        "get_close_matches",
        lambda name, names, **about: compared.append((name, list(names))) or [],
    )
    assert closest_name("x" * 10**6, ["y" * 10**6, *(f"layer {n}" for n in range(10**5))]) == ""
    [(name, names)] = compared
    assert len(name) * sum(map(len, names)) < 10**7 and "layer 3" in names


def test_shapes_and_kinds_of_vectors_and_maps() -> None:
    layers = record(small(), torch.zeros(1, 3, 32, 32)).layers
    assert layers["0"].shape == (8, 16, 16)
    assert (layers["0"].units, layers["0"].spatial) == (8, True)
    assert layers["7"].shape == (7,)
    assert (layers["7"].units, layers["7"].spatial) == (7, False)


def test_single_numbers_are_no_layers() -> None:
    class Total(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).sum()

    assert list(record(Total(), torch.zeros(1, 3, 5, 5)).layers) == ["conv"]


def test_a_record_tells_itself_shortly() -> None:
    assert (
        repr(record(small(), torch.zeros(1, 3, 32, 32)))
        == "Record(Sequential, 3 × 32 × 32, 10 layers)"
    )
