"""Files of weights that are cut, changed or hostile: the right network, or one sentence."""

import hashlib
import io
import json
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from cnnwidgets.graph import record
from cnnwidgets.models import VisionModel, load_checkpoints
from cnnwidgets.models.sources import PublishedFile
from cnnwidgets.models.stored_weights import fetch, weights_of
from tests.models.hearing import wrapped
from tests.models.test_weights_sources import network
from tests.stand_in import StandInServer, sha256

State = dict[str, Tensor]
PICTURE = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))


def tiny(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    ).eval()


def state(seed: int = 1) -> State:
    return {name: tensor.clone() for name, tensor in tiny(seed).state_dict().items()}


@pytest.fixture
def model() -> VisionModel:
    return wrapped(tiny(), 8, name="Tiny")


def answer(model: VisionModel, content: Any, folder: Path, ending: str = "pt", **about) -> Tensor:
    """What the network with this file's weights answers."""
    path = folder / f"a.{ending}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return record(load_checkpoints(model, [path], **about)[0], PICTURE).output


def told(model: VisionModel, content: Any, folder: Path, ending: str = "pt") -> str:
    """The one sentence that refuses it; the network itself goes on as it was."""
    before = record(model, PICTURE).output
    with pytest.raises(ValueError, match="holds|lacks|must be") as refused:
        answer(model, content, folder, ending)
    assert refused.type is ValueError
    assert torch.equal(record(model, PICTURE).output, before)
    sentence = str(refused.value)
    assert "\n" not in sentence and len(sentence) < 400 + len(str(folder)), sentence
    return sentence


def truth(weights: State) -> Tensor:
    net = tiny()
    net.load_state_dict(weights)
    with torch.no_grad():
        return net(PICTURE)


# Safetensors


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def file_of(header: dict[str, Any] | bytes, data: bytes, claims: int | None = None) -> bytes:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(written) if claims is None else claims) + written + data


def test_safetensors_cut_anywhere_are_refused(model, tmp_path) -> None:
    content = save(state())
    header = struct.unpack("<Q", content[:8])[0] + 8
    cuts = [0, 1, 7, 8, 9, 40, header - 1, header, header + 1, len(content) // 2, len(content) - 1]
    for cut in cuts:
        sentence = told(model, content[:cut], tmp_path, "safetensors")
        assert "a.safetensors' holds no weights that can be read: it is " in sentence
        assert sentence.endswith("; save or fetch it again")
    whole = answer(model, content, tmp_path, "safetensors")
    assert torch.equal(whole, truth(state()))


def _overlapping(header: dict[str, Any], names: list[str]) -> None:
    header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]


def _endless(header: dict[str, Any], names: list[str]) -> None:
    header[names[0]]["shape"] = [10**9, 10**9, 10**9]


def _negative(header: dict[str, Any], names: list[str]) -> None:
    header[names[0]]["shape"] = [-4]


def _unknown_type(header: dict[str, Any], names: list[str]) -> None:
    header[names[0]]["dtype"] = "F99"


def _behind_the_end(header: dict[str, Any], names: list[str]) -> None:
    header[names[-1]]["data_offsets"] = [0, 10**12]


@pytest.mark.parametrize(
    "tamper", [_overlapping, _endless, _negative, _unknown_type, _behind_the_end]
)
def test_safetensors_with_a_changed_header_are_refused(model, tmp_path, tamper: Callable) -> None:
    header, data = parts(save(state()))
    tamper(header, [name for name in header if name != "__metadata__"])
    sentence = told(model, file_of(header, data), tmp_path, "safetensors")
    assert "it is broken, cut short or something else (" in sentence


