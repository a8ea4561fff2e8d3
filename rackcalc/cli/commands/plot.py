"""rackcalc plot: a picture of an estimate or of a sweep, as SVG or PNG."""

from typing import Annotated, Any

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, use_error_format, write
from rackcalc.cli.options import (
    ErrorFormatOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    loaded_and_estimated,
    only,
    space_options,
)
from rackcalc.cli.parameters import Argument, Option
from rackcalc.quantities.problems import failure, suggest

PICTURES = {
    "load": "latency percentiles against the load, with their limits",
    "roofline": "every kernel on the roofline of its chip",
    "waterfall": "where the time of each stage goes",
    "cash-flow": "the cash of every year, and its sum",
    "front": "the Pareto front of a sweep: --vary and --pareto",
}


def plot(
    rack: RackArgument,
    picture: Annotated[
        str,
        Argument(
            metavar="|".join(PICTURES),
            help="; ".join(f"{name}: {said}" for name, said in PICTURES.items()) + ".",
            autocompletion=complete.one_of(*PICTURES),
        ),
    ],
    output: Annotated[
        str, Option("-o", "--output", metavar="FILE", help="Where to: .svg or .png; else PICTURE.svg here.")
    ] = "",
    vary: Annotated[
        list[str] | None,
        Option("--vary", metavar="PATH=RANGE", help="For front: what to vary, as in sweep. Repeatable."),
    ] = None,
    zip_: Annotated[bool, Option("--zip", help="For front: all axes together, value by value.")] = False,
    where: Annotated[
        list[str] | None, Option("--where", metavar="EXPR", help="For front: only these points. Repeatable.")
    ] = None,
    pareto: Annotated[
        str, Option("--pareto", metavar="PATH,PATH", help="For front: the figures; -PATH: more is better.")
    ] = "",
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc plot`."""
    from rackcalc.render.plots.picture import as_bytes, drawing, ending_of, require_matplotlib

    use_error_format(error_format)
    if picture not in PICTURES:
        raise failure(f'no picture "{picture}"{suggest(picture, PICTURES)}; expected {", ".join(PICTURES)}')
    given = {"--vary": vary, "--zip": zip_, "--where": where, "--pareto": pareto}
    of_front = [name for name, value in given.items() if value]
    if of_front and picture != "front":
        raise failure(f"{', '.join(of_front)}: only with the picture front")
    file = output or f"{picture}.svg"
    ending = ending_of(file)
    require_matplotlib()
    with drawing():
        if picture == "front":
            made = _front(rack, scenario, set_, vary, zip_, where, pareto)
        else:
            made = _of_estimate(picture, *loaded_and_estimated(rack, only(scenario, "--scenario"), set_))
        data = as_bytes(made, ending)
    write(file, data)
    emit(f"wrote {file}: {PICTURES[picture].partition(':')[0]}\n")


def _of_estimate(picture: str, loaded: Any, report: Any) -> Any:
    from importlib import import_module

    from rackcalc.cli.commands.estimate import verdicts_of
    from rackcalc.render.html.view import View

    name = picture.replace("-", "_")
    return getattr(import_module(f"rackcalc.render.plots.{name}"), name)(
        View(report, False, "", verdicts_of(loaded, report))
    )


def _front(rack: str, scenario: Any, sets: Any, vary: Any, zipped: bool, where: Any, pareto: str) -> Any:
    from rackcalc.cli.commands.sweep import answered
    from rackcalc.questions.sweep.options import SweepOptions
    from rackcalc.render.plots.front import front

    if not pareto:
        raise failure('front needs --pareto, as in --pareto "latency.p99,cost.tco"')
    space = space_options(rack, scenario, sets, vary, zipped)
    result = answered(SweepOptions(space, where=tuple(where or ()), pareto=pareto), None, False, 1, "")
    return front(result, f"Pareto front of {rack if rack != '-' else 'a rack'}")
