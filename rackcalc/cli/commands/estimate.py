"""rackcalc estimate: compute racks and show every figure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from rackcalc.cli import completion as complete
from rackcalc.cli.console import Report, emit, leave, note, use_error_format, write
from rackcalc.cli.options import (
    ErrorFormatOption,
    JsonOption,
    MaxNoveltyOption,
    OutputOption,
    RacksArgument,
    ScenarioOption,
    SetOption,
    YearOption,
    chosen,
    in_years,
    once,
)
from rackcalc.cli.parameters import Option
from rackcalc.config.stdin_racks import STDIN, RackSource, from_file, racks_of_arguments
from rackcalc.estimation.estimate import estimate as computed
from rackcalc.quantities.display import in_unit, show_value
from rackcalc.quantities.figures import figure, named_figure
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.questions.rack_file import load_text
from rackcalc.render import ENV_PREFIX, FORMATS, format_of, renderer
from rackcalc.render.aligned_text import full_width
from rackcalc.render.figure_rows import SECTIONS

Beside = Callable[[Any, Any], None]  # called with a rack as loaded, and its estimate
Attempt = tuple[str, str, Any]  # what the rack is called, the scenario, and the estimate or an InputError
BY_PATH = ("json", "jsonl", "csv", "tsv", "env")  # formats that can be narrowed by --get
IN_UNITS = ("csv", "tsv", "env")  # of these, those whose figures may be in the units asked for


def estimate(
    racks: RacksArgument,
    format_: Annotated[
        str, Option("--format", metavar="|".join(FORMATS), autocompletion=complete.one_of(*FORMATS))
    ] = "summary",
    json: JsonOption = False,
    get: Annotated[
        list[str] | None,
        Option(
            "--get",
            metavar="PATH[:UNIT]",
            help="Print one bare number: latency.p99:ms. In json, jsonl, csv, tsv, env only this. Repeatable.",
            autocompletion=complete.paths,
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        Option("--unit", metavar="UNIT", help="Unit of the numbers of --get, such as ms. Repeatable."),
    ] = None,
    labels: Annotated[
        bool, Option("--labels", help="Name and unit beside each number of --get, with tabs between.")
    ] = False,
    prefix: Annotated[
        str, Option("--prefix", metavar="NAME", help="How the names of --format env begin.")
    ] = ENV_PREFIX,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    year: YearOption = None,
    output: OutputOption = None,
    everything: Annotated[bool, Option("--all", help="A table of every figure.")] = False,
    section: Annotated[
        list[str] | None,
        Option(
            "--section",
            metavar="NAME[,NAME]",
            help=f"A table of these figures: {', '.join(SECTIONS)}.",
            autocompletion=complete.one_of(*SECTIONS),
        ),
    ] = None,
    max_novelty: MaxNoveltyOption = None,
    interval: Annotated[
        bool, Option("--interval/--no-interval", help="80 % intervals; in tables, of a single rack.")
    ] = True,
    pictures: Annotated[
        bool | None,
        Option(
            "--pictures/--no-pictures",
            help="Bars of time, load, power and cash, below the summary or for the chosen sections. "
            "Without either, a terminal shows one bar of the time.",
        ),
    ] = None,
    colour: Annotated[bool | None, Option("--color/--no-color", help="Colour, whatever the terminal says.")] = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc estimate`."""
    use_error_format(error_format)
    sections = sections_of(section or ())
    name = chosen(FORMATS, format_, json)
    if name == "summary" and (everything or sections):
        name = "table"
    targets = [(file, format_of_file(file)) for file in output or () if file != "-"]  # standard output has it anyway
    refuse_unused(name, get, unit, prefix, labels)
    wanted = units_by_path(get or (), unit or ())
    asked = once(racks), in_years(scenario, year), set_ or ()
    view: dict[str, Any] = {"interval": interval}
    if name in ("summary", "table"):
        view["pictures"] = pictures
    elif pictures:
        raise failure("--pictures goes with the summary and with tables; --format html has pictures of its own")
    if get and name in BY_PATH:
        view["paths"] = list(wanted)
    if get and name in IN_UNITS:
        view["units"] = wanted
    if name == "env":
        view["prefix"] = prefix
    verdicts: list[Any] = []
    pages = name == "html" or any(file_format == "html" for _, file_format in targets)

    def judge(loaded: Any, report: Any) -> None:
        if max_novelty is not None:
            refuse_novelty(report, list(wanted), max_novelty)
        if pages:
            verdicts.append(verdicts_of(loaded, report))

    if name == "jsonl":
        reports = streamed(*asked, keep=bool(targets), beside=judge, **view)
    else:
        reports = estimates_of(*asked, beside=judge)
        if get and name in ("summary", "table"):
            emit(bare_numbers(reports, wanted, labels))
            for path, found in ((path, figure(report, path)) for report in reports for path in wanted):
                if not found.known:
                    note(f"note: {path} is {show_value(found)}")
        else:
            emit(rendered(reports, name, colour, everything, sections, **view, **gates_for(name, verdicts)))
    with full_width():
        for file, file_format in targets:
            judged = gates_for(file_format, verdicts)
            write(file, rendered(reports, file_format, False, everything, interval=interval, **judged))


