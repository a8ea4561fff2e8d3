"""rackcalc claims: what is claimed of a rack, held against what it computes to."""

from typing import Annotated

from rackcalc.cli.console import leave, report_annotations, use_error_format
from rackcalc.cli.options import ErrorFormatOption, JsonOption, OutputOption, RackArgument, SetOption, chosen
from rackcalc.cli.parameters import Option
from rackcalc.cli.reports import publish, targets, with_page
from rackcalc.config.racks import find_rack
from rackcalc.quantities.problems import failure
from rackcalc.questions.claims.judgement import failing_word, fails, judge_claims
from rackcalc.questions.rack_file import CHECKS
from rackcalc.render import claims as shown


def claims(
    rack: RackArgument,
    fail_if: Annotated[
        list[str] | None,
        Option(
            "--fail-if",
            metavar="VERDICT",
            help="Exit 3 on claimed-too-high, claimed-too-low, impossible or not-decidable, or on worse: "
            "the rack does worse than claimed. Repeatable.",
        ),
    ] = None,
    exit_zero: Annotated[bool, Option("--exit-zero", help="Report only: exit 0 whatever --fail-if finds.")] = False,
    format_: Annotated[str, Option("--format", metavar="table|markdown|json|html")] = "table",
    all_: Annotated[bool, Option("--all", help="Intervals, figures, sources and notes too.")] = False,
    json: JsonOption = False,
    markdown: Annotated[bool, Option("--markdown", help="Short for --format markdown.")] = False,
    set_: SetOption = None,
    output: OutputOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc claims`."""
    use_error_format(error_format)
    if json and markdown:
        raise failure("--json and --markdown exclude each other")
    formats = with_page(shown.formats(all_), "claims_page")
    name, files = chosen(formats, "markdown" if markdown else format_, json), targets(formats, output)
    words = [failing_word(word, "--fail-if") for word in fail_if or ()]
    text, file = find_rack(rack)
    loaded, judged = judge_claims(text, file, set_ or (), CHECKS)
    if not judged:
        raise failure("no claims: add a claims section to the file", file)
    publish(formats, name, files, loaded, judged)
    broken = [one for one in judged if fails(one, words)]
    report_annotations([("error", one.node.problem("", shown.line(one))) for one in broken])
    if broken and not exit_zero:
        leave(3)
