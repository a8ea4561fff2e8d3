"""rackcalc estimate: compute racks and show every figure."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rackcalc import units
from rackcalc.commands.options import (
    ErrorFormatOption,
    JsonOption,
    OutputOption,
    RacksArgument,
    ScenarioOption,
    SetOption,
)
from rackcalc.console import emit, use_error_format, write
from rackcalc.errors import InputError, Problem, failure
from rackcalc.estimate import estimate as computed
from rackcalc.load import find_rack, load_text, suggest
from rackcalc.render import FORMATS, format_of, renderer
from rackcalc.show import is_temperature
from rackcalc.tree import figure


def estimate(
    racks: RacksArgument,
    format_: Annotated[str, typer.Option("--format", metavar="table|json|jsonl|csv|markdown")] = "table",
    json: JsonOption = False,
    get: Annotated[
        list[str] | None, typer.Option("--get", metavar="PATH", help="Print one bare number. Repeatable: one a line.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="Unit for --get, such as ms.")] = None,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    output: OutputOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every figure, the small and technical too.")] = False,
    interval: Annotated[
        bool | None,
        typer.Option("--interval/--no-interval", help="80 % intervals; the table of one rack shows them unasked."),
    ] = None,
    colour: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Colour, whatever the terminal says.")
    ] = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc estimate`."""
    use_error_format(error_format)
    name = chosen_format("json" if json else format_)
    targets = [(file, format_of_file(file)) for file in output or ()]
    if unit and not get:
        raise failure("--unit goes with --get")
    reports = estimates_of(once(racks), scenario or [""], set_ or ())
    if get:
        emit(bare_numbers(reports, get, unit))
    else:
        emit(rendered(reports, name, colour, everything, interval))
    for file, file_format in targets:
        write(file, rendered(reports, file_format, False, everything, interval))


def estimates_of(racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str]) -> list[Any]:
    """Every rack in every scenario, each file read once. InputError with the problems of all of them."""
    reports: list[Any] = []
    problems: list[Problem] = []
    for rack in racks:
        try:
            text, shown = find_rack(rack)
        except InputError as error:
            problems += error.problems
            continue
        for scenario in scenarios:
            try:
                reports.append(computed(load_text(text, shown, scenario, sets)))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return reports


def rendered(reports: Sequence[Any], name: str, colour: bool | None, everything: bool, interval: bool | None) -> str:
    """Estimates in the named format."""
    if name == "table":
        from rackcalc.render import table  # rich takes as long as all the rest

        return table.render(reports, colour, everything, interval is not False)
    render = renderer(name)
    return render(reports, interval=True) if interval else render(reports)


def bare_numbers(reports: Sequence[Any], paths: Sequence[str], unit: str | None) -> str:
    """Figures as numbers and nothing else, one a line, in their canonical unit or the one asked for."""
    lines: list[str] = []
    problems: list[Problem] = []
    for report in reports:
        for path in paths:
            try:
                found = figure(report, path)
                value = float(found.value)
                if unit:
                    value = units.convert(value, found.unit, unit, absolute=is_temperature(found))
                lines.append(f"{value:.12g}\n")
            except InputError as error:
                problems += error.problems
            except units.UnitError as error:
                problems.append(Problem("--unit", 0, 0, path, str(error)))
    if problems:
        raise InputError(problems)
    return "".join(lines)


def format_of_file(file: str) -> str:
    """The format that a file's ending names."""
    name = format_of(file)
    if name is None:
        endings = ", ".join(ending for _, group in FORMATS.values() for ending in group)
        raise failure(f"-o: the ending names the format: {endings}", file)
    return name


def chosen_format(name: str) -> str:
    """A known format's name."""
    if name not in FORMATS:
        raise failure(f'--format: no format "{name}"{suggest(name, FORMATS)}')
    return name


def once(racks: Sequence[str]) -> Sequence[str]:
    """The racks, if standard input is asked for at most once."""
    if list(racks).count("-") > 1:
        raise failure("standard input (-) can be read once only")
    return racks
