"""The files that a reader brings in through the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cnnwidgets.views import words


def uploaded(files: Iterable[Any]) -> Iterator[tuple[str, bytes]]:
    """Give name and content of each; what is no file is passed over.

    Of a number `bytes` would make as many zeros, which may be more than there is memory.
    """
    for file in files:
        if isinstance(content := file["content"], bytes | bytearray | memoryview):
            yield words.shortened(str(file["name"])), bytes(content)
