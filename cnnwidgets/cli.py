"""The command ``cnnwidgets``."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from cnnwidgets.models.network import Network


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : words after the command's name; None takes those of this process.

    Returns
    -------
    int
        0, or 1 where something asked for was not had, or the doctor found a fault.
    """
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except KeyboardInterrupt:
        _say("stopped; nothing is left half done", to=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cnnwidgets", description="Look into networks.")
    commands = parser.add_subparsers(metavar="command", required=True)
    weights = commands.add_parser("weights", help="the weights of networks")
    actions = weights.add_subparsers(metavar="action", required=True)
    listing = actions.add_parser(
        "list", help="which networks there are, and whose weights are here"
    )
    listing.set_defaults(run=_list)
    get = actions.add_parser("get", help="fetch weights, with the classifier where it can be had")
    get.add_argument("names", nargs="+", metavar="NAME", help="as for load_model")
    get.set_defaults(run=_get)
    where = actions.add_parser("where", help="the folder that fetched weights are kept in")
    where.set_defaults(run=_where)
    _add_doctor(commands)
    _add_things(commands.add_parser("things", help="THINGS' objects and what people choose"))
    return parser


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "what stands in the way here, and what to do"
    doctor = commands.add_parser(
        "doctor",
        help=what,
        description=f"Tell {what}: versions, front end, environments, devices, memory, files, "
        "network. Nothing is changed.",
        epilog="Exit status: 0 without a fault, 1 with one; notes do not count.",
    )
    doctor.add_argument(
        "--json",
        action="store_true",
        help="print JSON for programs: of each finding its topic, name, state (ok, note or "
        "fault), text, remedy and value",
    )
    doctor.add_argument(
        "--offline",
        action="store_true",
        help="ask no server; otherwise those that weights and data come from, and pip's index, "
        "are asked for seconds",
    )
    doctor.set_defaults(run=_doctor)


def _add_things(things: argparse.ArgumentParser) -> None:
    actions = things.add_subparsers(metavar="action", required=True)
    get = actions.add_parser("get", help="fetch embeddings, names and choices (CC BY 4.0)")
    get.set_defaults(run=_get_things)
    where = actions.add_parser("where", help="the folder that they are kept in")
    where.set_defaults(run=_where_things)


def _doctor(asked: argparse.Namespace) -> int:
    from cnnwidgets import health

    report = health.examine(offline=asked.offline)
    health.write(report.to_json() if asked.json else str(report))
    return 0 if report.healthy else 1


def _where(_: argparse.Namespace) -> int:
    from cnnwidgets import cache

    _say(str(cache.folder() / "weights"))
    return 0


def _list(_: argparse.Namespace) -> int:
    from cnnwidgets.models import catalogue, torchvision_nets

    others = [name for name in torchvision_nets.names() if name not in catalogue.TITLES]
    elsewhere = []
    for name in [*catalogue.TITLES, *others]:
        network = catalogue.find_network(name)
        state = _state(network)
        if state:
            _say(f"{name:20} {state}")
        elif name in catalogue.TITLES:
            _say(f"{name:20} to be fetched: {' or '.join(s.title for s in network.sources)}")
        else:
            elsewhere.append(name)
    _say("\nto be fetched from torchvision's server:")
    _say(textwrap.fill(" ".join(elsewhere), 100, initial_indent="  ", subsequent_indent="  "))
    _say("\nand timm/NAME, with the extra timm")
    return 0


def _state(network: "Network") -> str:
    """Say what of a network is here; nothing where all must be fetched."""
    from cnnwidgets.models import stored_weights

    path = stored_weights.in_cache(network)
    if path is not None:
        part = "" if stored_weights.is_whole(network, path) else ", without its classifier"
        return f"in the cache: {path.name}, {path.stat().st_size / 1e6:.1f} MB{part}"
    if network.embedded:
        part = "" if network.embedded == "whole" else ", without its classifier"
        return f"comes with cnnwidgets{part}"
    return ""


def _get(asked: argparse.Namespace) -> int:
    return max([_get_one(name) for name in asked.names])


def _get_one(name: str) -> int:
    from cnnwidgets.models import catalogue, load_model, stored_weights

    try:
        if name.startswith(catalogue.TIMM):
            load_model(name, device="cpu")
            return 0
        network = catalogue.find_network(name)
        if network.embedded != "whole":
            stored_weights.fetch(network)
    except (OSError, ValueError, ImportError) as error:
        _say(f"cnnwidgets: {error}", to=sys.stderr)
        return 1
    _say(f"{name:20} {_state(network)}")
    return 0


def _where_things(_: argparse.Namespace) -> int:
    from cnnwidgets.data.things_files import downloaded

    _say(str(downloaded()))
    return 0


def _get_things(_: argparse.Namespace) -> int:
    from cnnwidgets.data import download_things

    try:
        _say(str(download_things()))
    except (OSError, ValueError) as error:
        _say(f"cnnwidgets: {error}", to=sys.stderr)
        return 1
    return 0


def _say(text: str, to: TextIO | None = None) -> None:
    (to or sys.stdout).write(text + "\n")
