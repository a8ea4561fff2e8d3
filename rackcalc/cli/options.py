"""Arguments and options that several commands take, and what they share."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from rackcalc.cli import completion as complete
from rackcalc.cli.parameters import Argument, Option
from rackcalc.quantities.problems import failure

RackArgument = Annotated[
    str,
    Argument(metavar="RACK", help="A rack file, a bundled rack's name, or - for stdin.", autocompletion=complete.racks),
]
RacksArgument = Annotated[
    list[str],
    Argument(metavar="RACK...", help="Rack files, bundled racks' names, or -.", autocompletion=complete.racks),
]
SetOption = Annotated[
    list[str] | None,
    Option("--set", metavar="PATH=VALUE", help='Override a value: --set "workload.batch=8". Repeatable.'),
]
ScenarioOption = Annotated[
    list[str] | None,
    Option(
        "--scenario",
        metavar="NAME",
        help="Apply a scenario of the file, or buy, rent or api. Repeatable: side by side.",
        autocompletion=complete.scenarios,
    ),
]
YearOption = Annotated[
    list[str] | None,
    Option("--year", metavar="YEAR", help="The rack in a year of the file's `years`: 2026. Repeatable."),
]
JsonOption = Annotated[bool, Option("--json", help="Short for --format json.")]
ErrorFormatOption = Annotated[
    str,
    Option(
        "--error-format",
        metavar="text|json|github",
        help="How problems with the input are written.",
        autocompletion=complete.one_of("text", "json", "github"),
    ),
]
OutputOption = Annotated[
    list[str] | None,
    Option("-o", "--output", metavar="FILE", help="Also write a report; the ending names the format. Repeatable."),
]

FailIfOption = Annotated[
    list[str] | None,
    Option("--fail-if", metavar="EXPR", help='"latency.p99 > 2 ms", "delta(cost.tco) > 5 %". Repeatable.'),
]
WarnIfOption = Annotated[list[str] | None, Option("--warn-if", metavar="EXPR", help="As --fail-if, but only warns.")]
MaxNoveltyOption = Annotated[
    int | None,
    Option(
        "--max-novelty", metavar="N", min=0, help="Refuse figures about which more than N things were never measured."
    ),
]
ConfidentOption = Annotated[bool, Option("--confident", help="A limit within the 80 % interval counts as broken.")]
ExitZeroOption = Annotated[bool, Option("--exit-zero", help="Report only: exit 0 even when a gate fails.")]


def in_years(scenarios: Sequence[str] | None, years: Sequence[str] | None) -> list[str]:
    """Every scenario in every year, as one word each."""
    from rackcalc.config.years import joined, split
    from rackcalc.quantities.problems import failure

    for scenario in scenarios or ():
        name, year = split(scenario)
        if year and years:
            which = f"--scenario {name}" if name else "no --scenario"
            raise failure(f'"{scenario}" names a year itself; write {which} beside --year', "--year")
    return [joined(scenario, year) for scenario in scenarios or [""] for year in years or [""]]


def once(files: Sequence[str]) -> Sequence[str]:
    """The files, if standard input is asked for at most once."""
    if list(files).count("-") > 1:
        raise failure("standard input (-) can be read once only")
    return files


def loaded_and_estimated(rack: str, scenario: str, sets: Sequence[str] | None) -> tuple[Any, Any]:
    """The rack as loaded, and its estimate; InputError when it cannot be answered."""
    from rackcalc.estimation.estimate import estimate
    from rackcalc.questions.rack_file import load

    loaded = load(rack, scenario, sets or ())
    return loaded, estimate(loaded)


def space_options(
    rack: str, scenario: Sequence[str] | None, sets: Sequence[str] | None, vary: Sequence[str] | None, zipped: bool
) -> Any:
    """The options of sweep and solve that describe the design space."""
    from rackcalc.questions.space_options import SpaceOptions

    return SpaceOptions(rack, only(scenario, "--scenario"), tuple(sets or ()), tuple(vary or ()), zipped)


def only(values: Sequence[str] | None, option: str) -> str:
    """The single value of a repeatable option, or ""."""
    if values and len(values) > 1:
        raise failure(f"{option}: this command takes one")
    return values[0] if values else ""


def chosen(formats: Iterable[str], name: str, json: bool) -> str:
    """The name of a format that the command knows; json: asked for by --json."""
    from rackcalc.quantities.problems import suggest
    from rackcalc.quantities.spelling import meant

    known, name = tuple(formats), "json" if json else name
    word = meant(name, known)
    if word is None:
        raise failure(f'--format: no format "{name}"{suggest(name, known)}')
    return word