@pytest.mark.parametrize(
    "content",
    [
        *(file_of(b"{}", b"", claims) for claims in (10**18, 2**63, 2**64 - 1, 3, 0)),
        file_of(b"[" * 100_000, b""),
        file_of(b"\xff\xfe{}", b""),
        save(state()) + b"more",
    ],
    ids=["10^18", "2^63", "2^64-1", "3", "0", "deep", "no text", "longer"],
)
def test_safetensors_with_a_lying_header_cost_nothing(model, tmp_path, content: bytes) -> None:
    assert "something else" in told(model, content, tmp_path, "safetensors")


def test_every_flipped_byte_of_a_header_is_refused_or_harmless(model, tmp_path) -> None:
    content, wanted = save(state()), truth(state())
    header = struct.unpack("<Q", content[:8])[0] + 8
    rng, refused = np.random.default_rng(0), list[str]()
    for place in rng.choice(header, 60, replace=False):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        try:
            found = answer(model, bytes(flipped), tmp_path, "safetensors")
        except ValueError as error:
            refused.append(str(error))
        else:
            assert torch.equal(found, wanted)
    assert len(refused) > 50
    assert not any("\n" in sentence for sentence in refused)


def test_a_key_that_stands_twice_is_the_last_of_them(model, tmp_path) -> None:
    header, data = parts(save(state()))
    name, more = "0.bias", json.dumps(header)
    twice = f"{more[:-1]}, {json.dumps(name)}: {json.dumps(header[name])}}}".encode()
    assert torch.equal(answer(model, file_of(twice, data), tmp_path, "safetensors"), truth(state()))


def test_names_of_any_script_are_told_as_they_are(model, tmp_path) -> None:
    weights = {name.replace("0.bias", "0.größe😀"): t for name, t in state().items()}
    for ending, content in {"safetensors": save(weights), "pt": weights}.items():
        sentence = told(model, content, tmp_path, ending)
        assert "lacks '0.bias' [4] of Tiny and holds '0.größe😀', which is not in it" in sentence


# Pickles


