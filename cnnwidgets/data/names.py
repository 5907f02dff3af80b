"""Names of files, as pictures are called by them and as sentences quote them."""

import difflib
import os
import re
import unicodedata
from collections.abc import Sequence
from itertools import islice

# Line ends and other controls, what turns the direction of the text around it, and the lone
# surrogates by which Python writes bytes that are no UTF-8, which no browser and no file takes.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(name: str | os.PathLike[str]) -> str:
    """A name as a sentence can hold it: on one line, with what cannot be seen written out."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], os.fspath(name))


def label(name: str) -> str:
    """A file's name as a picture's: on one line, and an accent and its letter as one sign.

    Systems store "é" in one of two ways that look the same; asked for by its name, a picture is
    found either way.
    """
    return unicodedata.normalize("NFC", one_line(name))


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with "#2", "#3", ... behind those that stood there before."""
    found: dict[str, int] = {}  # in order; how often each was there already
    for name in names:
        candidate = name
        while candidate in found:
            found[name] = found.get(name, 0) + 1
            candidate = f"{name}#{found[name]}"
        found[candidate] = 1
    return tuple(found)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a sentence that says a name is wrong: what may have been meant, if anything."""
    # Comparing takes long where there are many, or where they are long.
    near = difflib.get_close_matches(name[:200], list(islice(known, 2000)), n=1)
    return f"; did you mean '{one_line(near[0])}'?" if near else ""


def at_most_three(names: Sequence[str]) -> str:
    """At most three of the names, and how many more there are."""
    if len(names) <= 3:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"
