"""The weights of a named network: from the cache, from the package, else fetched once."""

import sys
from collections.abc import MutableMapping
from importlib.resources import as_file, files
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from cnnwidgets import cache
from cnnwidgets.models.network import Network
from cnnwidgets.models.weights_file import named_sha256, read_file

Weights = MutableMapping[str, Tensor]


def folder() -> Path:
    """Give the folder in the user's cache that holds weights; it need not be there yet."""
    return cache.folder() / "weights"


def weights_of(network: Network) -> tuple[Weights, Path | None]:
    """Give a network's weights, and their file unless they come with the package.

    The cache is looked at first, then what comes with the package; only what is in neither is
    fetched. So embedded weights give way to others only where the user put those into the cache.

    Raises
    ------
    FileNotFoundError
        They are nowhere; all that was tried is told.
    ValueError
        The file in the cache cannot be read, or is not what was published under its name.
    """
    path = in_cache(network)
    if path is None and network.embedded:
        with as_file(files("cnnwidgets.models") / "weights" / f"{network.name}.safetensors") as own:
            return load_file(own), None
    path = path or fetch(network)
    return _read(path), path


def in_cache(network: Network) -> Path | None:
    """Give the file in the cache that `load_model` takes; one with a classifier goes first."""
    whole = [source.file for source in network.sources if source.whole]
    parts = [source.file for source in network.sources if not source.whole]
    names = [*whole, f"{network.name}.safetensors", *parts]
    return next((folder() / name for name in names if (folder() / name).is_file()), None)


def is_whole(network: Network, path: Path) -> bool:
    """Tell whether a file in the cache holds the classifier, too."""
    return path.name not in {source.file for source in network.sources if not source.whole}


def fetch(network: Network) -> Path:
    """Put a network's weights into the cache, from the first source that has them.

    What is in the cache already is given as it is; where it has no classifier, the sources that do
    are asked first. Progress, reasons and the licence go to standard error.

    Raises
    ------
    FileNotFoundError
        No source has them; each is told, and how to place the file by hand.
    """
    kept = in_cache(network)
    if kept and is_whole(network, kept):
        return kept
    reasons: list[str] = []
    for source in network.sources:
        path = folder() / source.file
        if path.is_file():
            return path
        try:
            source.fetch(path)
        except (OSError, ValueError) as error:
            reason = str(error).rstrip(".")
            reasons.append(f"{source.title} ({reason})")
            _say(f"{network.title} was not had from {source.title}: {reason}.")
            continue
        part = "" if source.whole else ", without its classifier,"
        _say(f"{network.title}{part} was fetched from {source.title}. Licence: {source.licence}.")
        return path
    raise FileNotFoundError(_nowhere(network, reasons))


def _nowhere(network: Network, reasons: list[str]) -> str:
    own = "only its convolutions in" if network.embedded == "convolutions" else "nothing in"
    ways = [s.by_hand + ("" if s.whole else " (no classifier)") for s in network.sources]
    return (
        f"no weights of {network.title} were found: nothing in the cache, {own} cnnwidgets itself, "
        f"nothing from {'; nothing from '.join(reasons)}. By hand: {', or '.join(ways)}, into the "
        f"folder '{folder()}'."
    )


def _read(path: Path) -> Weights:
    _check_unchanged(path)
    try:
        weights = read_file(path)
    except ValueError as error:
        raise ValueError(f"{error}; delete it, and it is fetched anew") from error
    if not isinstance(weights, MutableMapping):
        raise ValueError(
            f"'{path}' holds a {type(weights).__name__}, where tensors by name are expected; "
            "delete it, and they are fetched anew"
        )
    return weights


def _check_unchanged(path: Path) -> None:
    """Compare a published file with its name: no format of weights has a checksum of its own."""
    digits = named_sha256(path.name)
    found = cache.digest(path) if digits else ""
    if not found.startswith(digits):
        raise ValueError(
            f"'{path}' holds something else than what was published under that name (SHA-256 "
            f"{found[:16]}..., where {digits} is expected); delete it, and it is fetched anew"
        )


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
