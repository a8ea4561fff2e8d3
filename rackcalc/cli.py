"""The command line: parse, call, print, exit code. No arithmetic.

Exit codes: 0 fine, 1 unexpected failure, 2 usage or input error, 3 a gate failed, 130 Ctrl-C, 141 closed pipe.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rackcalc import __version__
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
    colour: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Colour, whatever the terminal says.")
    ] = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Compute a rack: latency, throughput, memory, power, heat, cost, return. Several racks: side by side."""
    use_error_format(error_format)
    name = chosen_format("json" if json else format_)
    targets = [(file, format_of_file(file)) for file in output or ()]
    reports = [estimate_of(rack, s, set_) for rack in once(racks) for s in scenario or [""]]
    if get:
        emit("".join(bare_number(report, path, unit) for report in reports for path in get))
    elif unit:
        raise failure("--unit goes with --get")
    elif not targets or name != "table":
        emit(rendered(reports, name, colour, everything))
    else:
        emit(rendered(reports, "table", colour, everything))
    for file, file_format in targets:
        write(file, rendered(reports, file_format, False, everything))


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
    report = estimate_of(rack, only(scenario, "--scenario"), set_)
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

_error_format = "text"


def use_error_format(name: str) -> None:
    """Remember how problems are to be written."""
    global _error_format  # noqa: PLW0603
    if name not in ("text", "json", "github"):
        raise failure(f'--error-format: expected text, json or github, got "{name}"')
    _error_format = name


def loaded_and_estimated(rack: str, scenario: str, sets: Sequence[str] | None) -> tuple[Any, Any]:
    """The rack as loaded, and its estimate; InputError when it cannot be answered."""
    from rackcalc.estimate import estimate
    from rackcalc.load import load

    loaded = load(rack, scenario, sets or ())
    return loaded, estimate(loaded)


def estimate_of(rack: str, scenario: str, sets: Sequence[str] | None) -> Any:
    """The estimate of one rack and scenario."""
    return loaded_and_estimated(rack, scenario, sets)[1]


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


def rendered(reports: Sequence[Any], name: str, colour: bool | None, everything: bool) -> str:
    """Estimates in the named format."""
    from rackcalc.render import renderer

    if name == "table":
        from rackcalc.render import table

        return table.render(reports, colour, everything)
    return renderer(name)(reports)


def bare_number(report: Any, path: str, unit: str | None) -> str:
    """One figure as a number and nothing else, in its canonical unit or the one asked for."""
    from rackcalc import units
    from rackcalc.tree import figure

    quantity = figure(report, path)
    try:
        value = units.convert(float(quantity.value), quantity.unit, unit) if unit else float(quantity.value)
    except units.UnitError as error:
        raise failure(str(error), path=path) from None
    return f"{value:.12g}\n"


def as_json(data: Any) -> str:
    """Data as indented JSON text."""
    import json

    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def emit(text: str) -> None:
    """Data to standard output."""
    sys.stdout.write(text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Talk to standard error."""
    print(text, file=sys.stderr)


def write(file: str, text: str) -> None:
    """A whole file or none: written beside its place and moved there. OSError when that fails."""
    if file == "-":
        emit(text)
        return
    import tempfile

    target = Path(file)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def report_problems(problems: Iterable[Problem]) -> None:
    """Every problem on standard error, in the chosen format, with a count line."""
    found = list(problems)
    if _error_format == "json":
        keys = ("file", "line", "column", "path", "message")
        note(as_json([{key: getattr(problem, key) for key in keys} for problem in found]).rstrip())
        return
    for problem in found:
        if _error_format == "github":
            place = f" file={problem.file},line={problem.line},col={problem.column}" if problem.line else ""
            message = f"{problem.path}: {problem.message}" if problem.path else problem.message
            note(f"::error{place}::{message.replace('%', '%25').replace(chr(10), '%0A')}")
        else:
            note(str(problem))
    if len(found) > 1:
        note(f"{len(found)} problems")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 must not crash
    try:
        app(args=arguments)
    except InputError as error:
        report_problems(error.problems)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        note(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
        sys.exit(1)


if __name__ == "__main__":
    main()
