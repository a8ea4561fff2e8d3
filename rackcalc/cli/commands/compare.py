"""rackcalc compare: racks, scenarios and former estimates side by side."""

from collections.abc import Sequence
from typing import Annotated

from rackcalc.cli.console import use_error_format
from rackcalc.cli.options import ErrorFormatOption, JsonOption, OutputOption, ScenarioOption, chosen, in_years, once
from rackcalc.cli.parameters import Argument, Option
from rackcalc.cli.reports import publish, targets, with_page
from rackcalc.config.racks import find_rack, years_in
from rackcalc.config.text_files import read_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.questions import former_estimates
from rackcalc.questions.compare.comparison import Column, column_of, find_column, former_column
from rackcalc.questions.compare.comparison import compare as compared
from rackcalc.questions.rack_file import load_text
from rackcalc.render import compare as shown


def compare(
    racks: Annotated[
        list[str],
        Argument(metavar="A B...", help="Rack files, bundled racks' names, -, or JSON of former estimates."),
    ],
    base: Annotated[
        str, Option("--baseline", metavar="A", help="Compare with this one of them; without, the first.")
    ] = "",
    scenario: ScenarioOption = None,
    set_: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="Override a value in every rack. Repeatable."),
    ] = None,
    years: Annotated[
        bool, Option("--years", help="The rack in every year of its file, and what waiting is worth.")
    ] = False,
    path: Annotated[
        list[str] | None, Option("--path", metavar="PATH", help="Explain why this figure moved. Repeatable.")
    ] = None,
    everything: Annotated[bool, Option("--all", help="Every figure, also those that are the same.")] = False,
    format_: Annotated[str, Option("--format", metavar="table|markdown|json|html")] = "table",
    json: JsonOption = False,
    output: OutputOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc compare`."""
    use_error_format(error_format)
    formats = with_page(shown.FORMATS, "compare_page")
    name, files = chosen(formats, format_, json), targets(formats, output)
    columns = columns_of(racks, scenario or (), set_ or (), years)
    if len(columns) < 2:
        raise failure("nothing to compare with: name two racks, or one and --scenario")
    found = compared(columns, find_column(columns, base), path or ())
    publish(formats, name, files, found, everything)


def columns_of(
    racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str], by_year: bool = False
) -> list[Column]:
    """Every rack in every scenario; of a single rack also as its file has it. InputError with all problems."""
    once(racks)
    wanted = list(dict.fromkeys(["", *scenarios] if len(racks) == 1 else scenarios or [""]))
    columns: list[Column] = []
    problems: list[Problem] = []
    for rack in racks:
        try:
            text, name = (read_text(rack), rack) if rack.lower().endswith(".json") else find_rack(rack)
            if rack.lower().endswith(".json") or former_estimates.is_estimate_json(text):
                columns += [
                    former_column(rack, former) for former in former_estimates.parse_former_estimates(text, name)
                ]
                continue
        except InputError as error:
            problems += error.problems
            continue
        for scenario in in_years(scenarios, _years(text, name, problems)) if by_year else wanted:
            try:
                loaded = load_text(text, name, scenario, sets)
                columns.append(column_of(rack, loaded, estimate(loaded)))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return columns


def _years(text: str, name: str, problems: list[Problem]) -> list[str]:
    """The years of a file; a problem is added where it has none."""
    try:
        found = list(years_in(text, name))
    except InputError as error:
        problems += error.problems
        return []
    if not found:
        problems.append(Problem(name, 0, 0, "years", "is missing; write what changes in which year"))
    return found
