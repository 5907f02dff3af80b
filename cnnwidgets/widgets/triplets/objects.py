"""The objects that triplets are made of: pictures, or words where there are none."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cnnwidgets.data import ImageSet, Things, load_images
from cnnwidgets.data.kept_results import key_of
from cnnwidgets.data.sittings import clean_name
from cnnwidgets.views import words


@dataclass(frozen=True, eq=False)
class Objects:
    """Named things that can be told apart, as pictures or as words.

    Attributes
    ----------
    names : each once.
    images : their pictures; None shows the names.
    groups : for each object the categories that it belongs to.
    ids : by which other tables know them: THINGS' own, for its objects.
    source : the code that makes them, or None.
    """

    names: tuple[str, ...]
    images: ImageSet | None
    groups: tuple[tuple[str, ...], ...]
    ids: tuple[str, ...]
    source: str | None

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def set_id(self) -> str:
        """What tells these objects from others, in the files of sittings."""
        return self.images.fingerprint if self.images is not None else key_of(self.names)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """All categories with three objects or more: a triplet can be made of them."""
        found: dict[str, int] = {}
        for groups in self.groups:
            for group in groups:
                found[group] = found.get(group, 0) + 1
        return tuple(sorted(group for group, count in found.items() if count >= 3))

    def among(self, wanted: str) -> tuple[tuple[int, ...], int | None]:
        """Give the objects to draw triplets from, and the one that each must hold.

        Parameters
        ----------
        wanted : a category (all three are of it), an object (each triplet holds it), or "".

        Raises
        ------
        ValueError
            It is neither; the sentence names what is near.
        """
        everything = tuple(range(len(self)))
        if not wanted:
            return everything, None
        if wanted in self.categories:
            return tuple(n for n in everything if wanted in self.groups[n]), None
        if wanted in self.names:
            return everything, self.names.index(wanted)
        near = difflib.get_close_matches(wanted, [*self.categories, *self.names], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"such as {self.names[0]!r}."
        raise ValueError(f"{words.shortened(wanted)!r} is no object or category here; {hint}")


def objects_of(source: Any) -> Objects:
    """Give the objects of a set of pictures, of `Things`, or of a list of words.

    Raises
    ------
    ValueError, OSError
        There are fewer than three, or the pictures cannot be had.
    """
    if isinstance(source, Objects):
        return source
    if isinstance(source, Things):
        return _enough(_things(source))
    if isinstance(source, Sequence) and not isinstance(source, str | os.PathLike):
        names = [word for word in source if isinstance(word, str)]
        if len(names) == len(source) and not any(map(os.path.exists, names)):
            return _enough(_words(names))
    images = source if isinstance(source, ImageSet) else load_images(source)
    return _enough(_pictures(images))


def _words(names: Sequence[str]) -> Objects:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"each word stands for one object; {twice[0]!r} was given twice")
    shown = tuple(map(clean_name, names))  # as files will hold them
    return Objects(shown, None, ((),) * len(names), shown, repr(list(names)))


def _things(things: Things) -> Objects:
    names, members = things.categories
    groups = [tuple(names[n] for n in row.nonzero()[0]) for row in members] or [()] * len(things)
    return Objects(things.names, None, tuple(groups), things.ids, "cw.data.load_things()")


def _pictures(images: ImageSet) -> Objects:
    named = images.categories
    groups = tuple((name,) for name in named) if named is not None else ((),) * len(images)
    names = tuple(map(clean_name, images.names))  # as files will hold them
    return Objects(names, images, groups, names, images.source)


def _enough(objects: Objects) -> Objects:
    if len(objects) < 3:
        raise ValueError(f"a triplet needs three objects or more, got {len(objects)}")
    return objects
