"""rackcalc check: hold a rack against its gates."""

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rackcalc import __version__, baseline, gates
from rackcalc.commands.options import (
    ErrorFormatOption,
    JsonOption,
    OutputOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    loaded_and_estimated,
    only,
)
from rackcalc.commands.reports import chosen, publish, targets
from rackcalc.console import append, note, report_annotations, use_error_format
from rackcalc.errors import failure, printable
from rackcalc.render import checks

SUMMARY = "GITHUB_STEP_SUMMARY"


def check(
    rack: RackArgument,
    fail_if: Annotated[
        list[str] | None,
        typer.Option("--fail-if", metavar="EXPR", help='"latency.p99 > 2 ms", "delta(cost.tco) > 5 %". Repeatable.'),
    ] = None,
    warn_if: Annotated[
        list[str] | None, typer.Option("--warn-if", metavar="EXPR", help="As --fail-if, but only warns.")
    ] = None,
    against: Annotated[
        str, typer.Option("--baseline", metavar="FILE", help="What delta(...) starts from: a former estimate --json.")
    ] = "",
    confident: Annotated[
        bool, typer.Option("--confident", help="A limit within the 80 % interval counts as broken.")
    ] = False,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Report only: exit 0 even when a gate fails.")] = False,
    format_: Annotated[str, typer.Option("--format", metavar="table|json|markdown|junit")] = "table",
    json: JsonOption = False,
    output: OutputOption = None,
    summary: Annotated[bool, typer.Option("--summary", help=f"Append the Markdown report to ${SUMMARY}.")] = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc check`."""
    use_error_format(error_format)
    name, files = chosen(checks.FORMATS, format_, json), targets(checks.FORMATS, output)
    page = summary_file() if summary else ""
    if rack == against == "-":
        raise failure("standard input (-) can be read once only")
    loaded, report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)
    former = former_of(report, against) if against else None
    conditions = gates.conditions(loaded, fail_if or (), warn_if or ())
    if not conditions:
        raise failure("no gates: add a gates section to the file, or --fail-if", loaded.file)
    verdicts = gates.evaluate(conditions, report, former, confident)
    publish(checks.FORMATS, name, files, report, verdicts)
    if page:
        append(page, checks.as_markdown(report, verdicts) + "\n")
    report_annotations(checks.annotations(verdicts))
    if failed(verdicts) and not exit_zero:
        raise typer.Exit(3)


def failed(verdicts: Sequence[gates.Verdict]) -> bool:
    """Whether any gate failed."""
    return any(verdict.status == "fail" for verdict in verdicts)


def former_of(report: Any, file: str) -> baseline.Former:
    """The former estimate that a report is held against; says when it is of something else or by another version."""
    former = baseline.of_scenario(baseline.read_formers(file), report.scenario)
    if former.title != report.title:
        note(f"note: the baseline is of {printable(former.title)}")
    if former.version != __version__:
        note(
            f"note: the baseline is by rackcalc {printable(former.version)}, this is {__version__}: formulas may differ"
        )
    return former


def summary_file() -> str:
    """The file that a GitHub job shows as its summary."""
    file = os.environ.get(SUMMARY, "")
    if not file:
        raise failure(f"--summary: {SUMMARY} is not set; outside a GitHub job use -o gates.md")
    return file
