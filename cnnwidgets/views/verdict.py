"""One sentence: who takes out what."""

from typing import Any

import traitlets as t

from cnnwidgets.views.view import View, source

ROLES = ("", "you", "people", "network", "strong")


class Verdict(View):
    """A sentence whose words about you, the model of people and the network have their colours.

    It keeps the height of a line while there is nothing to say.
    """

    _esm = source("caption.js", "verdict.js")

    parts: t.List[Any] = t.List().tag(sync=True)
    """[{"text": "You and the ", "role": ""}, {"text": "model of people", "role": "people"}, ...];
    a role is one of "", "you", "people", "network" and "strong"."""

    @t.validate("parts")
    def _check_parts(self, proposal: Any) -> list[dict[str, str]]:
        for part in proposal["value"]:
            if set(part) != {"text", "role"} or part["role"] not in ROLES:
                raise t.TraitError(
                    f"a part of a sentence holds text and role, one of {', '.join(ROLES[1:])} "
                    f"or empty; got {part!r}."
                )
        return [{"text": str(part["text"]), "role": part["role"]} for part in proposal["value"]]
