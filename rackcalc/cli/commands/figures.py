"""rackcalc figures: what each figure of a result means."""

from typing import Annotated

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, show
from rackcalc.cli.options import JsonOption
from rackcalc.cli.parameters import Argument
from rackcalc.render import figure_reference as reference
from rackcalc.render.json_data import json_text


def figures(
    pattern: Annotated[
        str,
        Argument(
            metavar="[PATTERN]",
            help='A figure, a part of its name, or a pattern: latency.p99, tokens, "cost.*".',
            autocompletion=complete.paths,
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Run `rackcalc figures`."""
    found = reference.chosen(pattern)
    emit(json_text(reference.as_data(found))) if json else show(reference.as_text(found))