class Hostile:
    """Would make a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.marker),))


def _archive(content: Any) -> bytes:
    written = io.BytesIO()
    torch.save(content, written)
    return written.getvalue()


def _legacy(content: Any) -> bytes:
    written = io.BytesIO()
    torch.save(content, written, _use_new_zipfile_serialization=False)
    return written.getvalue()


def _arrays(content: Any) -> bytes:
    written = io.BytesIO()
    np.savez(written, weights=np.array([content], dtype=object))
    return written.getvalue()


FORMS: dict[str, Callable[[Any], bytes]] = {
    "archive": _archive,
    "legacy": _legacy,
    "pickle 2": lambda content: pickle.dumps(content, 2),
    "pickle 5": lambda content: pickle.dumps(content, 5),
    "pickle 0": lambda content: pickle.dumps(content, 0),
    "npz": _arrays,
}


@pytest.mark.parametrize("ending", ["pt", "pth", "ckpt", "safetensors"])
@pytest.mark.parametrize("form", FORMS)
def test_code_in_a_file_is_never_run(model, tmp_path, form: str, ending: str) -> None:
    marker = tmp_path / "ran"
    content = FORMS[form]({**state(), "more": Hostile(marker)})
    sentence = told(model, content, tmp_path, ending)
    assert "holds no weights that can be read" in sentence
    if ending != "safetensors" and form not in ("npz", "pickle 0"):
        assert "without trusting it" in sentence
        assert sentence.endswith("or pass trust=True if you know who made it: what is in it is run")
    assert not marker.exists()
    # The negative control: the file is hostile indeed.
    if form.startswith("pickle"):
        pickle.loads(content)
    elif form == "npz":
        np.load(io.BytesIO(content), allow_pickle=True)["weights"]
    else:
        torch.load(io.BytesIO(content), weights_only=False)
    assert marker.exists()


def test_a_folder_with_a_hostile_file_gives_the_others(model, tmp_path) -> None:
    marker, folder = tmp_path / "ran", tmp_path / "run"
    folder.mkdir()
    torch.save(state(1), folder / "epoch1.pt")
    torch.save({**state(2), "more": Hostile(marker)}, folder / "epoch2.pt")
    torch.save(state(3), folder / "epoch10.pt")
    found = load_checkpoints(model, folder)
    assert torch.equal(record(found["epoch1"], PICTURE).output, truth(state(1)))
    with pytest.raises(ValueError, match=r"epoch2.pt' .*mkdir is in it, too.*trust=True"):
        record(found["epoch2"], PICTURE)
    assert torch.equal(record(found["epoch10"], PICTURE).output, truth(state(3)))
    assert not marker.exists()


@pytest.mark.parametrize("form", ["archive", "legacy", "pickle 5"])
def test_trust_reads_whole_networks_and_what_scripts_keep(model, tmp_path, form: str) -> None:
    for content in (tiny(1), {"model": tiny(1), "epoch": 3}, {"state_dict": state()}):
        made = FORMS[form](content)
        if form != "pickle 5" and isinstance(content, dict) and "epoch" not in content:
            continue  # which needs no trust
        assert "trust=True" in told(model, made, tmp_path)
        assert torch.equal(answer(model, made, tmp_path, trust=True), truth(state()))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_trust_reads_a_torchscript_program(model, tmp_path) -> None:
    written = io.BytesIO()
    torch.jit.save(torch.jit.trace(tiny(1), PICTURE), written)
    assert "(it is a TorchScript program); keep" in told(model, written.getvalue(), tmp_path)
    assert torch.equal(answer(model, written.getvalue(), tmp_path, trust=True), truth(state()))


def test_trust_is_kept_by_slices_and_said_by_scripts(model, tmp_path) -> None:
    from cnnwidgets.widgets.model_lines import model_lines

    torch.save(tiny(1), tmp_path / "a.pt")
    torch.save(state(2), tmp_path / "b.pt")
    found = load_checkpoints(model, tmp_path, trust=True)[:1]
    assert found.trust and not load_checkpoints(model, tmp_path).trust
    assert torch.equal(record(found[0], PICTURE).output, truth(state()))
    assert (
        model_lines(found[0])[-1] == 'model = cw.load_checkpoints(model, states, trust=True)["a"]'
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>Log in</html>", "a web page stands in its place"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d", "a pointer of git-lfs"),
        (b"PK\x03\x04 and no archive", "it is broken, cut short"),
        (_archive(state())[:3000], "it is broken, cut short"),
        (_legacy(state())[:3000], "it is broken, cut short"),
        (_arrays(1), "a zip archive, but none of torch.save"),
        (b"\x80", "(begins like a pickle)"),
        (b"\x80\x04 what is no pickle at all", "(begins like a pickle)"),
        (b"\x80" + bytes(range(256)) * 1000, "(begins like a pickle)"),
        (pickle.dumps(state(), 5)[:700], "(begins like a pickle)"),
        (struct.pack("<Q", 128) + b"{" + b" " * 60, "(begins like a pickle)"),
    ],
    ids=[
        *("empty", "page", "lfs", "no zip", "half", "half legacy", "npz"),
        *("0x80", "no pickle", "long and no pickle", "half a pickle", "half a safetensors"),
    ],
)
def test_what_is_no_file_of_torch_is_told(model, tmp_path, content: bytes, sentence: str) -> None:
    found = told(model, content, tmp_path)
    assert sentence in found and found.endswith("; save or fetch it again")


@pytest.mark.parametrize("ending", ["pt", "ckpt"])
def test_safetensors_are_known_by_what_is_in_them(model, tmp_path, ending: str) -> None:
    for filled in range(700, 1000):  # also where its first byte is a pickle's
        content = save(state(), {"more": "x" * filled})
        if content[:1] == b"\x80":
            break
    else:
        raise AssertionError("no header of a length that was looked for")
    for given in (save(state()), content):
        assert torch.equal(answer(model, given, tmp_path, ending), truth(state()))


def test_a_long_pickle_is_told_by_its_beginning(model, tmp_path) -> None:
    content = pickle.dumps({**state(), "more": np.arange(200_000.0)}, 5)
    assert "(it is a plain pickle)" in told(model, content, tmp_path)


def zipped(content: bytes, compression: int) -> bytes:
    """The same archive, packed by another program."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(packed, "w", compression) as again,
    ):
        for name in archive.namelist():
            again.writestr(name, archive.read(name))
    return packed.getvalue()


