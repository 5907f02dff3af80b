"""Our docstrings in the form that numpydoc reads: types come from annotations, items stand alone.

We write ``name : what it is``, and leave the type to the annotation; numpydoc expects
``name : type`` and the words beneath. Sources that a module's docstring lists are copied to the
functions that cite them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from sphinx.application import Sphinx
from traitlets import TraitType, Undefined

from building.names import MODULES, public

PARTS = ("data", "engines", "graph", "models", "results", "views", "widgets")
NAMED = ("Parameters", "Attributes")
ITEM = re.compile(r"([\w*]+(?:, [\w*]+)*) : (.+)")
ANOTHER = re.compile(r"[;.,]\s+((?:and )?`\w+`(?:(?:,| and) `\w+`)*) : ")
"""A second item within the text of the first: "model : its name; `weights` : 16 hex digits"."""


class Section(NamedTuple):
    """A part of a docstring: its title ("" of what stands before all others) and its lines."""

    title: str
    lines: list[str]


def sections(lines: list[str]) -> Iterator[Section]:
    """Give the parts of a docstring in their order."""
    starts = [
        n
        for n in range(len(lines) - 1)
        if lines[n] and re.fullmatch("-{3,}", lines[n + 1]) and len(lines[n]) == len(lines[n + 1])
    ]
    ends = [*starts, len(lines)]
    yield Section("", lines[: ends[0]])
    for start, end in zip(starts, ends[1:], strict=True):
        yield Section(lines[start], lines[start + 2 : end])


def written(section: Section) -> list[str]:
    """Give the lines of a section as they stand in a docstring."""
    heading = [section.title, "-" * len(section.title)] if section.title else []
    return [*heading, *section.lines]


def short(annotation: Any) -> str:
    """Give an annotation as it is written in the code."""
    if isinstance(annotation, str):
        return annotation
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", inspect.formatannotation(annotation))


def types_of(what: str, found: Any) -> dict[str, str]:
    """Give the types of parameters and attributes by their names, as far as they are annotated."""
    types: dict[str, str] = {}
    if what in ("class", "exception"):
        for base in reversed(found.__mro__[:-1]):
            types |= {name: short(of) for name, of in vars(base).get("__annotations__", {}).items()}
            for name, value in vars(base).items():
                getter = getattr(value, "fget", None) or getattr(value, "func", None)
                if "return" in getattr(getter, "__annotations__", {}):
                    types[name] = short(getter.__annotations__["return"])
        found = found.__init__
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return types
    return types | {p.name: short(p.annotation) for p in parameters if p.annotation is not p.empty}


def told(lines: list[str]) -> list[tuple[list[str], str]]:
    """Give the items of a section: their names, of several at once, and the words."""
    found: list[tuple[str, str]] = []
    for line in lines:
        item = ITEM.fullmatch(line)
        if item:
            found.append((item[1], item[2]))
        elif found:
            name, text = found.pop()
            found.append((name, f"{text}\n{line.removeprefix('    ')}"))
    alone = []
    for name, text in found:
        first, *others = ANOTHER.split(text)
        alone.append((re.findall(r"[\w*]+", name), first.strip()))
        for names, words in zip(others[::2], others[1::2], strict=True):
            alone.append((re.findall(r"`(\w+)`", names), words.strip()))
    return alone


def items(lines: list[str], types: dict[str, str], asked: list[str]) -> list[str]:
    """Give items ``name : words`` as ``name : type`` with the words beneath.

    What is asked for and not told, because its name says it, stands at its place with its type.
    """
    found = told(lines)
    plain = {name.strip("*") for names, _ in found for name in names}
    found += [([name], "") for name in asked if name not in plain]
    places = {name: place for place, name in enumerate(asked)}
    found.sort(key=lambda item: places.get(item[0][0].strip("*"), len(asked)))
    out = []
    for names, words in found:
        kinds = {types.get(name.strip("*"), "") for name in names}
        kind = linked(kinds.pop()) if len(kinds) == 1 else ""
        out.append(f"{', '.join(names)} : {kind}" if kind else ", ".join(names))
        out += [f"    {line}".rstrip() for line in words.split("\n") if words]
    return [*out, ""]


def parameters_of(what: str, found: Any) -> list[str]:
    """Give the names of what a function, method or class is called with, in their order."""
    if what not in ("class", "exception", "function", "method"):
        return []
    try:
        names = list(
            inspect.signature(found.__init__ if inspect.isclass(found) else found).parameters
        )
    except (TypeError, ValueError):
        return []
    return [name for name in names if name not in ("self", "cls")]


@cache
def classes() -> frozenset[str]:
    """Give the names of all public classes."""
    modules = [import_module(name) for name in MODULES]
    named = {name: getattr(module, name) for module in modules for name in public(module)}
    return frozenset(name for name, value in named.items() if inspect.isclass(value))


def linked(kind: str) -> str:
    """Give a type as text without markup, but for links to our own classes."""
    ours = "|".join(classes())
    text = re.sub(r"([*|`\\])", r"\\\1", kind.replace('"', ""))
    text = re.sub(rf"\b({ours})\b", r":py:obj:`\1`", text)
    text = re.sub(r"(?<=[^\s]):py:obj:", r"\\ :py:obj:", text)
    return re.sub(r"`(?=[^\s\w])", r"`\\ ", text)


def returned(lines: list[str], kind: str) -> list[str]:
    """Give a section about what is returned, with its type where there is none but words."""
    if any(line.startswith(" ") for line in lines) or not kind:
        return lines
    return [linked(kind), *(f"    {line}".rstrip() for line in lines)]


def return_type(what: str, found: Any) -> str:
    """Give the annotated type of what a function returns, "" where that is nothing."""
    if what not in ("function", "method"):
        return ""
    kind = short(getattr(found, "__annotations__", {}).get("return", ""))
    return "" if kind == "None" else kind


def sources_of(found: Any, lines: list[str]) -> list[str]:
    """Give the sources listed in the module's docstring, where these lines cite one of them."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    cites = any(re.search(r"\[\d\]_", line) for line in lines)
    if module is None or not cites or inspect.ismodule(found):
        return []
    listed = sections(inspect.cleandoc(module.__doc__ or "").splitlines())
    return next((written(one) for one in listed if one.title == "References"), [])


