"""rackcalc explain: why a figure is what it is."""

from typing import Annotated

import typer

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, show, use_error_format
from rackcalc.cli.options import (
    ErrorFormatOption,
    JsonOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    loaded_and_estimated,
    only,
)
from rackcalc.questions import explain as explanation
from rackcalc.render.json_data import json_text


def explain(
    rack: RackArgument,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A figure, such as latency.p99.", autocompletion=complete.paths)
    ],
    depth: Annotated[
        int, typer.Option("--depth", min=0, help="Levels of inputs to follow; 99 for all.")
    ] = explanation.DEPTH,
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc explain`."""

    use_error_format(error_format)
    report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)[1]
    if json:
        emit(json_text(explanation.as_data(report, path)))
    else:
        show(explanation.explain(report, path, depth) + "\n")
