"""rackcalc explain: why a figure is what it is."""

from collections.abc import Sequence
from typing import Annotated

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
from rackcalc.cli.parameters import Argument, Option
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import failure
from rackcalc.questions import explain as explanation
from rackcalc.render.json_data import json_text


def explain(
    rack: RackArgument,
    path: Annotated[
        str, Argument(metavar="PATH", help="A figure, such as latency.p99.", autocompletion=complete.paths)
    ],
    depth: Annotated[int, Option("--depth", min=0, help="Levels of inputs to follow; 99 for all.")] = explanation.DEPTH,
    sources: Annotated[
        bool,
        Option("--sources", help="The sources that the doubt comes from, with their shares, instead of formulas."),
    ] = False,
    top: Annotated[int, Option("--top", metavar="K", min=1, help="How many sources --sources shows.")] = 8,
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc explain`."""

    use_error_format(error_format)
    if sources:
        if json:
            raise failure("--sources is for people; `rackcalc uncertainty RACK PATH --json` has the shares as data")
        show(_sources(rack, path, only(scenario, "--scenario"), set_ or (), top))
        return
    report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)[1]
    if json:
        emit(json_text(explanation.as_data(report, path)))
    else:
        show(explanation.explain(report, path, depth) + "\n")


def _sources(rack: str, path: str, scenario: str, sets: Sequence[str], top: int) -> str:
    from rackcalc.questions.rack_file import load
    from rackcalc.questions.uncertainty.analysis import uncertain_rack  # numpy takes as long as all the rest
    from rackcalc.questions.uncertainty.doubt_sources import doubt_sources
    from rackcalc.render.doubt_sources import as_text

    about = uncertain_rack(load(rack, scenario, sets))
    path = name_in(about.figures, path)
    return as_text(path, doubt_sources(about, path), top)
