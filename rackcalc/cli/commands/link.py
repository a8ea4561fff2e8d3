"""rackcalc link: one transfer over one link."""

from typing import Annotated, Any

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, show
from rackcalc.cli.options import JsonOption
from rackcalc.cli.parameters import Argument, Option
from rackcalc.config.builder import option_quantity
from rackcalc.config.part_aliases import find_part, no_part
from rackcalc.estimation.estimate import transfer_over
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions import explain as explanation
from rackcalc.render import link as shown
from rackcalc.render.json_data import json_text


def link(
    link_name: Annotated[
        str,
        Argument(metavar="LINK", help="A link of the catalog, such as nvlink5.", autocompletion=complete.links),
    ],
    size: Annotated[str, Argument(metavar="SIZE", help='Bytes to move, such as "64 MiB".')],
    other_load: Annotated[str, Option("--other-load", metavar="SHARE", help="Share of the link that is taken.")] = "0",
    hops: Annotated[str | None, Option("--hops", metavar="N", help="Switches on the way.")] = None,
    explain_: Annotated[bool, Option("--explain", help="Show the formulas behind the time.")] = False,
    json: JsonOption = False,
) -> None:
    """Run `rackcalc link`."""

    report = one_transfer(link_name, size, other_load, hops)
    if json:
        emit(json_text(shown.as_data(report)))
    elif explain_:
        show(explanation.explain(report, "time") + "\n")
    else:
        show(shown.as_text(report, f"{size} over {link_name}"))


def one_transfer(link_name: str, size: str, other_load: str, hops: str | None) -> Any:
    """The transfer of `rackcalc link`, from texts. InputError with every problem."""

    problems: list[Problem] = []
    known = find_part("links", link_name)
    if known is None:
        problems.append(Problem("", 0, 0, "LINK", no_part("links", link_name)))
    moved = option_quantity("SIZE", size, "B", problems, at_least=1.0, example="64 MiB")
    load = option_quantity("--other-load", other_load, "1", problems, at_least=0.0, at_most=0.99)
    switches = option_quantity("--hops", hops, "1", problems, at_least=0.0) if hops is not None else None
    if problems or known is None or moved is None or load is None:
        raise InputError(problems)
    return transfer_over(known, moved, load, switches)
