"""THINGS' files from OSF, on request: found by their names, and taken only when they are right."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from cnnwidgets import cache
from cnnwidgets.data import things_files as stored
from cnnwidgets.data.things import LICENCE, SOURCE, SOURCE_66

OSF = "https://api.osf.io/v2"
_MOST_LISTINGS = 300
_SECONDS = (cache.CONNECT_SECONDS, cache.SILENT_SECONDS)


class Wanted(NamedTuple):
    """A file: under which names it may be found, and which it is kept under."""

    kept: str
    names: tuple[str, ...]
    needed: bool = True


PROJECTS: Mapping[str, tuple[Wanted, ...]] = {
    "z2784": (  # Hebart et al. 2020
        Wanted(stored.embedding_name(49), (stored.embedding_name(49),)),
        Wanted(stored.IDS[0], stored.IDS),
        Wanted("item_names.tsv", stored.WORDS, needed=False),
        Wanted("labels_49.mat", ("labels_49.mat", "labels.mat"), needed=False),
        Wanted("sortind.mat", ("sortind.mat",), needed=False),
        Wanted(stored.CATEGORIES[0], stored.CATEGORIES, needed=False),
        Wanted(stored.TRIALS[1], (stored.TRIALS[1],), needed=False),
    ),
    "f5rn6": (  # THINGS-data 2023
        Wanted(stored.embedding_name(66), (stored.embedding_name(66),), needed=False),
        Wanted("labels_66.txt", ("labels_66.txt", "labels.txt"), needed=False),
    ),
}


class _Entry(NamedTuple):
    name: str
    link: str
    sha256: str


def download_things(*, base: str = OSF) -> Path:
    """Fetch THINGS' embeddings, names and repeated choices into the cache, a few megabytes.

    Says first whose they are and under which licence. What is there already is kept.

    Parameters
    ----------
    base : address of the OSF's programming interface, or of a mirror of it.

    Returns
    -------
    Path
        The folder, where `load_things` finds them.

    Raises
    ------
    ConnectionError
        The OSF cannot be reached, refuses or breaks off.
    FileNotFoundError
        A needed file is in none of the projects' folders.
    ValueError
        The OSF gives no SHA-256 of a file, or another file came.
    OSError
        The cache cannot be written.
    """
    folder = stored.downloaded()
    _say(f"THINGS: {SOURCE}; {SOURCE_66}. Licence: {LICENCE}; name its authors where you show it.")
    for project, wanted in PROJECTS.items():
        found = _found(f"{base}/nodes/{project}/files/osfstorage/", wanted)
        missing = [one.kept for one in wanted if one.kept not in found]
        needed = [one.kept for one in wanted if one.needed and one.kept in missing]
        if needed:
            raise FileNotFoundError(
                f"{', '.join(needed)} is in no folder of osf.io/{project} any more: get it from "
                "there by hand, and name its folder in CNNWIDGETS_DATA"
            )
        for name, entry in found.items():
            _fetch(entry, folder / name)
        if missing:
            _say(f"not in osf.io/{project}, and done without: {', '.join(missing)}")
    return folder


def _fetch(entry: _Entry, path: Path) -> None:
    if len(entry.sha256) != 64:
        raise ValueError(
            f"{entry.link} came without the SHA-256 that tells whether it is right, so it was not "
            "fetched; try again later"
        )
    try:
        cache.check(path, entry.sha256, name=str(path))
    except (OSError, ValueError):  # not there, or another version
        cache.download(entry.link, path, sha256=entry.sha256)


def _found(address: str, wanted: tuple[Wanted, ...]) -> dict[str, _Entry]:
    """Look through a project's folders for the wanted files; of several names, the first counts."""
    ranks = {name: (one.kept, rank) for one in wanted for rank, name in enumerate(one.names)}
    best: dict[str, tuple[int, _Entry]] = {}
    for entry in _walk(address):
        kept, rank = ranks.get(entry.name, ("", 0))
        if kept and (kept not in best or rank < best[kept][0]):
            best[kept] = rank, entry
        if len(best) == len(wanted) and not any(rank for rank, _ in best.values()):
            break  # all, each under its first name
    return {one.kept: best[one.kept][1] for one in wanted if one.kept in best}


def _walk(address: str) -> Iterator[_Entry]:
    """Give all files below a listing, those of outer folders first."""
    waiting, seen = [address], set[str]()
    while waiting and len(seen) < _MOST_LISTINGS:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        listing = _listing(address)
        following = _at(listing, "links", "next")
        if following:
            waiting.insert(0, urljoin(address, str(following)))
        items = _at(listing, "data")
        for item in items if isinstance(items, list) else ():
            kind, name = _at(item, "attributes", "kind"), _at(item, "attributes", "name")
            inside = _at(item, "relationships", "files", "links", "related", "href")
            link = _at(item, "links", "download")
            if kind == "folder" and inside:
                waiting.append(urljoin(address, str(inside)))
            elif kind == "file" and link:
                sha256 = _at(item, "attributes", "extra", "hashes", "sha256")
                yield _Entry(str(name), urljoin(address, str(link)), str(sha256 or ""))


def _listing(address: str) -> Any:
    import requests  # late, as in the cache

    host = urlsplit(address).netloc
    try:
        answer = requests.get(address, timeout=_SECONDS)
        answer.raise_for_status()
        return answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise ConnectionError(f"{host} answered {address} with something else than JSON") from error
    except requests.exceptions.HTTPError as error:
        raise ConnectionError(f"{host} answered: {error}") from error
    except requests.exceptions.RequestException as error:
        reason: BaseException = error
        while inner := (reason.__cause__ or reason.__context__):
            reason = inner  # what the system said, without the layers around it
        raise ConnectionError(f"{host} could not be reached or broke off: {reason}") from error


def _at(value: Any, *path: str) -> Any:
    """Give what stands at a place in nested objects, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
