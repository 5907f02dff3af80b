"""Nothing in the repository speaks of one machine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Written apart, so that this file does not find itself.
FOLDERS = [f"/{name}/" for name in ("work", "root", "home", "opt/wheels", "Users")]
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "deb" + ".debian.org"]
# A folder counts where a path begins, not inside a longer one ("images/homework/").
MACHINE = re.compile(
    rb"(?<![\w.)}/-])(?:" + "|".join(map(re.escape, FOLDERS)).encode() + rb")"
    rb"|" + "|".join(map(re.escape, HOSTS)).encode()
)


def test_no_tracked_file_names_a_machine(checkout: Path) -> None:
    found = [
        f"{name}: {match.group().decode()}"
        for name in _tracked(checkout)
        for match in MACHINE.finditer((checkout / name).read_bytes())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["cd " + FOLDERS[0] + "x", "'" + FOLDERS[2], "https://" + HOSTS[0]]
)
def test_a_planted_path_is_found(text: str) -> None:
    assert MACHINE.search(text.encode())


def _tracked(checkout: Path) -> list[str]:
    """Files that are, or would be, committed; deleted ones left out."""
    if shutil.which("git") is None or not (checkout / ".git").exists():
        pytest.skip("this is no git checkout, so there is nothing tracked to look at")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    assert "pyproject.toml" in names
    return [name for name in names if name and (checkout / name).is_file()]