def refuse_novelty(report: Any, paths: Sequence[str], most: int) -> None:
    """InputError for figures about which more than `most` was never measured: those asked for, else the latencies."""
    from rackcalc.questions.novelty_limit import too_novel  # only where such a limit is set

    problems = too_novel(report, paths, most)
    if problems:
        raise InputError(problems)


def verdicts_of(loaded: Any, report: Any) -> list[Any]:
    """The verdicts on the gates of a rack file, but for those on changes, which need a former estimate."""
    from rackcalc.questions import gate_conditions, gates  # only pages show gates

    return gates.evaluate([each for each in gate_conditions.rack_conditions(loaded, (), ()) if not each.delta], report)


def gates_for(name: str, verdicts: Sequence[Any]) -> dict[str, Any]:
    """What a format is told of gates: only a page shows them."""
    return {"judged": verdicts} if name == "html" else {}


def units_by_path(get: Sequence[str], unit: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The figures of --get, each with the units it may have: its own, PATH:UNIT, or those of --unit.

    >>> units_by_path(["latency.p99:ms", "cost.tco"], ["kUSD"])
    {'latency.p99': ('ms',), 'cost.tco': ('kUSD',)}
    """
    halves = [asked.partition(":") for asked in get]
    empty = [
        Problem("--get", 0, 0, path, "expected a unit after the colon")
        for path, colon, own in halves
        if colon and not own.strip()
    ]
    if empty:
        raise InputError(empty)
    return {present_name(path.strip()): (own.strip(),) if colon else tuple(unit) for path, colon, own in halves}


def refuse_unused(
    name: str, get: Sequence[str] | None, unit: Sequence[str] | None, prefix: str, labels: bool = False
) -> None:
    """InputError for options that the format could only ignore."""
    bare = bool(get) and name in ("summary", "table")
    if labels and not bare:
        raise failure("--labels goes with --get, for bare numbers; other formats say name and unit anyway")
    if any(":" in asked for asked in get or ()) and not (bare or name in IN_UNITS):
        raise failure(f"--get PATH:UNIT is for bare numbers, {', '.join(IN_UNITS)}; others have canonical units")
    if get and name not in ("summary", "table", *BY_PATH):
        raise failure(f"--get goes with {', '.join(BY_PATH)}, and without --format prints bare numbers")
    if unit and not (get and name in ("summary", "table", *IN_UNITS)):
        raise failure(f"--unit goes with --get, for bare numbers, {', '.join(IN_UNITS)}; others have canonical units")
    if prefix != ENV_PREFIX and name != "env":
        raise failure("--prefix goes with --format env")


def attempts(
    sources: Iterable[RackSource], scenarios: Sequence[str], sets: Sequence[str], beside: Beside
) -> Iterator[Attempt]:
    """Every rack in every scenario, one after the other, each read once: its estimate, or why there is none."""
    for shown, read in sources:
        try:
            text, file, line_offset = read()
        except InputError as error:
            yield from ((shown, scenario, error) for scenario in scenarios)
            continue
        for scenario in scenarios:
            try:
                loaded = load_text(text, file, scenario, sets, line_offset)
                report = computed(loaded)
                beside(loaded, report)
                yield shown, scenario, report
            except InputError as error:
                yield shown, scenario, error


def estimates_of(racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str], beside: Beside) -> list[Any]:
    """Every rack in every scenario. InputError with the problems of all of them."""
    reports: list[Any] = []
    problems: list[Problem] = []
    for _, _, made in attempts(map(from_file, racks), scenarios, sets, beside):
        if isinstance(made, InputError):
            problems += made.problems
        else:
            reports.append(made)
    if problems:
        raise InputError(problems)
    return reports


def streamed(
    racks: Sequence[str], scenarios: Sequence[str], sets: Sequence[str], keep: bool, beside: Beside, **view: Any
) -> list[Any]:
    """A line for every rack in every scenario as soon as it is computed, on standard output; the estimates, if kept.

    A rack that cannot be computed has a line that says why, and the others go on; then exit code 2, after the last.
    """
    from rackcalc.render import estimate_jsonl as jsonl

    said, kept, empty = Report(), [], True
    for rack, scenario, made in attempts(racks_of_arguments(racks), scenarios, sets, beside):
        empty = False
        try:
            if isinstance(made, InputError):
                raise made
            emit(jsonl.render([made], **view))
            kept += [made] if keep else []
        except InputError as error:
            emit(jsonl.refused(rack, scenario, error.problems))
            said.add(error.problems)
    if empty:
        raise failure("is empty: no rack, and no name of one", STDIN)
    if said.count:
        said.close()
        leave(2)
    return kept


def sections_of(asked: Iterable[str]) -> list[str]:
    """The names of sections that --section asks for. InputError naming every one that there is not."""
    names = [name.strip() for given in asked for name in given.split(",")]
    wrong = [Problem("--section", 0, 0, "", f'no section "{name}"{suggest(name, SECTIONS)}') for name in names]
    if any(name not in SECTIONS for name in names):
        raise InputError([problem for name, problem in zip(names, wrong, strict=True) if name not in SECTIONS])
    return names


def rendered(
    reports: Sequence[Any],
    name: str,
    colour: bool | None = None,
    everything: bool = False,
    sections: Sequence[str] = (),
    **view: Any,
) -> str:
    """Estimates in the named format. view: what of them, as the format's render takes it."""
    if name == "table":
        from rackcalc.render import estimate_table as table  # rich takes as long as all the rest

        shown = table.render(reports, colour, everything, view["interval"], sections)
        return shown + drawn_below(reports, sections) if view.get("pictures") else shown
    if name == "summary":
        from rackcalc.render import estimate_summary

        shown = estimate_summary.render(reports, colour, view["interval"], view.get("pictures", False))
        return shown + drawn_below(reports, sections) if view.get("pictures") else shown
    return renderer(name)(reports, **view)


def drawn_below(reports: Sequence[Any], sections: Sequence[str]) -> str:
    """The pictures of each report that belong to these sections, () for all."""
    from rackcalc.render.aligned_text import line_width
    from rackcalc.render.estimate_summary import Figures
    from rackcalc.render.terminal_pictures import pictures

    lines: list[str] = []
    for report in reports:
        found = list(pictures(Figures(report, interval=False), line_width(), sections))
        lines += ["", report.title, *found] if found and len(reports) > 1 else found
    return "".join(f"{line}\n" for line in lines)


def bare_numbers(reports: Sequence[Any], wanted: Mapping[str, Sequence[str]], labels: bool = False) -> str:
    """Figures as numbers and nothing else, one a line, each in the unit that bare_unit says.

    wanted: the units asked for, by path. labels: path, number and unit, after the rack where there are several.
    """
    from rackcalc.render.cells import bare_unit

    lines: list[str] = []
    problems: list[Problem] = []
    for report in reports:
        for path, units in wanted.items():
            try:
                name, found = named_figure(report, path)
                unit = bare_unit(name, found, units)
                number = f"{in_unit(found, float(found.value), unit):.12g}"
                head = [report.title] * (len(reports) > 1)
                lines.append("\t".join([*head, name, number, unit] if labels else [number]) + "\n")
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return "".join(lines)


def format_of_file(file: str) -> str:
    """The format that a file's ending names."""
    name = format_of(file)
    if name is None:
        endings = ", ".join(ending for _, group in FORMATS.values() for ending in group)
        raise failure(f"-o: the ending names the format: {endings}", file)
    return name
