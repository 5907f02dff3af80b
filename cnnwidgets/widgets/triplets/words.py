"""What the triplet stepper says: alternative texts, the verdict, the tally, a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cnnwidgets.engines.choices import Accuracy, Ceiling
from cnnwidgets.results import versions
from cnnwidgets.views import figure, words
from cnnwidgets.widgets.triplets.agents import Agent
from cnnwidgets.widgets.triplets.look import AgentLook, TripletLook
from cnnwidgets.widgets.triplets.pictures import TripletPictures

SLOTS = ("people", "network")
Part = dict[str, str]


def spoken(name: str) -> str:
    """Give an object's name as it is read: "air conditioner" of "air_conditioner"."""
    return words.shortened(name.replace("_", " "))


def part(text: str, role: str = "") -> Part:
    """Give a part of a sentence for `Verdict`."""
    return {"text": text, "role": role}


def picture_alts(look: TripletLook, chosen: int) -> list[str]:
    """Describe the three pictures; the agents only once one is chosen."""
    alts = []
    for column, name in enumerate(look.names):
        said = f"{spoken(name)}, key {column + 1}"
        if column == chosen:
            said += ", your odd one out"
        if chosen >= 0:
            chances = [
                f"{one.agent.title} {words.probability(one.probabilities[column])}"
                for one in look.shown
            ]
            said += f"; {', '.join(chances)}" if chances else ""
        alts.append(f"{said}.")
    return alts


def agent_rows(look: TripletLook) -> list[dict[str, Any]]:
    """Give the bars of all agents for `Triplet`, and of the people who were really asked."""
    rows = [
        {
            "name": short_name(look, number),
            "kind": SLOTS[number],
            "values": list(one.probabilities),
            "readings": [words.probability(value) for value in one.probabilities],
            "takes": one.takes,
        }
        for number, one in enumerate(look.agents)
        if one is not None
    ]
    if look.asked is not None:
        total = sum(look.asked)
        shares = [count / total for count in look.asked]
        rows.insert(
            0,
            {
                "name": f"{total} asked",
                "kind": "people",
                "values": shares,
                "readings": [words.probability(share) for share in shares],
                "takes": shares.index(max(shares)),
            },
        )
    return rows


def short_name(look: TripletLook, number: int) -> str:
    """Name an agent before its bars: "people" and "network", or two of a kind by their names."""
    one, other = look.agents[number], look.agents[1 - number]
    assert one is not None
    if other is not None and one.agent.is_people == other.agent.is_people:
        return one.agent.name
    return SLOTS[0] if one.agent.is_people else SLOTS[1]


def verdict(look: TripletLook, chosen: int, off: Sequence[int] = (0, 0)) -> list[Part]:
    """Say who takes out what, those who agree first: "You and the model of people take out ...".

    Parameters
    ----------
    off : how many dimensions of each agent are switched off.
    """
    takers: dict[int, list[Part]] = {chosen: [part("you", "you")]}
    for slot, one, count in zip(SLOTS, look.agents, off, strict=True):
        if one is not None:
            without = f" without {words.count(count)} dimension{'s' * (count > 1)}" if count else ""
            takers.setdefault(one.takes, []).append(part(_titled(one, look) + without, slot))
    said: list[Part] = []
    for number, (column, who) in enumerate(takers.items()):
        said += [part("; ")] if number else []
        said += _joined(who)
        alone = len(who) == 1 and who[0]["role"] != "you"
        said += [part(" takes out the " if alone else " take out the ")]
        said += [part(spoken(look.names[column]), "strong")]
    said[0] = part(said[0]["text"][:1].upper() + said[0]["text"][1:], said[0]["role"])
    return [*said, part(".")]


def titled(agent: Agent, among: Iterable[Agent | None]) -> str:
    """Name an agent in a sentence; two models of people by their names."""
    models = sum(one is not None and one.is_people for one in among)
    return f"the {agent.title}" if agent.is_people and models == 1 else agent.name


def _titled(one: AgentLook, look: TripletLook) -> str:
    return titled(one.agent, (other.agent for other in look.shown))


def _joined(who: Sequence[Part]) -> list[Part]:
    said: list[Part] = []
    for number, one in enumerate(who):
        if number:
            said.append(part(" and " if number == len(who) - 1 else ", "))
        said.append(one)
    return said


def rows_title(one: AgentLook, look: TripletLook) -> str:
    """Title the dimensions of an agent."""
    return f"Why {_titled(one, look)} takes out the {spoken(look.names[one.takes])}"


def tally(answered: int, agreements: Sequence[tuple[str, str, Accuracy | None]]) -> list[Part]:
    """Count answers, and say how often they agree with each agent, with the interval.

    Parameters
    ----------
    agreements : (title, role, accuracy) of each agent; None before the first answer.
    """
    said = [part(str(answered), "strong"), part(" answered")]
    for title, role, found in agreements:
        if found is None or not found.count:
            continue
        low, high = (round(100 * end) for end in found.interval)
        said += [
            part("     "),
            part(words.share(found.share), role),
            part(f" agree with {title} ({low}–{high})"),
        ]
    return said


def bounds(ceiling: Ceiling | None) -> str:
    """Say what chance gives, and what people's own agreement allows, where it is known."""
    said = "chance 33\N{THIN SPACE}%"
    if ceiling is None or not ceiling.triplets:
        return said
    fair, upper = words.share(ceiling.leave_one_out), words.share(ceiling.plurality)
    return f"{said} · ceiling {fair} leave-one-out, {upper} plurality"


def unanswered_figure(look: TripletLook, pictures: TripletPictures) -> bytes:
    """Draw the three as they are before the answer, as a PNG file."""
    panels = [
        figure.Panel(spoken(name), "", pictures.pixels(number))
        for name, number in zip(look.names, look.trial.shown, strict=True)
    ]
    return figure.compose(panels, "Which of the three is the odd one out?")


def triplet_figure(look: TripletLook, chosen: int, pictures: TripletPictures) -> bytes:
    """Draw the three with what everybody takes out, as a PNG file."""
    panels = []
    for column, name in enumerate(look.names):
        said = [
            f"{short_name(look, slot)} {words.probability(one.probabilities[column])}"
            for slot, one in enumerate(look.agents)
            if one is not None
        ]
        title = f"{spoken(name)} (odd)" if column == chosen else spoken(name)
        pixels = pictures.pixels(look.trial.shown[column])
        panels.append(figure.Panel(title, " · ".join(said), pixels))
    sentence = "".join(one["text"] for one in verdict(look, chosen))
    setting, made = look.question.setting, [one.agent.name for one in look.shown]
    if setting.layer:
        made += [setting.layer, setting.measure, f"temperature × {setting.temperature:.3g}"]
    made.append(f"cnnwidgets {versions()['cnnwidgets']}")
    return figure.compose(panels, f"{sentence} {' · '.join(made)}")
