"""Odd one out: step through triplets, and compare one's own choices, people's and networks'."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import traitlets as t

from cnnwidgets.data.sittings import Answer
from cnnwidgets.engines import choices
from cnnwidgets.engines.choices import Accuracy, Ceiling
from cnnwidgets.views import words
from cnnwidgets.widgets.at_rest import AtRest
from cnnwidgets.widgets.explorer import Job
from cnnwidgets.widgets.quantity import Quantity
from cnnwidgets.widgets.scheduler import Lane, Slot, process_lane
from cnnwidgets.widgets.triplets.agents import Setting
from cnnwidgets.widgets.triplets.controls import TripletControls
from cnnwidgets.widgets.triplets.exports import TripletExports
from cnnwidgets.widgets.triplets.look import Question, TripletDesk, TripletLook
from cnnwidgets.widgets.triplets.panels import TripletPanels
from cnnwidgets.widgets.triplets.parties import parties_of
from cnnwidgets.widgets.triplets.pool import ASKED, ORDERS, Trial
from cnnwidgets.widgets.triplets.sitting_strip import SittingStrip
from cnnwidgets.widgets.triplets.words import SLOTS, bounds, tally, titled

AGAIN = "again"
"""The order of a triplet whose answer was taken back: what others take out was seen."""

CHOICES = ("people", "network", "layer", "measure", "temperature", "order", "wanted")


class TripletStepper(TripletExports):
    """Take out the odd one of three; see what a model of people and a network take out, and why.

    Parameters
    ----------
    networks : `VisionModel`s, one or a list; or by their names networks and features [n, D]. By
        default the embedded SqueezeNet 1.1 and AlexNet, where the objects are pictures.
    objects : an `ImageSet` or what `load_images` takes, `Things`, or a list of words.
    people : `Things`, or a list of them; "auto" takes those of
        `cw.data.load_things()` where there are any.
    sittings : the folder of the files of answers; None keeps them in memory only.
    repeats, catches : shares of repeated triplets and of catch trials (two of one category and one
        of another) where the next triplet is random or the least asked.
    seed : of the draws; by default others each time.
    lane : the worker; for tests.
    state : values of the traits.

    Raises
    ------
    TypeError
        For a keyword that is no trait, or arguments of the wrong kind.
    ValueError, OSError
        For objects, networks or features that do not fit together.

    Attributes
    ----------
    result : the `TripletLook` that is shown: triplet, probabilities, relevance.
    log : the `SittingLog` of this sitting; `answers` : its answers.
    """

    temperature = Quantity(1.0)
    """Of the network's choices: 1 is as sure as people are on average; more is less sure."""
    order = t.Enum((*ORDERS, ASKED), "most divergent")
    """What the next triplet is."""
    wanted = t.Unicode()
    """A category, of which all three are, or an object, which each triplet holds; "" for all."""

    def __init__(
        self,
        networks: Any = None,
        objects: Any = "objects",
        *,
        people: Any = "auto",
        sittings: str | os.PathLike[str] | None = "sittings",
        repeats: float = 0.1,
        catches: float = 0.05,
        seed: int | None = None,
        lane: Lane | None = None,
        **state: Any,
    ) -> None:
        if min(repeats, catches) < 0 or not repeats + catches <= 1:
            raise ValueError(
                f"repeats and catches are shares of all triplets; got {repeats} and {catches}"
            )
        parties, worker = parties_of(networks, objects, people), lane or process_lane()
        super().__init__(parties, lane=lane, **state)
        self._trial: Trial | None = None  # that is shown
        self._number, self._chosen = 1, -1
        self._desk = TripletDesk(
            parties.objects,
            parties.sources,
            asked=parties.asked,
            seed=seed,
            repeats=repeats,
            catches=catches,
        )
        self._panels = TripletPanels()
        self.sitting = SittingStrip(
            parties.objects,
            self._desk.pictures,
            sittings,
            self._refuse,
            self._sitting_changed,
            self._status.offer,
        )
        self._ceiling: Ceiling | None = None  # of the sittings here
        self._counting = Slot(worker, self._counted, lambda _: None, rest=0)
        # The next triplet is chosen while the reader looks at the reasons.
        self._preparing = AtRest(worker, self._prepare, lambda *_: None, lambda _: None)
        orders = [*ORDERS, ASKED] if parties.asked else ORDERS
        self._controls = TripletControls(self, parties, orders, self.next)
        self._panels.triplet.observe(self._answer_came, "answered")
        self._panels.triplet.observe(self._key_came, "pressed")
        for rows in self._panels.rows:
            rows.observe(self._dimension_switched, ["off", "probabilities"])
        self._assemble(
            self._controls.row, self._controls.second, self._panels.main, self.sitting.view
        )
        self.observe(self._chosen_anew, CHOICES)
        self._chosen_anew()

    def next(self) -> None:
        """Show the next triplet."""
        self._number, self._trial, self._chosen = self._number + 1, None, -1
        self._looking.follow()  # a network that was trained meanwhile looks again
        self._request()

    def take_out(self, column: int, *, rt_ms: int = 0) -> None:
        """Answer the triplet that is shown, as a click does.

        Parameters
        ----------
        column : 0, 1 or 2, from the left.

        Raises
        ------
        ValueError
            There is no such column, nothing is shown, or it was answered.
        """
        if column not in (0, 1, 2):
            raise ValueError(f"three objects stand in columns 0, 1 and 2; {column} was taken out")
        if self.result is None or self._trial is None or self._chosen >= 0:
            raise ValueError("there is nothing to answer: next() shows another triplet")
        trial = self._trial
        self._chosen = column
        odd = trial.shown[column]
        self._show_agents()  # first: the page draws while the file is written
        self.sitting.record(
            Answer(trial.shown, odd, rt_ms, trial.kind, trial.expected, order=trial.order)
        )
        self._count()
        self._say_if_shown()
        self._counting.submit(lambda *_: self.sitting.ceiling())
        self._preparing.ask(replace(self._question(), number=self._number + 1, trial=None))

    def undo(self) -> None:
        """Take the last answer back; its triplet is shown, and can be answered again.

        Raises
        ------
        ValueError
            There is none.
        """
        taken = self.sitting.undo()
        self._number, self._chosen = self._number + 1, -1
        self._trial = Trial(self._number, taken.shown, taken.kind, taken.expected, AGAIN)
        self._count()
        self._request()

    def close(self) -> None:
        """Stop, and free everything; the answers stay in their file. Twice is harmless."""
        if not self._closed and hasattr(self, "_controls"):
            self._preparing.close()
            self._counting.close()
            self._desk.forget()
        super().close()

    # What is asked

    def _question(self) -> Question:
        first, second = (source is None or source.ready() for source in self._sources())
        other, network = self._settings()
        by_others = self.sitting.taken() if self.order == "least asked" else None
        return Question(
            self._number,
            self._trial,
            self.people,
            self.network,
            network,
            other,
            self.order,
            self.wanted,
            (first, second),
            self.answers,
            by_others,
        )

    def _settings(self) -> tuple[Setting, Setting]:
        other, network = super()._settings()
        return other, replace(network, temperature=self.temperature)

    def _job(self, question: Question) -> Job:
        return lambda progress, _: self._desk.answer(question, progress)

    def _prepare(self, coming: Question) -> Job:
        return lambda progress, _: self._desk.prepare(coming, progress)

    def _chosen_anew(self, change: Any = None) -> None:
        """Ask anew: for the same triplet, or, unanswered, for another where that was the choice."""
        if change is not None and change["name"] == "network":
            self._match_layer()
        if change is not None and change["name"] in ("order", "wanted"):
            try:
                self._parties.objects.among(self.wanted)
            except ValueError as error:
                self._refuse(str(error))
                return
            if self._chosen < 0:
                self._number, self._trial = self._number + 1, None
        self._controls.follow()
        self._looking.follow()
        self._request()

    # What is shown

    def _fail(self, error: BaseException) -> None:
        super()._fail(error)
        if self._trial is None and self.error:  # a click would be for nothing
            self._panels.lock([self.error])

    def _draw(self, look: TripletLook, preview: bool) -> None:
        self.result, self._trial = look, look.trial
        if self._chosen >= 0:
            self._show_agents()
        elif self._panels.asked is not look.trial:
            rows = sum(source is not None for source in self._sources())
            self._panels.ask(look, rows + (look.asked is not None))
        self._count()

    def _show_agents(self) -> None:
        """Reveal what everybody takes out, and why."""
        assert self.result is not None
        self._panels.reveal(self.result, self._chosen, [*map(self._missing, (0, 1))])

    def _missing(self, slot: int) -> str:
        """Say why an agent says nothing of this triplet."""
        source = self._sources()[slot]
        if source is None:
            return ""
        return self._why_silent(source) or f"{words.shortened(source.name)} knows not all three."

    def _count(self) -> None:
        """Count answers and agreements, and draw them."""
        found: list[tuple[str, str, Accuracy | None]] = []
        agents = list(self._agents())
        for role, (_, agent) in zip(SLOTS, agents, strict=True):
            known = [a for a in self.answers if agent is not None and agent.knows(a.shown)]
            known = [answer for answer in known if answer.kind == "new"]
            if agent is None or not known:
                continue
            shown = torch.tensor([answer.shown for answer in known])
            odd = torch.tensor([answer.shown.index(answer.odd) for answer in known])
            accuracy = choices.accuracy_of_logits(choices.logits(shown, agent.embedding), odd=odd)
            found.append((titled(agent, (one for _, one in agents)), role, accuracy))
        ceiling = self._ceiling or self._parties.ceiling
        self._panels.count(tally(len(self.answers), found), bounds(ceiling))

    def _headline(self, look: TripletLook, preview: bool) -> dict[str, Any]:
        if self._looking.name:
            return self._looking_state("until then triplets are random")
        if self._chosen < 0:
            text = "click it, or press 1, 2 or 3"
            if look.trial.order not in (self.order, AGAIN):
                text += f" · a random one: no “{self.order}” one could be had"
            return {"headline": "Which is the odd one out?", "text": text}
        return self.sitting.saved_words()

    def _doing(self, question: Question) -> str:
        return "the next triplet"

    # What the reader does

    def _answer_came(self, change: Any) -> None:
        came = change["new"]
        if self._trial is None or came.get("trial") != self._trial.number or self._chosen >= 0:
            return
        if came["index"] in (0, 1, 2):
            self.take_out(came["index"], rt_ms=max(0, came["rt_ms"]))

    def _key_came(self, change: Any) -> None:
        pressed = change["new"]
        if pressed.get("trial", self._number) != self._number:
            return  # pressed once more, before the kernel had answered
        action = {"next": self.next, "undo": self._undo_or_say}.get(pressed.get("name"))
        if action:
            action()

    def _dimension_switched(self, _: Any) -> None:
        if self.result is not None and self._chosen >= 0:
            self._panels.switched(self.result, self._chosen)

    def _undo_or_say(self) -> None:
        try:
            self.undo()
        except ValueError as error:
            self._refuse(f"{error}.")

    def _sitting_changed(self) -> None:
        self._counting.submit(lambda *_: self.sitting.ceiling())
        self._count()
        self._say_if_shown()

    def _counted(self, ceiling: Ceiling | None, _: bool) -> None:
        self._ceiling = ceiling
        self._count()

    def _actions(self) -> dict[str, Callable[[], None]]:
        return {**super()._actions(), "undo": self._undo_or_say}

    @t.validate("order")
    def _check_order(self, proposal: Any) -> str:
        order = str(proposal["value"])
        if order == ASKED and not self._parties.asked:
            raise t.TraitError(
                "no triplet is here that people were asked; the THINGS files have some: "
                "cnnwidgets things get"
            )
        return order

    @t.validate("temperature")
    def _check_temperature(self, proposal: Any) -> float:
        value = float(proposal["value"])
        if not 0.01 <= value <= 100:
            raise t.TraitError(f"temperature is from 0.01 to 100 times the usual one; got {value}")
        return value