def marked(line: str) -> str:
    """Give a line whose backticks Sphinx reads as people do.

    A letter right after a name ("`Layer`s") would keep the backtick from closing it, and a dot at
    its beginning (`.item()`) would ask for any attribute of that name. Words that are names of our
    modules, too, mean something else there, and an author's "A." begins no list.
    """
    line = re.sub(rf"(?<!`)`(\.[^`]+|{'|'.join(PARTS)})`(?!`)", r"``\1``", line)
    line = re.sub(r"^(\.\. \[\d\] \w)\.", r"\1\\.", line)
    return re.sub(r"(?<=[\w)])`(?=[a-z])", r"`\\ ", line)


def rewrite(
    _app: Sphinx, what: str, _name: str, found: Any, _options: Any, lines: list[str]
) -> None:
    """Bring a docstring into numpydoc's form; a listener of `autodoc-process-docstring`."""
    if isinstance(found, TraitType):
        default = (
            "" if found.default_value is Undefined else f" Default: ``{found.default_value!r}``."
        )
        lines += ["", f"*Trait:* {found.info()}.{default}", ""]
        return
    kind, types = return_type(what, found), types_of(what, found)
    parts = list(sections(lines))
    titles = [part.title for part in parts]
    asked = parameters_of(what, found)
    if what in ("function", "method") and asked and "Parameters" not in titles:
        parts.insert(1, Section("Parameters", []))
    if kind and "Returns" not in titles:
        place = 1 + max(n for n, part in enumerate(parts) if part.title in ("", "Parameters"))
        parts.insert(place, Section("Returns", [linked(kind)]))
    out: list[str] = []
    for title, body in parts:
        if title in NAMED:
            new = items(body, types, asked if title == "Parameters" else [])
        elif title == "References" and what == "module":  # which numpydoc leaves as it is
            out += [".. rubric:: References", "", *body]
            continue
        else:
            new = returned(body, kind) if title == "Returns" and title in titles else body
        out += [*written(Section(title, new)), ""]
    if "References" not in titles:
        out += sources_of(found, lines)
    lines[:] = [marked(line) for line in out]


def setup(app: Sphinx) -> None:
    """Come before numpydoc, which has the priority 500."""
    app.connect("autodoc-process-docstring", rewrite, priority=400)
