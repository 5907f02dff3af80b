"""The directive ``public-names``: the entries of everything public in a module, from `__all__`."""

from __future__ import annotations

import inspect
import pprint
import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from building.names import TOP, home, public


def plain(value: Any) -> bool:
    """Whether it is a constant or the name of a type: neither class nor function."""
    return not (inspect.isclass(value) or inspect.isroutine(value))


def cited(line: str, listed: str) -> str:
    """Give a line with its sources in brackets, from the list in the module's docstring."""
    texts = re.findall(r"^\.\. \[(\d)\] (.*(?:\n +.*)*)", listed, re.MULTILINE)
    for number, text in texts:
        line = line.replace(f"[{number}]_", f"({' '.join(text.split()).removesuffix('.')})")
    return line


def constant(name: str, value: Any) -> list[str]:
    """Give the lines of a constant: its value, and the docstring beneath it in the code."""
    documented: list[str] = []
    for known in [known for known in sys.modules if known.startswith(f"{TOP}.")]:
        if not documented and vars(sys.modules[known]).get(name) is value:
            found = ModuleAnalyzer.for_module(known).find_attr_docs().get(("", name), [])
            documented = [cited(line, sys.modules[known].__doc__ or "") for line in found]
    shown = pprint.pformat(value, width=84, sort_dicts=False).splitlines()
    code = [".. code-block:: python", "", *(f"   {line}" for line in shown)]
    body = [*documented, "", *code]
    return [f".. py:data:: {name}", "", *(f"   {line}" for line in body), ""]


def entry(name: str, module: ModuleType) -> list[str]:
    """Give the lines of one entry."""
    value = getattr(module, name)
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
        lines = [f".. auto{kind}:: {module.__name__}.{name}", "   :members:"]
        if kind == "class" and not issubclass(value, tuple):
            lines.append("   :inherited-members: VBox, View, Result, HasTraits, Enum")
        return [*lines, ""]
    if plain(value):
        return constant(name, value)
    return [f".. autofunction:: {module.__name__}.{name}", ""]


def shortest(full: str, inside: str) -> str:
    """Give a name as autosummary takes it: without the module it stands in, else shown so."""
    return full.removeprefix(inside) if full.startswith(inside) else f"~{full}"


class PublicNames(SphinxDirective):
    """A table of the names of a module, then their entries; or only of the names that are given."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write it as reStructuredText and have that read."""
        module = import_module(self.arguments[0])
        given = " ".join(self.content).split()
        self.env.ref_context["py:module"] = module.__name__
        homes = {name: home(name, getattr(module, name)) for name in given or public(module)}
        named = [one for name, one in homes.items() if not plain(getattr(module, name))]
        own = [name for name, one in homes.items() if one == f"{module.__name__}.{name}"]
        lines = []
        if len(homes) > 1:
            lines = [".. autosummary::", "   :nosignatures:", ""]
            inside = f"{module.__name__}."
            lines += [f"   {shortest(one, inside)}" for one in named] + [""]
        for name in own:
            lines += entry(name, module)
        parsed = nodes.container(classes=["public-names"])
        self.state.nested_parse(StringList(lines, module.__name__), 0, parsed)
        return parsed.children


def setup(app: Sphinx) -> None:
    """Make the directive known."""
    app.add_directive("public-names", PublicNames)
