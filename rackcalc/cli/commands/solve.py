"""rackcalc solve: goal seek and break-even."""

from typing import Annotated

from rackcalc.cli.console import emit, leave, show, use_error_format
from rackcalc.cli.options import (
    ErrorFormatOption,
    JsonOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    chosen,
    space_options,
)
from rackcalc.cli.parameters import Option


def solve(
    rack: RackArgument,
    vary: Annotated[
        list[str] | None,
        Option("--vary", metavar="PATH=RANGE", help='A variable: "accelerators.lpu.count=1..16". Repeatable.'),
    ] = None,
    zip_: Annotated[
        bool, Option("--zip", help="All variables together, value by value; else every combination.")
    ] = False,
    so_that: Annotated[
        list[str] | None,
        Option(
            "--so-that",
            metavar="EXPR",
            help='What must hold: "latency.p99 < 2 ms", "cost.tco < cost.tco in gpu-only". Repeatable: all of them.',
        ),
    ] = None,
    minimise: Annotated[
        str,
        Option(
            "--minimise",
            metavar="PATH",
            help="The point where this is smallest; else where it begins or ceases to hold.",
        ),
    ] = "",
    maximise: Annotated[str, Option("--maximise", metavar="PATH", help="The point where this is largest.")] = "",
    get: Annotated[
        list[str] | None, Option("--get", metavar="PATH", help="A further figure to show. Repeatable.")
    ] = None,
    format_: Annotated[str, Option("--format", metavar="table|json")] = "table",
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc solve`."""
    from rackcalc.questions.solve.options import SolveOptions, solve_goal
    from rackcalc.questions.solve.search import solve as solved
    from rackcalc.render.progress import progress
    from rackcalc.render.solve import as_json, as_text

    use_error_format(error_format)
    name = chosen(("table", "json"), format_, json)
    options = SolveOptions(
        space_options(rack, scenario, set_, vary, zip_),
        so_that=tuple(so_that or ()),
        minimise=minimise,
        maximise=maximise,
        get=tuple(get or ()),
    )
    goal, scenarios = solve_goal(options)
    with progress(goal.points) as on_progress:
        solution = solved(goal, scenarios, on_progress)
    emit(as_json(solution)) if name == "json" else show(as_text(solution))
    if not solution.found:
        leave(3)
