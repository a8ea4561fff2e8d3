"""rackcalc compare: racks, scenarios and former estimates side by side."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from rackcalc.cli.console import use_error_format
from rackcalc.cli.options import ErrorFormatOption, JsonOption, OutputOption, ScenarioOption, chosen, in_years, once
from rackcalc.cli.parameters import Argument, Option
from rackcalc.cli.reports import publish, targets, with_page
from rackcalc.config.racks import find_rack, years_in
from rackcalc.config.text_files import read_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.questions import former_estimates
from rackcalc.questions.compare.comparison import Column, column_of, find_column, former_column
from rackcalc.questions.compare.comparison import compare as compared
from rackcalc.questions.rack_file import load_text
from rackcalc.render import compare as shown

YEARS = re.compile(r"(^|,)[a-z-]*(?:19|20|21)\d\d(\.\d+)?(?=,|$)")
ITSELF = "one twice with a change of the second: RACK RACK --set 2:PATH=VALUE"


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
        Option(
            "--set",
            metavar="PATH=VALUE",
            help="Override a value in every rack; in one of them: RACK:PATH=VALUE, or 2:PATH=VALUE in the second. "
            "Repeatable.",
        ),
    ] = None,
    years: Annotated[
        bool,
        Option(
            "--years",
            help="The rack in every year of its file, or in those named here (--years 2026,2027), "
            "and what waiting is worth.",
        ),
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
    racks, wanted_years = years_apart(racks) if years else (racks, [])
    columns = columns_of(racks, scenario or (), set_ or (), years, wanted_years)
    if len(columns) < 2:
        raise failure(f"nothing to compare with: name two racks, or one and --scenario, or {ITSELF}")
    found = compared(columns, find_column(columns, base), path or ())
    publish(formats, name, files, found, everything)


def years_apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The racks, and the years that are named among them: "2026,2027" is no rack, unless there is such a file."""
    years = {one for one in arguments if not YEARS.sub("", one) and not Path(one).exists()}
    named = [year for one in arguments if one in years for year in one.split(",")]
    return [one for one in arguments if one not in years], named


def sets_of_racks(racks: Sequence[str], sets: Sequence[str]) -> list[list[str]]:
    """The values to override in each rack. InputError for one that is for a rack which is not compared."""
    found: list[list[str]] = [[] for _ in racks]
    problems = []
    for text in sets:
        left, equals, value = text.partition("=")
        rack, colon, path = left.rpartition(":")
        places = [place for place, name in enumerate(racks) if rack in (name, str(place + 1))]
        if colon and not places:
            problems.append(Problem("--set", 0, 0, "", f'"{rack}" is none of the racks{suggest(rack, racks)}'))
        for place in places if colon else range(len(racks)):
            found[place].append(f"{path}{equals}{value}" if colon else text)
    if problems:
        raise InputError(problems)
    return found


def columns_of(
    racks: Sequence[str],
    scenarios: Sequence[str],
    sets: Sequence[str],
    by_year: bool = False,
    years: Sequence[str] = (),
) -> list[Column]:
    """Every rack in every scenario; of a single rack also as its file has it. InputError with all problems.

    by_year: every rack in these years, or in all that its file has.
    """
    once(racks)
    wanted = list(dict.fromkeys(["", *scenarios] if len(racks) == 1 else scenarios or [""]))
    columns: list[Column] = []
    problems: list[Problem] = []
    for rack, own in zip(racks, sets_of_racks(racks, sets), strict=True):
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
        alone = [one for one in own if one not in sets]
        called = f"{rack} with {', '.join(alone)}" if alone else rack
        for scenario in in_years(scenarios, years or _years(text, name, problems)) if by_year else wanted:
            try:
                loaded = load_text(text, name, scenario, own)
                columns.append(column_of(called, loaded, estimate(loaded)))
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
