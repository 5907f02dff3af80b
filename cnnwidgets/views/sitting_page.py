"""A sitting without a kernel: one HTML file that asks for odd ones out on any phone.

The file holds everything, asks nothing of any server, and sends nothing: who has answered downloads
the answers, as lines of a sitting, and hands them on.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnwidgets.views.sprite import packed
from cnnwidgets.views.view import source

CONSENT = (
    "Your choices and their times stay on this device. Nothing is sent anywhere: at the end you "
    "can download your answers and hand them on. They hold no name. You may stop at any time."
)
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def sitting_page(
    title: str,
    names: Sequence[str],
    pictures: Sequence[bytes | None],
    triplets: ArrayLike,
    *,
    trials: int,
    set_id: str,
    repeats: float = 0.1,
    catches: float = 0.0,
    catch_triplets: ArrayLike = (),
    language: str = "en",
    consent: str = CONSENT,
) -> str:
    """Write the page.

    Every device draws trials of its own, at random: which triplets, in which order, and how their
    objects stand. Where it is narrow, the first stands at the top instead of at the left.

    Parameters
    ----------
    title
        Shown at the top.
    names
        Of all objects, each once; answers name objects by their numbers here.
    pictures
        For each object a JPEG, PNG or WebP file, or None: then its name is shown, large.
    triplets : int [M, 3]
        Objects to ask for; the order within a row does not count.
    trials
        How many a device asks for, with repeats and catches; fewer where there are not enough
        triplets.
    set_id
        What tells these pictures or words from others; it stands in the answers.
    repeats, catches
        Shares of the trials, 0 to .5, that show an earlier triplet again, and that show one whose
        answer is expected.
    catch_triplets : int [K, 3]
        The latter, with the expected odd one in column 2.
    language
        Of the names, as in HTML's `lang`; it stands in the answers.
    consent
        What is agreed to by "Start".

    Returns
    -------
    str
        A whole HTML document. Save it as UTF-8; it works from file://, too.

    Raises
    ------
    ValueError
        Names, pictures, triplets or shares do not fit together.
    """
    names = [str(name) for name in names]
    if len(names) < 3 or len(set(names)) != len(names) or len(pictures) != len(names):
        raise ValueError(
            "a page needs three names or more, each once, and a picture or None for each; got "
            f"{len(names)} names, {len(set(names))} of them different, {len(pictures)} pictures."
        )
    asked = _rows(triplets, len(names), "triplets")
    expected = _rows(catch_triplets, len(names), "catch_triplets")
    data = {
        "set": str(set_id),
        "language": str(language),
        "names": names,
        "pictures": _addresses(pictures, np.union1d(asked, expected)),
        "triplets": asked.tolist(),
        "catches": expected.tolist(),
        **_counts(trials, (repeats, catches), (len(asked), len(expected))),
    }
    return _document(title, consent, data)


def _rows(value: ArrayLike, objects: int, what: str) -> NDArray[np.int64]:
    rows = np.asarray(value)
    if not rows.size:
        rows = np.zeros((0, 3), np.int64)
    whole = rows.ndim == 2 and rows.shape[1] == 3 and np.issubdtype(rows.dtype, np.integer)
    if not whole or (rows.size and not 0 <= rows.min() <= rows.max() < objects):
        raise ValueError(
            f"{what} are whole numbers [rows, 3] from 0 to {objects - 1}; "
            f"got {rows.dtype} {list(rows.shape)}."
        )
    alike = (np.sort(rows, 1)[:, 1:] == np.sort(rows, 1)[:, :-1]).any(1)
    if alike.any():
        row = rows[alike][0].tolist()
        raise ValueError(f"a row of {what} has three different objects; got {row}.")
    return rows.astype(np.int64)


def _counts(
    trials: int, shares: tuple[float, float], there: tuple[int, int]
) -> dict[str, dict[str, int]]:
    """How many trials of each kind a device draws."""
    triplets, catch_triplets = there
    if trials < 1 or not triplets:
        raise ValueError(f"a page asks for one triplet or more; got {triplets}, {trials} trials.")
    if any(not 0 <= share <= 0.5 for share in shares):
        raise ValueError(f"repeats and catches are shares from 0 to .5; got {shares}.")
    if shares[1] and not catch_triplets:
        raise ValueError("catches need catch_triplets, with the expected odd one in column 2.")
    repeated, caught = (round(share * trials) for share in shares)
    caught = min(caught, catch_triplets)
    fresh = min(max(1, trials - repeated - caught), triplets)
    return {"counts": {"new": fresh, "repeat": min(repeated, fresh), "catch": caught}}


def _addresses(pictures: Sequence[bytes | None], used: NDArray[Any]) -> list[str]:
    """Pictures as data: addresses; "" where there is none, or where it is never shown."""
    return [_address(data) if data and n in used else "" for n, data in enumerate(pictures)]


def _address(data: bytes) -> str:
    return f"data:image/{packed(data)['format']};base64,{b64encode(data).decode()}"


def _document(title: str, consent: str, data: dict[str, Any]) -> str:
    """Fill the page. The policy names the only script and the only style that may act."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
    style, script = _tokens() + source("sitting_page.css"), source("sitting_page.js")
    page = sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    parts = {
        "TITLE": escape(title),
        "CONSENT": escape(consent),
        "PAGE": page,
        "DATA": text,
        "STYLE": style,
        "SCRIPT": script,
        "STYLE_HASH": _hash(style),
        "SCRIPT_HASH": _hash(script),
    }
    # In one pass: what is filled in is never looked through again.
    filled = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], source("sitting_page.html"))
    return filled.encode("utf-8", "replace").decode("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _tokens() -> str:
    """The views' own tokens, on the page's root; without Jupyter they fall back to its colours."""
    block = source("style.css").partition(".cw {")[2].partition("}")[0]
    return f":root {{ {' '.join(re.findall(r'--cw-[a-z0-9-]+:[^;]+;', block))} }}\n"
