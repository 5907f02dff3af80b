"""The references, in one file that reference managers read, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_ENTRY = re.compile(r"@(?P<kind>\w+)\{(?P<key>\w+),\n(?P<fields>(?:  .*\n)+)\}")
_FIELD = re.compile(r"  (\w+) = \{([^{}]*)\},")
_VENUES = ("journal", "booktitle", "howpublished", "publisher")


@dataclass(frozen=True)
class Reference:
    """A paper, a book, or a program.

    Attributes
    ----------
    key : by which it is known; `bibtex` : its entry.
    fields : author, title, year, and what says where it appeared.
    """

    key: str
    bibtex: str
    fields: Mapping[str, str]

    @property
    def venue(self) -> str:
        """Where it appeared: "Vision Research 31, 1079-1086"."""
        named = next((self.fields[name] for name in _VENUES if name in self.fields), "")
        volume, pages = self.fields.get("volume", ""), self.fields.get("pages", "")
        return f"{named} {volume}".strip() + (f", {pages.replace('--', '-')}" if pages else "")

    @property
    def text(self) -> str:
        """In one line: authors, year, title, venue, and where it can be read."""
        authors = self.fields["author"].strip("{}").split(" and ")
        shown = authors if len(authors) <= 6 else [*authors[:3], "others"]
        who = ", ".join(shown).replace(", others", " et al.")
        where = [self.venue]
        if "doi" in self.fields:
            where.append(f"doi:{self.fields['doi']}")
        elif "eprint" in self.fields and self.fields["eprint"] not in self.venue:
            where.append(f"arXiv:{self.fields['eprint']}")
        return f"{who} ({self.fields['year']}). {self.fields['title']}. {', '.join(where)}."


@cache
def references() -> Mapping[str, Reference]:
    """Give all references by their keys."""
    path = files("cnnwidgets.widgets.citations") / "references.bib"
    text = path.read_text(encoding="utf-8")
    found = {
        entry["key"]: Reference(
            entry["key"], entry[0], MappingProxyType(dict(_FIELD.findall(entry["fields"])))
        )
        for entry in _ENTRY.finditer(text)
    }
    return MappingProxyType(found)
