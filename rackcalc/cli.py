"""The command line: parse, call, print, exit code. No arithmetic.

Exit codes: 0 fine, 1 unexpected failure, 2 usage or input error, 3 a gate failed, 130 Ctrl-C, 141 closed pipe.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rackcalc import __version__
from rackcalc.console import as_json, emit, leave, note, report_problems, use_error_format, write
from rackcalc.errors import InputError, Problem, failure

app = typer.Typer(
    name="rackcalc",
    help="How fast, how hot, how much, and why: racks of GPUs and LPUs in closed form.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RackArgument = Annotated[
    str, typer.Argument(metavar="RACK", help="A rack file, a bundled rack's name, or - for stdin.")
]
RacksArgument = Annotated[list[str], typer.Argument(metavar="RACK...", help="Rack files, bundled racks' names, or -.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help='Override a value: --set "workload.batch=8". Repeatable.'),
]
ScenarioOption = Annotated[
    list[str] | None,
    typer.Option("--scenario", metavar="NAME", help="Apply a scenario of the file. Repeatable: side by side."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
ErrorFormatOption = Annotated[
    str, typer.Option("--error-format", metavar="text|json|github", help="How problems with the input are written.")
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Also write a report; the ending names the format. Repeatable."
    ),
]


@app.command()
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
    """Compute a rack: latency, throughput, memory, power, heat, cost, return. Several racks: side by side."""
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


@app.command()
def check(
    rack: RackArgument,
    fail_if: Annotated[
        list[str] | None, typer.Option("--fail-if", metavar="EXPR", help='"latency.p99 > 2 ms". Repeatable.')
    ] = None,
    warn_if: Annotated[
        list[str] | None, typer.Option("--warn-if", metavar="EXPR", help="As --fail-if, but only warns.")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Report only: exit 0 even when a gate fails.")] = False,
    format_: Annotated[str, typer.Option("--format", metavar="table|json")] = "table",
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Hold a rack against its gates, from the file and from --fail-if. Exit 3 when one fails."""
    from rackcalc import gates
    from rackcalc.render import checks

    use_error_format(error_format)
    if format_ not in ("table", "json"):
        raise failure(f'--format: expected table or json, got "{format_}"')
    loaded, report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)
    conditions = gates.conditions(loaded, fail_if or (), warn_if or ())
    if not conditions:
        raise failure("no gates: add a gates section to the file, or --fail-if", loaded.file)
    verdicts = gates.evaluate(conditions, report)
    emit(checks.as_json(report, verdicts) if json or format_ == "json" else checks.as_text(verdicts))
    if any(verdict.status == "fail" for verdict in verdicts) and not exit_zero:
        raise typer.Exit(3)


@app.command()
def explain(
    rack: RackArgument,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A figure, such as latency.p99.")],
    depth: Annotated[int, typer.Option("--depth", min=0, help="Levels of inputs to follow.")] = 99,
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Show why a figure is what it is: formula, values, inputs, sources, down to the data sheet."""
    from rackcalc import explain as explanation

    use_error_format(error_format)
    report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)[1]
    if json:
        emit(as_json(explanation.as_data(report, path)))
    else:
        emit(explanation.explain(report, path, depth) + "\n")


@app.command()
def link(
    link_name: Annotated[str, typer.Argument(metavar="LINK", help="A link of the catalog, such as nvlink5.")],
    size: Annotated[str, typer.Argument(metavar="SIZE", help='Bytes to move, such as "64 MiB".')],
    other_load: Annotated[
        str, typer.Option("--other-load", metavar="SHARE", help="Share of the link that is taken.")
    ] = "0",
    hops: Annotated[str | None, typer.Option("--hops", metavar="N", help="Switches on the way.")] = None,
    explain_: Annotated[bool, typer.Option("--explain", help="Show the formulas behind the time.")] = False,
    json: JsonOption = False,
) -> None:
    """How long one transfer takes over a link: direct, over a bounce buffer, through a network stack."""
    from rackcalc import explain as explanation
    from rackcalc.render import figures

    report = one_transfer(link_name, size, other_load, hops)
    if json:
        emit(as_json(figures.as_data(report)))
    elif explain_:
        emit(explanation.explain(report, "time") + "\n")
    else:
        emit(figures.as_text(report, f"{size} over {link_name}"))


@app.command()
def validate(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[CSV...]", help="Measurements; without any, the bundled ones.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind: serving, gemm, ... Repeatable.")
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if", metavar="EXPR", help='"serving.tpot.mape > 12 %": KIND.METRIC.STATISTIC. Repeatable.'
        ),
    ] = None,
    worst: Annotated[int, typer.Option("--worst", metavar="N", min=0, help="Also list the N worst rows.")] = 0,
    explain_: Annotated[
        str | None, typer.Option("--explain", metavar="CASE", help="Explain the predictions for one case instead.")
    ] = None,
    leave_out: Annotated[
        str,
        typer.Option(
            "--leave-out", metavar="part|model", help="Refit without each part or model; score what was left out."
        ),
    ] = "",
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Score the good rows beside bad ones.")] = False,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="One line per row instead of a summary.")] = False,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Compare rackcalc with measurements, by kind and group. Exit 3 when a --fail-if holds."""
    from rackcalc.render import validation as shown
    from rackcalc.validation import run
    from rackcalc.validation.score import verdicts

    use_error_format(error_format)
    if json and csv:
        raise failure("--json and --csv exclude each other")
    if leave_out not in ("", "part", "model"):
        raise failure(f'--leave-out: expected part or model, got "{leave_out}"')
    if leave_out and explain_ is not None:
        raise failure("--explain explains the catalog's own figures: without --leave-out")
    sources = run.sources(files or (), kind or ())
    problems: list[Problem] = []
    if explain_ is not None:
        emit(run.explained(sources, explain_, kind or (), problems))
        finish(problems)
        return
    gates = run.gates(fail_if or ())
    lines = shown.Lines(sys.stdout) if csv else None
    tally = run.scored(sources, kind or (), problems, keep_going, worst, lines, leave_out)
    if problems and not keep_going:
        raise InputError(problems)
    if lines is None:
        emit(as_json(shown.as_data(tally, leave_out)) if json else shown.as_text(tally, leave_out))
    judged = verdicts(gates, tally)
    if judged:
        from rackcalc.render import checks

        note(checks.as_text(judged).rstrip())
    finish(problems)
    if any(verdict.status == "fail" for verdict in judged):
        raise typer.Exit(3)


def finish(problems: Sequence[Problem]) -> None:
    """Stop with every problem, after the output, when there was one."""
    if problems:
        raise InputError(problems)


@app.command()
def parts(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="gpus, lpus, links, models, ...")] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One part, with all its values and sources.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the catalog, one kind of part, or one part with every value's source."""
    from rackcalc.render import catalog

    emit(as_json(catalog.as_data(kind, name)) if json else catalog.as_text(kind, name))


