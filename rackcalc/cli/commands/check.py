"""rackcalc check: hold a rack against its gates."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from rackcalc.cli.console import append, note, report_annotations, use_error_format
from rackcalc.cli.options import (
    ErrorFormatOption,
    JsonOption,
    OutputOption,
    RacksArgument,
    ScenarioOption,
    SetOption,
    chosen,
    once,
)
from rackcalc.cli.reports import publish, targets
from rackcalc.config.racks import find_rack
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError, Problem, failure, printable
from rackcalc.questions import former_estimates, gate_conditions, gates
from rackcalc.questions.rack_file import load_text
from rackcalc.render import check as checks

SUMMARY = "GITHUB_STEP_SUMMARY"
Judge = Callable[[Any, Any], list[gates.Verdict]]  # of a rack as loaded, and its estimate


def check(
    racks: RacksArgument,
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
    once([*racks, against])
    formers = former_estimates.read_former_estimates(against) if against else ()

    def judge(loaded: Any, report: Any) -> list[gates.Verdict]:
        conditions = gate_conditions.rack_conditions(loaded, fail_if or (), warn_if or ())
        if not conditions:
            raise failure("no gates: add a gates section to the file, or --fail-if", loaded.file)
        former = former_of(report, formers, several=len(racks) > 1) if formers else None
        return gates.evaluate(conditions, report, former, confident)

    judged = judge_all(racks, scenario or [""], set_ or (), judge)
    publish(checks.FORMATS, name, files, judged)
    if page:
        append(page, checks.all_as_markdown(judged) + "\n")
    verdicts = [verdict for _, found in judged for verdict in found]
    report_annotations(checks.annotations(verdicts))
    if any(verdict.status == "fail" for verdict in verdicts) and not exit_zero:
        raise typer.Exit(3)


def judge_all(racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str], judge: Judge) -> list[checks.Judged]:
    """Every rack in every scenario with its verdicts. InputError with the problems of all of them."""
    judged: list[checks.Judged] = []
    problems: list[Problem] = []
    for rack in racks:
        try:
            text, file = find_rack(rack)
        except InputError as error:
            problems += error.problems
            continue
        for scenario in scenarios:
            try:
                loaded = load_text(text, file, scenario, sets)
                report = estimate(loaded)
                judged.append((report, judge(loaded, report)))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return judged


def former_of(
    report: Any, formers: Sequence[former_estimates.FormerEstimate], several: bool
) -> former_estimates.FormerEstimate:
    """The former estimate that a report is held against; says when it is of something else or by another version.

    several: whether other racks are held against the same file; then the name must be the same.
    """
    same = [former for former in formers if former.name == report.name] if several else formers
    if not same:
        raise failure(f'holds no estimate of "{printable(report.name)}"', formers[0].file)
    former = former_estimates.choose_by_scenario(same, report.scenario)
    for said in former_estimates.remarks(former, report.title):
        note(f"note: {said}")
    return former


def summary_file() -> str:
    """The file that a GitHub job shows as its summary."""
    file = os.environ.get(SUMMARY, "")
    if not file:
        raise failure(f"--summary: {SUMMARY} is not set; outside a GitHub job use -o gates.md")
    return file