def test_archives_that_unpack_to_more_than_they_are_cost_nothing(model, tmp_path) -> None:
    bomb = zipped(_archive({**state(), "more": torch.zeros(10**6)}), zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10**5
    assert "(a compressed archive, which torch.save does not write); " in told(
        model, bomb, tmp_path
    )
    stored = zipped(_archive(state()), zipfile.ZIP_STORED)
    assert torch.equal(answer(model, stored, tmp_path), truth(state()))
    listed, place = bytearray(stored), stored.index(b"PK\x01\x02")
    listed[place + 20 : place + 28] = struct.pack("<II", 10**9, 10**9)
    assert "(an archive that claims 1000" in told(model, bytes(listed), tmp_path)


# Numbers of other kinds


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2])
def test_floating_numbers_of_any_width_are_brought_to_the_network_s(
    model, tmp_path, kind: torch.dtype
) -> None:
    given = {n: t.to(kind) if t.is_floating_point() else t for n, t in state().items()}
    wanted = truth({n: t.float() if t.is_floating_point() else t for n, t in given.items()})
    assert torch.equal(answer(model, given, tmp_path), wanted)
    assert not torch.equal(wanted, record(model, PICTURE).output)


@pytest.mark.filterwarnings("ignore:Sparse (invariant|CSR):UserWarning")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_tensors_are_refused_unread(model, tmp_path, layout: torch.layout) -> None:
    given = {**state(), "4.weight": state()["4.weight"].to_sparse(layout=layout)}
    assert "holds '4.weight' as a sparse tensor; save it" in told(model, given, tmp_path)
    endless = torch.sparse_coo_tensor(size=(10**9, 10**9), check_invariants=True)
    assert "as a sparse tensor" in told(model, {**state(), "4.weight": endless}, tmp_path)
    found = load_checkpoints(model, [given])[0]
    with pytest.raises(ValueError, match="as a sparse tensor"):
        record(found, PICTURE)


def _with_nan(weights: State) -> State:
    weights["0.weight"][0, 0, 0] = torch.nan
    weights["4.bias"][1] = -torch.inf
    return weights


OTHER_NUMBERS: dict[str, tuple[Callable[[State], Any], str]] = {
    "int8": (
        lambda s: {**s, "4.weight": s["4.weight"].to(torch.int8)},
        "holds '4.weight' as torch.int8, where Tiny has torch.float32; convert it first",
    ),
    "complex": (
        lambda s: {**s, "4.weight": s["4.weight"].to(torch.complex64)},
        "holds '4.weight' as torch.complex64, where Tiny has torch.float32; convert it first",
    ),
    "meta": (
        lambda s: {**s, "4.weight": s["4.weight"].to("meta")},
        "holds '4.weight' without its numbers (on the meta device)",
    ),
    "too large": (
        lambda s: {**s, "4.weight": s["4.weight"].double() * 1e300},
        "holds numbers in '4.weight' that are too large for torch.float32, got torch.float64",
    ),
    "NaN": (
        _with_nan,
        "holds NaN or infinity in '0.weight'; its training had come apart "
        "(3 of 108 numbers, and more in 1 of its other tensors)",
    ),
    "a number, claiming to be many": (
        lambda s: {**s, "4.weight": torch.zeros(1).expand(10**9, 10**9)},
        "holds '4.weight' as [1000000000, 1000000000], where Tiny has [3, 144]",
    ),
    "a list": (lambda s: [*s.values()], "must be a dict of tensors, as model.state_dict()"),
    "of an optimiser": (
        lambda s: torch.optim.SGD(tiny().parameters()).state_dict(),
        "holds a dict under 'state', where a tensor is expected; keep model.state_dict() alone",
    ),
    "nothing": (lambda s: {}, "lacks '0.weight' [4, 3, 3, 3] of Tiny"),
}


