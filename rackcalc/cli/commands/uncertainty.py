"""rackcalc uncertainty: how sure the figures are, and what they hang on."""

from typing import Annotated

from rackcalc.cli.console import emit, leave, show, use_error_format
from rackcalc.cli.options import ErrorFormatOption, JsonOption, RackArgument, ScenarioOption, SetOption, chosen, only
from rackcalc.cli.parameters import Argument, Option

FORMATS = ("table", "json", "csv", "html")


def uncertainty(
    rack: RackArgument,
    paths: Annotated[
        list[str] | None, Argument(metavar="[PATH...]", help="Figures to take apart; else four headlines.")
    ] = None,
    samples: Annotated[int, Option("--samples", metavar="N", help="Draws: a power of two.")] = 1024,
    seed: Annotated[int, Option("--seed", metavar="N", help="The same seed, the same draws.")] = 1,
    top: Annotated[
        int | None,
        Option("--top", metavar="K", min=1, help="Doubts shown of each figure; 8 of those named, else 3."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        Option(
            "--fail-if",
            metavar="EXPR",
            help='Exit 3 when "latency.p99 > 2 ms"; its odds are shown. Repeatable.',
        ),
    ] = None,
    everything: Annotated[bool, Option("--all", help="Every figure, the small and technical too.")] = False,
    format_: Annotated[str, Option("--format", metavar="table|json|csv|html")] = "table",
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc uncertainty`."""
    from rackcalc.config.racks import find_rack
    from rackcalc.questions.claims.judgement import judge_claims
    from rackcalc.questions.rack_file import CHECKS, load_text
    from rackcalc.questions.uncertainty.analysis import judged_gates, most_points, uncertain_rack
    from rackcalc.questions.uncertainty.analysis import uncertainty as analysed
    from rackcalc.render.progress import progress
    from rackcalc.render.uncertainty import render

    use_error_format(error_format)
    name = chosen(FORMATS, format_, json)
    top = top or (8 if paths or everything or name == "html" else 3)
    text, file = find_rack(rack)
    about = uncertain_rack(load_text(text, file, only(scenario, "--scenario"), set_ or ()))
    verdicts = judged_gates(about, paths or (), samples, seed, fail_if or ())
    claims = judge_claims(text, file, set_ or (), CHECKS)[1] if about.loaded.rack.claims else []
    with progress(most_points(about, samples)) as on_progress:
        report = analysed(about, paths or (), samples, seed, verdicts, claims, on_progress)
    if name == "html":
        from rackcalc.render.html.uncertainty_page import as_html

        emit(as_html(report, top, everything))
    else:
        (show if name == "table" else emit)(render(report, name, top, everything))
    if any(verdict.status == "fail" and verdict.condition.file == "--fail-if" for verdict in verdicts):
        leave(3)
