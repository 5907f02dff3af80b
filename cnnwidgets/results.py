"""Results: frozen, with where they came from, and a way to disk and to tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

if TYPE_CHECKING:
    import pandas
    import xarray

Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Report nothing: the default of every long engine. Cancelling is a `progress` that raises."""


@cache
def versions() -> Mapping[str, str]:
    """Give the versions of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for package in ("cnnwidgets", "torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that was not installed
            found[package] = "unknown"
    return found


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    model : the network's name; `weights` : 16 hex digits that tell its weights from all others.
    device, precision : where and in what number type it was computed.
    versions : of Python, this package, torch and numpy.
    at_once : how many pictures or units were computed at a time, where memory was too short for
        as many as usual; else None.
    """

    model: str
    weights: str
    device: str
    precision: str
    versions: Mapping[str, str] = field(default_factory=versions)
    at_once: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Base of every engine's result.

    A subclass is a frozen dataclass of tensors and plain values; `axes` names the axes of its
    tensors, and what stands along the axis that it names first makes the rows of a table.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    provenance: Provenance

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result to one safetensors file: tensors as they are, the rest as JSON.

        The file appears whole or not at all.

        Raises
        ------
        ValueError
            The name does not end in .safetensors.
        """
        from safetensors.torch import save

        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"a result is saved as a .safetensors file, got {path.name!r}")
        tensors, plain = self._parts()
        header = {"cnnwidgets": json.dumps({"class": type(self).__name__, **plain})}
        content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, header)
        partial = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            with open(partial, "xb") as file:
                file.write(content)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a result that this class saved.

        Raises
        ------
        ValueError
            The file holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("cnnwidgets", "{}"))
                names = file.keys()  # a file is no mapping
                tensors = {name: file.get_tensor(name) for name in names}
        except SafetensorError as error:
            raise ValueError(
                f"{Path(path).name!r} is no whole safetensors file ({error})"
            ) from None
        if header.pop("class", None) != cls.__name__:
            raise ValueError(f"{Path(path).name!r} does not hold a {cls.__name__} of cnnwidgets")
        provenance = Provenance(**header.pop("provenance"))
        plain = {name: cls._restored(name, value) for name, value in header.items()}
        return cls(provenance=provenance, **tensors, **plain)

    @classmethod
    def _restored(cls, name: str, value: Any) -> Any:
        """Turn what JSON made of a plain field into what it was; lists were tuples."""
        return _as_tuples(value)

    def to_xarray(self) -> xarray.Dataset:
        """Give the tensors as an xarray Dataset with named axes (needs xarray)."""
        try:
            import xarray
        except ImportError:
            raise ImportError("to_xarray needs xarray: pip install 'cnnwidgets[scale]'") from None
        tensors, plain = self._parts()
        arrays = {name: (self.axes[name], tensor.cpu().numpy()) for name, tensor in tensors.items()}
        attributes = {name: json.dumps(value) for name, value in plain.items()}
        return xarray.Dataset(arrays, attrs=attributes)

    def to_frame(self) -> pandas.DataFrame:
        """Give the tensors with one number for each entry of the first axis, as a DataFrame.

        The first axis is that of the tensor named first: units, or ranks of classes.
        """
        import pandas

        tensors, _ = self._parts()
        rows = next(iter(self.axes.values()))[0]
        columns = {
            name: tensor.cpu().numpy()
            for name, tensor in tensors.items()
            if self.axes[name] == (rows,)
        }
        return pandas.DataFrame({**self._labels(), **columns})

    def _labels(self) -> dict[str, Any]:
        """Give columns of a table that are no tensors."""
        return {}

    def _parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        tensors, plain = {}, {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in self.axes:
                tensors[item.name] = value
            elif item.name == "provenance":
                plain[item.name] = {**asdict(value), "versions": dict(value.versions)}
            else:
                plain[item.name] = value
        return tensors, plain


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
