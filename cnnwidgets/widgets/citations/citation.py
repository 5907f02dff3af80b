"""What to cite for what an explorer shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from cnnwidgets import __version__
from cnnwidgets.widgets.citations.reference import Reference, references

YEAR = "2026"
"""Of this version."""


class Ground(NamedTuple):
    """What is shown (`what`), and the key of what it stands on."""

    what: str
    key: str


@dataclass(frozen=True, repr=False)
class Citation:
    """What to cite for what is shown. It prints as text; `bibtex` is for reference managers.

    Attributes
    ----------
    grounds : what is shown, with the keys of what that stands on; each key once.
    credits : whose pictures and data are shown, and under which licence.
    """

    grounds: tuple[Ground, ...]
    credits: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [own().text, ""]
        lines += [f"{what}: {references()[key].text}" for what, key in self.grounds]
        if self.credits:
            lines += ["", *self.credits]
        return "\n".join(lines)

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the references, without cnnwidgets itself."""
        return tuple(key for _, key in self.grounds)

    @property
    def bibtex(self) -> str:
        """All entries, that of cnnwidgets first."""
        entries = [own(), *(references()[key] for key in self.keys)]
        return "\n\n".join(entry.bibtex for entry in entries) + "\n"


def citation(grounds: Iterable[tuple[str, str]], credits: Iterable[str] = ()) -> Citation:  # noqa: A002
    """Make a citation; a key that comes again joins what was shown first.

    Raises
    ------
    KeyError
        There is no such reference.
    """
    known: dict[str, list[str]] = {}
    for what, key in grounds:
        if key not in references():
            raise KeyError(f"{key!r} is not among the references")
        whats = known.setdefault(key, [])
        if what not in whats:
            whats.append(what)
    found = tuple(Ground(", ".join(whats), key) for key, whats in known.items())
    return Citation(found, tuple(dict.fromkeys(credits)))


def own() -> Reference:
    """Give the entry of cnnwidgets."""
    fields = {
        "author": "{cnnwidgets developers}",
        "title": "cnnwidgets: look into a convolutional network as a vision scientist looks into "
        "a cell",
        "howpublished": f"Python package, version {__version__}",
        "year": YEAR,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    bibtex = "\n".join(["@software{cnnwidgets,", *lines, f"  version = {{{__version__}}},", "}"])
    return Reference("cnnwidgets", bibtex, MappingProxyType(fields))
