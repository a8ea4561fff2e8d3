"""rackcalc validate: figures against published measurements."""

import sys
from collections.abc import Sequence
from typing import Annotated

from rackcalc.cli.console import emit, leave, note, show, use_error_format
from rackcalc.cli.options import ErrorFormatOption, JsonOption
from rackcalc.cli.parameters import Argument, Option
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.render import check as checks
from rackcalc.render import validate as shown
from rackcalc.render.json_data import json_text
from rackcalc.validation import run
from rackcalc.validation.former import Comparison, read_former
from rackcalc.validation.own_run import OwnRuns
from rackcalc.validation.score import verdicts


def validate(
    files: Annotated[
        list[str] | None, Argument(metavar="[CSV...]", help="Measurements; without any, the bundled ones.")
    ] = None,
    kind: Annotated[
        list[str] | None, Option("--kind", metavar="KIND", help="Only this kind: serving, gemm, ... Repeatable.")
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        Option("--fail-if", metavar="EXPR", help='"serving.tpot.mape > 12 %": KIND.METRIC.STATISTIC. Repeatable.'),
    ] = None,
    worst: Annotated[int, Option("--worst", metavar="N", min=0, help="Also list the N worst rows.")] = 0,
    explain_: Annotated[
        str | None, Option("--explain", metavar="CASE", help="Explain the predictions for one case instead.")
    ] = None,
    leave_out: Annotated[
        str,
        Option("--leave-out", metavar="part|model", help="Refit without each part or model; score what was left out."),
    ] = "",
    baseline: Annotated[
        str,
        Option("--baseline", metavar="CSV", help="What an earlier --csv said: which rows and groups moved."),
    ] = "",
    keep_going: Annotated[bool, Option("--keep-going", help="Score the good rows beside bad ones.")] = False,
    json: JsonOption = False,
    csv: Annotated[bool, Option("--csv", help="One line per row instead of a summary.")] = False,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc validate`."""

    use_error_format(error_format)
    if json and csv:
        raise failure("--json and --csv exclude each other")
    if leave_out not in ("", "part", "model"):
        raise failure(f'--leave-out: expected part or model, got "{leave_out}"')
    if leave_out and explain_ is not None:
        raise failure("--explain explains the catalog's own figures: without --leave-out")
    if baseline and (csv or leave_out or explain_ is not None):
        raise failure("--baseline goes with neither --csv, --leave-out nor --explain")
    comparison = Comparison(read_former(baseline)) if baseline else None
    sources = run.sources(files or (), kind or ())
    problems: list[Problem] = []
    if explain_ is not None:
        show(run.explained(sources, explain_, kind or (), problems))
        finish(problems)
        return
    gates = run.gates(fail_if or ())
    lines = shown.CsvRows(sys.stdout) if csv else None
    own = OwnRuns() if files and lines is None and not leave_out else None
    sinks = [sink for sink in (lines, comparison, own) if sink is not None]
    tally = run.scored(sources, kind or (), problems, keep_going, worst, sinks, leave_out, every=bool(lines))
    if problems and not keep_going:
        raise InputError(problems)
    if lines is None:
        if comparison is not None:
            comparison.close()
        if json:
            more = shown.comparison_data(comparison) | shown.own_run_data(own)
            emit(json_text(shown.as_data(tally, leave_out) | more))
        else:
            show(shown.as_text(tally, leave_out) + shown.own_run_text(own) + shown.comparison_text(comparison))
    judged = verdicts(gates, tally)
    if judged:
        note("".join([*checks.verdict_lines(judged), checks.count(judged)]))
    finish(problems)
    lost = comparison is not None and comparison.gone
    if lost or any(verdict.status == "fail" for verdict in judged):
        leave(3)


def finish(problems: Sequence[Problem]) -> None:
    """Stop with every problem, after the output, when there was one."""
    if problems:
        raise InputError(problems)
