"""Numbers as words: the one place that decides how a quantity is written."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

THIN = "\N{THIN SPACE}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()
LONGEST = 200
"""Bytes of a file's name: some systems take 255, and sync and archives put something before it."""
OWN = "cnnwidgets"
_NO_FILE = r'[\s/\\:*?"<>|]+'
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.I)
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def probability(value: float) -> str:
    """A probability in 0..1: .39, "< .01" rather than .00, "> .99" rather than a false 1.00."""
    if not np.isfinite(value):
        return "undefined"
    if value < 0.005:
        return "< .01"
    if 0.995 <= value < 1:
        return "> .99"
    return f"{value:.2f}".removeprefix("0")


def share(value: float) -> str:
    """A share in 0..1 in per cent, with a thin space: 67 %."""
    return f"{100 * value:.0f}{THIN}%" if np.isfinite(value) else "undefined"


def response(value: float) -> str:
    """A response with three significant figures: 831, 12.4, 0.0123, 1.23 × 10⁻⁵.

    Zero is "silent" and NaN "undefined": both are statements about the unit, not numbers.
    """
    if not np.isfinite(value):
        return "undefined"
    if value == 0:
        return "silent"
    sign = MINUS if value < 0 else ""
    mantissa, power = f"{abs(value):.2e}".split("e")
    exponent = int(power)
    if not -4 < exponent < 6:
        return f"{sign}{mantissa} {TIMES} 10{str(exponent).translate(RAISED)}"
    if exponent >= 2:
        return sign + f"{abs(value):,.0f}".replace(",", THIN)
    return f"{sign}{abs(value):.{2 - exponent}f}"


def size(*lengths: int) -> str:
    """Lengths of a picture or a layer: 384 × 13 × 13."""
    return f" {TIMES} ".join(str(int(length)) for length in lengths)


def count(number: int) -> str:
    """A small whole number as a word (nine), a larger one in figures."""
    return SMALL[number] if 0 <= number < len(SMALL) else str(int(number))


def shortened(name: str, most: int = 48) -> str:
    """A name of at most so many signs: what is beyond them becomes "…"."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def file_name(*parts: str, ending: str) -> str:
    """A name for a file of parts that may hold anything: every system takes it, no folder in it.

    At most `LONGEST` bytes in UTF-8: the longest parts lose their ends. Signs that are not seen are
    left out, too: one of them lets "gpj.exe" read "exe.jpg".
    """
    kept = [shortened(_seen(part), 80).replace("…", "") for part in parts if part]
    room = LONGEST - len(f"{OWN}_{'_' * len(kept)}.{ending}".encode())
    while sum(len(part.encode()) for part in kept) > room:
        at = max(range(len(kept)), key=lambda index: len(kept[index].encode()))
        kept[at] = kept[at][:-1]
    name = re.sub(_NO_FILE, "_", "_".join(kept)).lstrip(".-")
    if _RESERVED.match(name):
        name = f"{OWN}_{name}"
    return f"{name if name.strip('_') else OWN}.{ending}"


def _seen(part: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in part)


def listing(items: Iterable[str], most: int | None = None) -> str:
    """Words in a row: "a, b and c"; beyond `most`: "a, b, c and nine more"."""
    words: Sequence[str] = [str(item) for item in items]
    if most is not None and len(words) > most:
        words = [*words[:most], f"{count(len(words) - most)} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
