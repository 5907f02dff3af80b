"""What becomes of every file of the corpus, as a table for readers.

python -m tests.data.picture_survey      writes the table into docs/pictures.md
"""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from cnnwidgets.data import ImageSet, load_images, read_picture
from tests.data.picture_corpus import Case, corpus

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pictures.md"
BEGIN = "<!-- Written by python -m tests.data.picture_survey; a test compares it. -->\n"
END = "<!-- end of the table -->\n"

RIGHT, LEFT_OUT, REFUSED = "the right picture", "left out of its folder", "refused when it is read"


class Seen(NamedTuple):
    """A file of the corpus and what came of it: a set that was read from its folder, or not."""

    case: Case
    picture: np.ndarray | None
    sentence: str
    left_out: bool

    @property
    def outcome(self) -> str:
        """What is told in the table."""
        return RIGHT if self.picture is not None else LEFT_OUT if self.left_out else REFUSED


@contextmanager
def as_anybody() -> Iterator[None]:
    """For a while without the rights of root, whom no permission keeps out."""
    if os.geteuid() != 0:
        yield
        return
    Image.init()  # all that Pillow may want to import, while it still can
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty folder that anybody may look into; a test's own is closed to others."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "corpus"
        folder.mkdir()
        Path(made).chmod(0o755)
        folder.chmod(0o755)
        yield folder


def survey(folder: Path) -> tuple[list[Seen], ImageSet, list[str]]:
    """Write the corpus into a folder, read it, and give what was told of the folder, too."""
    cases = corpus()
    for case in cases:
        case.write(folder / case.name)
    with warnings.catch_warnings(record=True) as told, as_anybody():
        warnings.simplefilter("always")
        found = load_images(folder)
        out = {left.file.name for left in found.left_out}
        seen = [_seen(case, folder / case.name, case.name in out) for case in cases]
    return seen, found, [str(warning.message) for warning in told]


def _seen(case: Case, path: Path, left_out: bool) -> Seen:
    try:
        return Seen(case, read_picture(path), "", left_out)
    except ValueError as error:  # any other is a fault
        return Seen(case, None, str(error), left_out)


def fault(seen: Seen) -> str:
    """What is wrong with what came of a file; "" if nothing is."""
    case, picture = seen.case, seen.picture
    if case.truth is None:
        if picture is not None:
            return f"{case.name!r} was read"
        if not re.search(case.sentence, seen.sentence) or len(seen.sentence.splitlines()) != 1:
            return f"{case.name!r}: {seen.sentence!r}"
        if case.header is not None and case.header != seen.left_out:
            return f"{case.name!r} is{'' if seen.left_out else ' not'} left out"
        return ""
    if picture is None:
        return f"{case.name!r} was refused: {seen.sentence}"
    if picture.shape != case.truth.shape:
        return f"{case.name!r} is {picture.shape}"
    off = int(np.abs(picture.astype(int) - case.truth).max())
    return f"{case.name!r} is off by {off}" if off > case.tolerance or seen.left_out else ""


def table(seen: Sequence[Seen]) -> str:
    """Write what came of the files, a line for each kind, in Markdown."""
    kinds = dict.fromkeys(one.case.kind for one in seen)
    lines = ["| kind | files | what comes out |", "| --- | --- | --- |"]
    for kind in kinds:
        found = [one.outcome for one in seen if one.case.kind == kind]
        words = ", or ".join(what for what in (RIGHT, LEFT_OUT, REFUSED) if what in found)
        lines.append(f"| {kind} | {len(found)} | {words} |")
    lines.append(f"| all | {len(seen)} | |")
    return "\n".join(lines) + "\n"


def in_page(page: str) -> str:
    """Give the table as it stands in the page."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Write the table into the page."""
    with open_folder() as folder:
        seen, _, _ = survey(folder)
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{table(seen)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
