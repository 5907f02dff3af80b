"""Which members and signatures the entries of classes show."""

from __future__ import annotations

import inspect
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from traitlets import HasTraits

from cnnwidgets.results import Result


def skip(_app: Sphinx, _what: str, _name: str, found: Any, *_: Any) -> bool | None:
    """Leave out what is not ours, and the fields of named tuples, whose docstrings say nothing."""
    words = inspect.getdoc(found) or ""
    where = getattr(found, "this_class", None) or getattr(found, "fget", None) or found
    ours = (getattr(where, "__module__", None) or "cnnwidgets").startswith("cnnwidgets")
    return None if ours and not words.startswith("Alias for field number") else True


def sign(_app: Sphinx, what: str, _name: str, found: Any, *_: Any) -> tuple[str, None] | None:
    """Leave out the signatures of results, which engines make; read those that traits hide."""
    if what != "class":
        return None
    if issubclass(found, Result):
        return "", None
    if not issubclass(found, HasTraits):
        return None
    whole = inspect.signature(found.__init__)
    parameters = list(whole.parameters.values())[1:]
    return stringify_signature(
        whole.replace(parameters=parameters), show_annotation=False, show_return_annotation=False
    ), None


def setup(app: Sphinx) -> None:
    """Listen to autodoc."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", sign)