@app.command()
def schema() -> None:
    """Print the JSON Schema of rack files, for editors."""
    from rackcalc.schema import rack_schema

    emit(as_json(rack_schema()))


@app.command()
def init(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it; - for stdout.")] = "rack.yaml",
    example: Annotated[str, typer.Option("--from", metavar="RACK", help="Bundled rack to start from.")] = "rack-of-god",
) -> None:
    """Write a first rack file, commented, to change from there."""
    from rackcalc.load import bundled_racks, suggest

    racks = bundled_racks()
    if example not in racks:
        raise failure(f'no bundled rack "{example}"{suggest(example, racks)}')
    text = racks[example].read_text(encoding="utf-8")
    if file == "-":
        emit(text)
        return
    if Path(file).exists():
        raise failure("exists already; name another file", file)
    write(file, text)
    note(f"wrote {file}; next: rackcalc estimate {file}")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of the program itself."""
    if version:
        emit(f"rackcalc {__version__}\n")
        raise typer.Exit


# --- helpers ---------------------------------------------------------------------------------------------------------


def loaded_and_estimated(rack: str, scenario: str, sets: Sequence[str] | None) -> tuple[Any, Any]:
    """The rack as loaded, and its estimate; InputError when it cannot be answered."""
    from rackcalc.estimate import estimate
    from rackcalc.load import load

    loaded = load(rack, scenario, sets or ())
    return loaded, estimate(loaded)


def estimates_of(racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str]) -> list[Any]:
    """Every rack in every scenario, each file read once. InputError with the problems of all of them."""
    from rackcalc.estimate import estimate
    from rackcalc.load import find_rack, load_text

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
                reports.append(estimate(load_text(text, shown, scenario, sets)))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return reports


def one_transfer(link_name: str, size: str, other_load: str, hops: str | None) -> Any:
    """The transfer of `rackcalc link`, from texts. InputError with every problem."""
    from rackcalc.errors import Problem
    from rackcalc.estimate import transfer_over
    from rackcalc.load import argument, part_names, suggest

    problems: list[Problem] = []
    if link_name not in part_names("links"):
        near = suggest(link_name, part_names("links"))
        problems.append(Problem("", 0, 0, "LINK", f'no link "{link_name}"{near}'))
    moved = argument("SIZE", size, "B", problems, at_least=1.0, example="64 MiB")
    load = argument("--other-load", other_load, "1", problems, at_least=0.0, at_most=0.99)
    switches = argument("--hops", hops, "1", problems, at_least=0.0) if hops is not None else None
    if problems or moved is None or load is None:
        raise InputError(problems)
    return transfer_over(link_name, moved, load, switches)


def once(racks: Sequence[str]) -> Sequence[str]:
    """The racks, if standard input is asked for at most once."""
    if list(racks).count("-") > 1:
        raise failure("standard input (-) can be read once only")
    return racks


def only(values: Sequence[str] | None, option: str) -> str:
    """The single value of a repeatable option, or ""."""
    if values and len(values) > 1:
        raise failure(f"{option}: this command takes one")
    return values[0] if values else ""


def chosen_format(name: str) -> str:
    """A known format's name."""
    from rackcalc.load import suggest
    from rackcalc.render import FORMATS

    if name not in FORMATS:
        raise failure(f'--format: no format "{name}"{suggest(name, FORMATS)}')
    return name


def format_of_file(file: str) -> str:
    """The format that a file's ending names."""
    from rackcalc.render import FORMATS, format_of

    name = format_of(file)
    if name is None:
        endings = ", ".join(ending for _, group in FORMATS.values() for ending in group)
        raise failure(f"-o: the ending names the format: {endings}", file)
    return name


def rendered(reports: Sequence[Any], name: str, colour: bool | None, everything: bool, interval: bool | None) -> str:
    """Estimates in the named format."""
    from rackcalc.render import renderer

    if name == "table":
        from rackcalc.render import table

        return table.render(reports, colour, everything, interval is not False)
    render = renderer(name)
    return render(reports, interval=True) if interval else render(reports)


def bare_numbers(reports: Sequence[Any], paths: Sequence[str], unit: str | None) -> str:
    """Figures as numbers and nothing else, one a line, in their canonical unit or the one asked for."""
    from rackcalc import units
    from rackcalc.show import is_temperature
    from rackcalc.tree import figure

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    if sys.stdout is None:  # closed by the caller
        note("output: standard output is closed")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 must not crash
    try:
        app(args=arguments)
    except InputError as error:
        report_problems(error.problems)
        leave(2)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer makes 1 of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        note(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
        leave(1)


if __name__ == "__main__":
    main()
