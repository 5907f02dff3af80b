"""The agents that were asked for last: made once for each setting and state of their weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping

from cnnwidgets.results import Progress
from cnnwidgets.widgets.triplets.agents import Agent, Setting, Source

MOST = 8
"""Agents that are kept: those of a few layers, and of a temperature's slider."""

Key = tuple[str, Setting, Hashable]


class KnownAgents:
    """Makes agents on the worker, and lets the kernel's loop read those that are there.

    Parameters
    ----------
    sources : all that there are, by their names.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._agents: OrderedDict[Key, Agent] = OrderedDict()

    def of(self, name: str, setting: Setting, progress: Progress) -> Agent | None:
        """Give an agent; None for nobody, or one who has not looked at all pictures yet."""
        source = self._sources.get(name)
        if source is None or not source.ready():
            return None
        if (agent := self._agents.get((name, setting, source.state()))) is None:
            agent = source.agent(setting, progress)
        key = (name, setting, source.state())  # now: making it may have looked anew
        self._agents[key] = agent  # never taken out first: the tally reads it meanwhile
        self._agents.move_to_end(key)
        while len(self._agents) > MOST:
            self._agents.popitem(last=False)
        return agent

    def known(self, name: str, setting: Setting) -> Agent | None:
        """Give an agent that was made, by the network as it is now; else None."""
        source = self._sources.get(name)
        return self._agents.get((name, setting, source.state())) if source else None

    def forget(self) -> None:
        """Let go of all."""
        self._agents.clear()
