"""The record of a sitting while it goes on: on the disk after every answer, or else in memory."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from cnnwidgets.data.sittings import lines
from cnnwidgets.data.sittings.lines import Answer


class SittingLog:
    """Record the answers of one sitting in a file of its own, which nobody else writes to.

    Nothing is created before the first answer. Each answer is on the disk when `record` comes back;
    where it cannot be written, it is kept here, an OSError says so, and the next call tries again.

    Parameters
    ----------
    folder : where the file goes; created with the first answer. It may be set to another one later:
        the file is then written there as a whole. None keeps everything in memory.
    set_id : what tells the pictures or words from others, such as `ImageSet.fingerprint`.
    names : of all objects, each once; answers name them by their numbers here.
    language, device : what they were shown in and answered with, where known.

    Raises
    ------
    ValueError
        There are fewer than three names, or one stands twice; a text is longer than `MOST_TEXT`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None,
        *,
        set_id: str,
        names: Sequence[str],
        language: str = "",
        device: str = "",
    ) -> None:
        names = [lines.clean(name) for name in names]
        lines.check_names(names)
        lines.check_texts(set_id, language, device)
        self.folder = None if folder is None else Path(folder).expanduser()
        self.id = uuid4().hex[:12]  # random: it says nothing of the person
        about = {"sitting": self.id, "started": lines.now(), "set": set_id, "names": names}
        self._objects = len(names)
        self._head = lines.head_line({**about, "language": language, "device": device})
        self._answers: list[Answer] = []
        self._lines: list[bytes] = []  # all of them, so that a lost file can be written anew
        self._on_disk = 0  # how many of them
        self._trials = 0

    @property
    def path(self) -> Path | None:
        """Where the file is, or will be; None without a folder."""
        return None if self.folder is None else self.folder / f"sitting-{self.id}.jsonl"

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What was answered, in this order, without what was taken back."""
        return tuple(self._answers)

    @property
    def unsaved(self) -> int:
        """How many answers are in memory only."""
        waiting = self._lines[self._on_disk :]
        return sum(b'"line":"answer"' in line[:40] for line in waiting)

    def record(self, answer: Answer) -> Answer:
        """Add an answer; it is on the disk when this comes back.

        Returns
        -------
        Answer
            With its trial's number and its time.

        Raises
        ------
        ValueError
            It shows other than three objects, or the odd one is none of them.
        OSError
            The file cannot be written; the answer is kept here.
        """
        answer = lines.plain(answer)
        lines.check(answer, self._objects)
        self._trials += 1
        answer = replace(answer, trial=self._trials, time=answer.time or lines.now())
        self._answers.append(answer)
        self._lines.append(lines.answer_line(answer))
        self.retry()
        return answer

    def undo(self) -> Answer:
        """Take the last answer back: the file keeps it, with a line that says so.

        Raises
        ------
        ValueError
            There is none.
        OSError
            The file cannot be written; it is taken back all the same.
        """
        if not self._answers:
            raise ValueError("there is no answer to take back")
        taken = self._answers.pop()
        self._lines.append(lines.undo_line(taken.trial))
        self.retry()
        return taken

    def retry(self) -> None:
        """Write what waits; nothing where nothing does.

        Raises
        ------
        OSError
            It cannot be written; all is kept here.
        """
        if not self._lines or (path := self.path) is None:
            return
        try:
            self._write(path)
        except OSError as error:
            count = self.unsaved
            kept = f"{count} answer{' is' if count == 1 else 's are'} kept here"
            raise type(error)(
                f"'{path}' cannot be written ({error.strerror or error}): {kept}; make room "
                "or choose another folder, and the next answer writes them, or download them now"
            ) from error

    def text(self) -> str:
        """Give the whole file, whether it is on the disk or not; empty before the first answer."""
        return self._content(0, len(self._lines)).decode("utf-8") if self._lines else ""

    def _content(self, first: int, last: int) -> bytes:
        head = self._head if first == 0 else b""
        return head + b"".join(self._lines[first:last])

    def _write(self, path: Path) -> None:
        """Add what is not in the file yet, or all where the file is shorter than it was."""
        if not path.exists():  # removed, or in a new folder
            self._on_disk = 0
        if self._on_disk == len(self._lines):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        good = len(self._content(0, self._on_disk)) if self._on_disk else 0
        opened = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            if os.fstat(opened).st_size < good:  # somebody else has cut it
                good = self._on_disk = 0
            self._append(opened, good)
        finally:
            os.close(opened)
        if good == 0:
            _keep_name(path.parent)
        self._on_disk = len(self._lines)

    def _append(self, opened: int, good: int) -> None:
        content = self._content(self._on_disk, len(self._lines))
        try:
            os.ftruncate(opened, good)  # half a line that a failed or stopped write has left
            os.lseek(opened, good, os.SEEK_SET)
            while content:
                content = content[os.write(opened, content) :]
            os.fsync(opened)
        except OSError:
            with suppress(OSError):
                os.ftruncate(opened, good)
            raise


def _keep_name(folder: Path) -> None:
    """Write the folder's list of files to the disk, too, where the system can."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
