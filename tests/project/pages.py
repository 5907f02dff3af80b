"""The pages that people read: what the tests of README and site look at together."""

import re
from pathlib import Path

FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages(checkout: Path) -> dict[Path, str]:
    """Give all pages with their texts; what they include stands where it is included."""
    found = [checkout / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    found += sorted((checkout / "docs").rglob("*.md"))
    return {page: _whole(page) for page in found}


def python_blocks(text: str) -> list[str]:
    """Give the blocks of Python in their order."""
    return [block for language, block in FENCE.findall(text) if language == "python"]


def _whole(page: Path) -> str:
    def included(found: re.Match[str]) -> str:
        source = page.parent / found[1]
        text, options = source.read_text(encoding="utf-8"), dict(OPTION.findall(found[0]))
        if "start-after" in options:
            text = text.split(options["start-after"], 1)[1]
        if "end-before" in options:
            text = text.split(options["end-before"], 1)[0]
        return text

    return INCLUDE.sub(included, page.read_text(encoding="utf-8"))


INCLUDE = re.compile(r"^```\{include\} (\S+)\n((?::.*\n)*)```$", re.MULTILINE)
OPTION = re.compile(r'^:(start-after|end-before): "(.+)"$', re.MULTILINE)