@pytest.mark.parametrize("kind", OTHER_NUMBERS)
def test_other_numbers_are_refused_by_name(model, tmp_path, kind: str) -> None:
    change, sentence = OTHER_NUMBERS[kind]
    assert sentence in told(model, change(state()), tmp_path)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.encoder.", "module.m."])
def test_a_prefix_of_all_names_is_taken_off(model, tmp_path, prefix: str) -> None:
    given = {"state_dict": {f"{prefix}{name}": tensor for name, tensor in state().items()}}
    assert torch.equal(answer(model, given, tmp_path), truth(state()))


def test_names_of_compiled_parts_are_those_of_the_parts(model, tmp_path) -> None:
    given = {re.sub(r"^4\.", "4._orig_mod.", name): tensor for name, tensor in state().items()}
    assert torch.equal(answer(model, given, tmp_path), truth(state()))


# What load_model keeps


def published(server: StandInServer) -> tuple[PublishedFile, bytes]:
    content = _archive(state())
    return PublishedFile(f"{server.address}/net-{sha256(content)[:8]}.pth", "MIT"), content


def test_a_file_that_was_changed_in_the_cache_is_refused(
    server: StandInServer, own_cache: Path
) -> None:
    source, content = published(server)
    server.serve(f"/{source.file}", content)
    net = network(source)
    assert torch.equal(weights_of(net)[0]["0.weight"], state()["0.weight"])
    place = content.find(state()["4.weight"].numpy().tobytes()[:64])
    changed = bytearray(content)
    changed[place] ^= 1  # neither torch nor a zip archive's reader sees that
    (own_cache / source.file).write_bytes(changed)
    with pytest.raises(ValueError, match=r"something else than what was published .*; delete it"):
        weights_of(net)
    (own_cache / source.file).unlink()
    assert torch.equal(weights_of(net)[0]["4.weight"], state()["4.weight"])


def test_a_published_file_is_checked_before_it_is_read_and_once_while_it_rests(
    server: StandInServer, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, content = published(server)
    path, hashed = own_cache / source.file, list[str]()
    own_cache.mkdir(parents=True)
    path.write_bytes(content)
    plain = hashlib.file_digest
    monkeypatch.setattr(
        hashlib,
        "file_digest",
        lambda opened, kind: (hashed.append(opened.name), plain(opened, kind))[1],
    )
    net, long_ago = network(source), path.stat().st_mtime - 3600
    os.utime(path, (long_ago, long_ago))
    for _ in range(3):
        weights_of(net)
    assert hashed == [str(path)]
    path.write_bytes(_archive(state(2)))  # of the same size, and just now
    for _ in range(2):
        with pytest.raises(ValueError, match="something else than what was published"):
            weights_of(net)
    assert len(hashed) == 3
    path.write_bytes(_archive({"more": Hostile(own_cache / "ran")}))
    with pytest.raises(ValueError, match="something else than what was published"):
        weights_of(net)


def test_a_download_that_is_cut_short_leaves_nothing(server: StandInServer, own_cache) -> None:
    source, content = published(server)
    server.break_off(f"/{source.file}", content)
    with pytest.raises(FileNotFoundError, match="no weights of .* were found"):
        fetch(network(source))
    assert not any(file.is_file() for file in own_cache.rglob("*"))
    server.serve(f"/{source.file}", content)
    assert torch.equal(weights_of(network(source))[0]["0.bias"], state()["0.bias"])
