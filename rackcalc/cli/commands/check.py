"""rackcalc check: hold a rack against its gates."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from rackcalc.cli.console import append, leave, note, report_annotations, report_problems, use_error_format
from rackcalc.cli.options import (
    ConfidentOption,
    ErrorFormatOption,
    ExitZeroOption,
    FailIfOption,
    JsonOption,
    MaxNoveltyOption,
    OutputOption,
    RacksArgument,
    ScenarioOption,
    SetOption,
    WarnIfOption,
    chosen,
    once,
)
from rackcalc.cli.parameters import Option
from rackcalc.cli.reports import publish, targets
from rackcalc.config.racks import find_rack
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, failure, printable
from rackcalc.quantities.record import replace
from rackcalc.questions import former_estimates, gate_conditions, gates
from rackcalc.questions.novelty_limit import novelty_verdicts
from rackcalc.questions.rack_file import load_text
from rackcalc.render import check as checks

SUMMARY = "GITHUB_STEP_SUMMARY"
NO_GATES = "no gates: add a gates section to the file, or --fail-if"
Judge = Callable[[Any, Any], checks.Judged]  # of a rack as loaded, and its estimate


def check(
    racks: RacksArgument,
    fail_if: FailIfOption = None,
    warn_if: WarnIfOption = None,
    against: Annotated[
        str, Option("--baseline", metavar="FILE", help="What delta(...) starts from: a former estimate --json.")
    ] = "",
    confident: ConfidentOption = False,
    max_novelty: MaxNoveltyOption = None,
    exit_zero: ExitZeroOption = False,
    format_: Annotated[str, Option("--format", metavar="table|json|markdown|junit")] = "table",
    json: JsonOption = False,
    output: OutputOption = None,
    summary: Annotated[bool, Option("--summary", help=f"Append the Markdown report to ${SUMMARY}.")] = False,
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
    several = len(racks) > 1

    def judge(loaded: Any, report: Any) -> checks.Judged:
        conditions = gate_conditions.rack_conditions(loaded, fail_if or (), warn_if or ())
        if not conditions and not several and max_novelty is None:
            raise failure(NO_GATES, loaded.file)
        paths = [condition.path for condition in conditions]
        former = former_of(report, formers, racks) if formers else None
        no_gates = ["no gates"] if max_novelty is None else []
        added = gates.remarks_on((c.path for c in conditions), dict(figures(report))) if conditions else no_gates
        if formers and former is None:  # the rack is new: it has no change
            added.append(f"not in {formers[0].file}, so no change can be judged")
            added += [f"not judged: {condition.text}" for condition in conditions if condition.delta]
            conditions = [condition for condition in conditions if not condition.delta]
        verdicts = gates.evaluate(conditions, report, former, confident)
        if max_novelty is not None:
            verdicts += novelty_verdicts(report, paths, max_novelty)
        return replace(report, notes=(*report.notes, *added)), verdicts

    judged = judge_all(racks, scenario or [""], set_ or (), judge)
    problems = [problem for report, _ in judged for problem in checks.problems_of(report)]
    answered = [report for report, _ in judged if not checks.problems_of(report)]
    if problems and not (several and answered):
        raise InputError(list(dict.fromkeys(problems)))
    if formers:
        say_what_is_gone(formers, answered, several and not problems)
    if not problems and not any(verdicts or "no gates" not in report.notes for report, verdicts in judged):
        raise failure(NO_GATES)
    publish(checks.FORMATS, name, files, judged)
    if page:
        append(page, checks.all_as_markdown(judged) + "\n")
    verdicts = [verdict for _, found in judged for verdict in found]
    report_annotations(checks.annotations(verdicts))
    if problems:
        report_problems(dict.fromkeys(problems))
        leave(2)
    if any(verdict.status == "fail" for verdict in verdicts) and not exit_zero:
        leave(3)


def judge_all(racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str], judge: Judge) -> list[checks.Judged]:
    """Every rack in every scenario with its verdicts. One that cannot be judged does not silence the others."""
    judged: list[checks.Judged] = []
    for rack in racks:
        try:
            text, file = find_rack(rack)
        except InputError as error:
            judged.append((checks.Refused(rack, "", error.problems), ()))
            continue
        for scenario in scenarios:
            try:
                loaded = load_text(text, file, scenario, sets)
                judged.append(judge(loaded, estimate(loaded)))
            except InputError as error:
                found = [
                    gate_conditions.of_rack(problem, file) if len(racks) > 1 else problem for problem in error.problems
                ]
                judged.append((checks.Refused(file, scenario, tuple(found)), ()))
    return judged


def former_of(
    report: Any, formers: Sequence[former_estimates.FormerEstimate], racks: Sequence[str]
) -> former_estimates.FormerEstimate | None:
    """The former estimate that a report is held against; says when it is of something else or by another version.

    None for a rack that is new among several: neither its file nor its name is in the baseline.
    """
    same = former_estimates.choose_by_rack(formers, report.file, report.name, racks)
    if not same and len(racks) > 1:
        return None
    former = former_estimates.choose_by_scenario(same or formers, report.scenario)
    for said in former_estimates.remarks(former, report.title, report.file):
        note(f"note: {said}")
    return former


def say_what_is_gone(
    formers: Sequence[former_estimates.FormerEstimate], reports: Sequence[Any], complete: bool
) -> None:
    """Name the racks that only the baseline has. InputError where it has none of those asked for.

    complete: whether the reports are of all racks that there are.
    """
    files = [report.file for report in reports]
    kept = {
        id(former)
        for report in reports
        for former in former_estimates.choose_by_rack(formers, report.file, report.name, files)
    }
    if len(reports) > 1 and not kept:
        names = ", ".join(f'"{printable(report.name)}"' for report in reports[:4])
        raise failure(f"holds no estimate of {names}{' ...' if len(reports) > 4 else ''}", formers[0].file)
    for former in formers if complete else ():
        if id(former) not in kept:
            note(
                f"note: the baseline also has {printable(former.rack or former.title)}, which is not among these racks"
            )


def summary_file() -> str:
    """The file that a GitHub job shows as its summary."""
    file = os.environ.get(SUMMARY, "")
    if not file:
        raise failure(f"--summary: {SUMMARY} is not set; outside a GitHub job use -o gates.md")
    return file
