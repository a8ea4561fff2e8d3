"""rackcalc diff: what a change of a git repository does to its racks, and whether it keeps their gates."""

from typing import Annotated

from rackcalc.cli import completion as complete
from rackcalc.cli.commands.check import SUMMARY, summary_file
from rackcalc.cli.console import append, leave, report_annotations, report_problems, use_error_format
from rackcalc.cli.options import (
    ConfidentOption,
    ErrorFormatOption,
    ExitZeroOption,
    FailIfOption,
    JsonOption,
    OutputOption,
    ScenarioOption,
    SetOption,
    WarnIfOption,
    chosen,
)
from rackcalc.cli.parameters import Argument, Option
from rackcalc.cli.reports import publish, targets
from rackcalc.config.git_files import find_repository, trees
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.questions.gate_conditions import parse_condition
from rackcalc.questions.rack_changes.judge import Demands, judge_pairs
from rackcalc.questions.rack_changes.pairs import find_pairs
from rackcalc.render import diff as shown


def diff(
    commits: Annotated[
        str,
        Argument(
            metavar="BASE..HEAD",
            help="Two commits; BASE...HEAD from where HEAD left BASE; without HEAD the working tree.",
            autocompletion=complete.commits,
        ),
    ],
    paths: Annotated[
        list[str] | None,
        Argument(metavar="[PATH...]", help="Only racks at or below these.", autocompletion=complete.files),
    ] = None,
    fail_if: FailIfOption = None,
    warn_if: WarnIfOption = None,
    accept: Annotated[
        list[str] | None,
        Option(
            "--accept",
            metavar="PATH",
            help="Let this rack drop gates, and be new where its base cannot be read or is another rack. Repeatable.",
            autocompletion=complete.files,
        ),
    ] = None,
    confident: ConfidentOption = False,
    exit_zero: ExitZeroOption = False,
    format_: Annotated[str, Option("--format", metavar="table|json|markdown|junit")] = "table",
    json: JsonOption = False,
    output: OutputOption = None,
    summary: Annotated[bool, Option("--summary", help=f"Append the Markdown report to ${SUMMARY}.")] = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc diff`."""
    use_error_format(error_format)
    name, files = chosen(shown.FORMATS, format_, json), targets(shown.FORMATS, output)
    page = summary_file() if summary else ""
    refuse_malformed([(text, "--fail-if") for text in fail_if or ()] + [(text, "--warn-if") for text in warn_if or ()])
    repository = find_repository()
    wanted, accepted = ([repository.inside(path) for path in given or ()] for given in (paths, accept))
    before, after = sides = trees(repository, commits)
    pairs = find_pairs(before, after, wanted)
    unknown = [
        path
        for path in accepted
        if not any(path == pair.after or (path in pair.rivals and not pair.after) for pair in pairs)
    ]
    if unknown:
        raise InputError(
            [Problem(path, 0, 0, "", f"--accept: no rack of that path in {after.name}") for path in unknown]
        )
    demands = Demands(scenario or ("",), set_ or (), fail_if or (), warn_if or (), confident, accepted)
    changes = judge_pairs(before, after, pairs, demands)
    if any(pair.after for pair in pairs) and not any(change.has_gates or change.problems for change in changes):
        raise failure("no gates: add a gates section to a file, or --fail-if")
    publish(shown.FORMATS, name, files, sides, changes)
    if page:
        append(page, shown.as_markdown(sides, changes) + "\n")
    report_annotations(shown.annotations(changes))
    problems = [problem for change in changes for problem in change.problems]
    if problems:
        report_problems(dict.fromkeys(problems))
        leave(2)
    if any(map(shown.failed, changes)) and not exit_zero:
        leave(3)


def refuse_malformed(conditions: list[tuple[str, str]]) -> None:
    """InputError for what is no gate, once and not for every rack. conditions: text and option."""
    problems: list[Problem] = []
    for text, option in conditions:
        try:
            parse_condition(text, file=option)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
