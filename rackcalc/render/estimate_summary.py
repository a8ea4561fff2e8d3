"""The answer to an estimate in a dozen lines: how fast, how loaded, how hot, what it costs, and what to beware of.

Every line has a label and pieces, which are laid out for the width of the terminal; a piece is never cut in a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite, isnan
from os.path import exists
from typing import Any

from rackcalc.config.racks import is_bundled
from rackcalc.estimation.notes import NOT_CREDIBLE
from rackcalc.estimation.unseen import doubtful, unseen_by_path
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.quantities.unit_text import show
from rackcalc.render.aligned_text import PIPE_WIDTH, line_width, wrapped
from rackcalc.render.cells import cell, interval_text
from rackcalc.render.estimate_table import coloured_text, wants_colour
from rackcalc.render.terminal_bars import shares_bar

LABEL = 15  # characters of the labels
BESIDE = 60  # a line at least this wide has its labels beside the pieces; a narrower one above them
MOST_NOTES = 3
SCREEN = (80, 17)  # columns and lines that all notes shown fit in, if there is more than one
BOUND = "bound by"  # label of the line that says where the time goes
TERMS = 3  # of a stage, that are named
WORTH_NAMING = 0.05  # share of a stage that a term must have
BETWEEN = "   "  # pieces


@record
class Line:
    """One line of the summary. told: what it says, in order, each piece with the figure it tells, "" for none.

    alarm: it changes a decision.
    """

    label: str
    told: tuple[tuple[str, str], ...]
    alarm: bool = False

    @property
    def pieces(self) -> tuple[str, ...]:
        """What it says."""
        return tuple(text for text, _ in self.told)


class Figures:
    """The figures of one estimate as text, rounded to what their intervals support."""

    def __init__(self, report: Any, interval: bool) -> None:
        self.report = report
        self.table: Mapping[str, Quantity] = dict(figures(report))
        self.draws: Any = None
        self.unseen = unseen_by_path(self.table) if interval else {}
        if interval:
            from rackcalc.replay.intervals import Draws  # not needed without intervals

            self.draws = Draws(report)

    def has(self, path: str) -> bool:
        """Whether there is such a figure with a number in it."""
        found = self.table.get(path)
        return found is not None and found.known and not isnan(float(found.value))

    def number(self, path: str) -> float:
        """A figure in canonical units."""
        return float(self.table[path].value)

    def at(self, path: str, value: float) -> str:
        """Another value of the figure at a path, with its unit."""
        return cell(path, replace(self.table[path], value=value), 3)

    def text(self, path: str, ranged: bool = False) -> str:
        """A figure with its unit. ranged: with its 80 % interval behind it."""
        quantity = self.table[path]
        if not quantity.known:
            return f"unknown ({_together(quantity.unknowns)})"
        if self.draws is None:
            return cell(path, quantity, 3)
        low, high = self.draws.interval(quantity)
        value = float(quantity.value)
        width = abs(high - low) / abs(value) if value and isfinite(high - low) else 0.0
        text = cell(path, quantity, 2 if width > 0.1 else 3)
        beside = interval_text(path, replace(quantity, value=value), (low, high), 2 if width > 0.1 else 3)
        return f"{text} ({beside})" if ranged and beside else text

    def mark(self, path: str) -> str:
        """What stands behind a figure that may be off by more than a factor of two."""
        quantity = self.table[path]
        if self.draws is None or not doubtful(quantity, self.unseen[path], self.draws.interval(quantity)):
            return ""
        return ", not to be relied on"


def render(reports: Sequence[Any], colour: bool | None = None, interval: bool = True, bar: bool | None = None) -> str:
    """The summary of one estimate after the other, as text. colour: None for what the terminal wants.

    bar: with a bar of where the time goes; None for what suits: on a terminal, not in a pipe.
    """
    import sys

    coloured = wants_colour(sys.stdout.isatty()) if colour is None else colour
    width = line_width()
    drawn = width < PIPE_WIDTH if bar is None else bar
    blocks = [list(_block(report, width, interval, drawn)) for report in reports]
    return "\n".join("".join(coloured_text(line, style, coloured) + "\n" for line, style in block) for block in blocks)


def _block(report: Any, width: int, interval: bool, bar: bool) -> Iterator[tuple[str, str]]:
    """The lines of one estimate, each with its style. bar: with the bar of the time."""
    known = Figures(report, interval)
    notes = other_notes(report)
    number = min(len(notes), MOST_NOTES)
    while number > 1 and len(list(_lines(known, notes, number, SCREEN[0], bar=True))) > SCREEN[1]:
        number -= 1
    yield from _lines(known, notes, number, width, bar)


def _lines(known: Figures, notes: Sequence[str], number: int, width: int, bar: bool) -> Iterator[tuple[str, str]]:
    """The lines with so many of the notes."""
    report = known.report
    yield from ((line, "bold") for line in folded(report.title, width))
    yield from ((line, "dim") for line in folded(report.subject, width))
    for line in summary(known):
        yield from ((text, "yellow" if line.alarm else "") for text in laid_out(line, width))
        if bar and line.label == BOUND:
            yield from ((text, "cyan") for text in _time_bar(known, width))
    for note in notes[:number]:
        yield from ((text, "yellow") for text in folded(f"! {note}", width, "  "))
    yield from ((text, "dim") for text in folded(_how_to_see_more(known, len(notes) - number), width))


def other_notes(report: Any) -> list[str]:
    """The notes, but for the one that has a line of its own."""
    return [note for note in report.notes if not (report.nearest_measured and note.startswith("novelty "))]


def summary(known: Figures) -> Iterator[Line]:
    """What the summary says, line by line."""
    for line in (
        *_speed(known),
        *_where(known),
        _load(known),
        *_power(known),
        *_money(known),
        _novelty(known),
    ):
        if line.pieces:
            yield line


def _speed(known: Figures) -> Iterator[Line]:
    for label, path in (("first token", "latency.ttft"), ("per token", "latency.tpot")):
        if known.has(path):
            told = (known.text(path, ranged=True) + known.mark(path), path), *_p99(known, f"{path}_p99", path)
            yield Line(label, tuple((piece.replace("/token", ""), told_path) for piece, told_path in told))
    path = "latency.mean" if known.has("latency.wait") else "latency.service"
    if known.has("latency.service"):
        label = "request" if known.has("latency.tpot") else "latency"
        mean = known.text(path, ranged=True) + known.mark(path), path
        yield Line(label, (mean, *_p99(known, "latency.p99", path)))


def _novelty(known: Figures) -> Line:
    """What about the times no measurement has, and the run that is most like the rack."""
    report = known.report
    if not report.nearest_measured:
        return Line("novelty", ())
    if not report.novelty:
        return Line("nearest run", ((report.nearest_measured, ""),))
    new = f"{len(report.novelty)}: {', '.join(report.novelty)} not in the measurements"
    return Line("novelty", ((new, ""), (f"nearest run: {report.nearest_measured}", "")))


def _p99(known: Figures, path: str, mean: str) -> Iterator[tuple[str, str]]:
    if known.has(path) and known.number(path) != known.number(mean):
        yield f"p99 {known.text(path)}", path


def _where(known: Figures) -> Iterator[Line]:
    """The stage that takes most of a request, what bounds it, and its largest terms."""
    name, shares = _largest_terms(known)
    if not name:
        return
    said = [f"{term.replace('_', ' ')} {share:.0%}" for share, term in shares]
    where = "decoding" if name == "decode" else name.replace("_", " ")
    bound = known.report.stages[name].bound_by
    yield Line(BOUND, ((bound, ""), (f"{where}: {', '.join(said)}" if said else where, f"stages.{name}.time")))


def _largest_terms(known: Figures) -> tuple[str, list[tuple[float, str]]]:
    """The stage that takes most of a request, "" for none, and its largest terms, each with its share of that time."""
    stages = known.report.stages
    times = {name: float(stage.time.value) for name, stage in stages.items() if isfinite(float(stage.time.value))}
    if not times:
        return "", []
    name = "decode" if "decode" in times else max(times, key=lambda name: times[name])
    terms = {term: float(time.value) for term, time in stages[name].terms.items() if time.known}
    shares = sorted(((time / times[name], term) for term, time in terms.items()), reverse=True) if times[name] else []
    return name, [(share, term) for share, term in shares[:TERMS] if share >= WORTH_NAMING]


def _time_bar(known: Figures, width: int) -> Iterator[str]:
    """A bar of the terms that the line above it names, in their order."""
    shares = [share for share, _ in _largest_terms(known)[1]]
    if len(shares) > 1:
        indent = LABEL if width >= BESIDE else 2
        yield " " * indent + shares_bar(shares, width - indent)


def _load(known: Figures) -> Line:
    told = []
    if known.has("throughput.utilization") and known.has("throughput.capacity"):
        used = known.number("throughput.utilization")
        told.append((f"{used:.0%} of {known.text('throughput.capacity')}", "throughput.capacity"))
    if known.has("throughput.at_concurrency"):
        path = "throughput.at_concurrency"
        told.append((f"{known.text(path)} at the stated concurrency", path))
    if known.has("throughput.tokens"):
        told.append((known.text("throughput.tokens"), "throughput.tokens"))
    if known.has("throughput.at_slo"):
        told.append((f"within the limits up to {known.text('throughput.at_slo')}", "throughput.at_slo"))
    return Line("load", (*told, *_memory(known)))


def _memory(known: Figures) -> Iterator[tuple[str, str]]:
    for pool in known.report.memory:
        free, capacity = f"memory.{pool}.free", f"memory.{pool}.capacity"
        if known.has(free) and known.has(capacity):
            what = "memory" if len(known.report.memory) == 1 else f"{pool} memory"
            each = "" if pool != "lpu" else " in all"
            yield f"{what} {known.text(free)} free of {cell(capacity, known.table[capacity], 3)}{each}", free


def _power(known: Figures) -> Iterator[Line]:
    told = []
    if "power.it" in known.table:
        told.append((f"mean {known.text('power.it')}", "power.it"))
    if known.has("power.peak.it"):
        told.append((f"peak {known.text('power.peak.it')}", "power.peak.it"))
    if known.has("power.facility"):
        told.append((f"with cooling {known.text('power.facility')}", "power.facility"))
    alarm, heat = False, []
    if known.has("thermal.rack_headroom"):
        room = known.number("thermal.rack_headroom")
        alarm = room < 0
        said = "more than the room removes" if alarm else "to spare"
        heat.append((f"{show(abs(room), 'W', digits=2)} {said}", "thermal.rack_headroom"))
    for pool, clock in known.report.thermal.clock_share.items():
        if clock.known and float(clock.value) < 0.985:
            alarm = True
            heat.append((f"{pool} slows to {float(clock.value):.0%} of its clock", f"thermal.clock_share.{pool}"))
    if alarm:
        yield Line("power", tuple(told))
        yield Line("heat", tuple(heat), alarm)
    else:
        yield Line("power", (*told, *((f"heat {text}", path) for text, path in heat)))


def _money(known: Figures) -> Iterator[Line]:
    told = []
    if "cost.per_hour" in known.table:
        told.append((known.text("cost.per_hour"), "cost.per_hour"))
    if known.has("cost.capex") and known.number("cost.capex") > 0:
        told.append((f"{known.text('cost.capex')} to buy", "cost.capex"))
    tokens = [
        (f"{what} {_without_unit(known, f'cost.per_million_{what}_tokens')}", f"cost.per_million_{what}_tokens")
        for what in ("output", "input")
        if known.has(f"cost.per_million_{what}_tokens")
    ]
    path = "cost.per_million_requests"
    if not known.has("cost.per_million_output_tokens") and known.has(path):
        told, tokens = [*told, (f"{_without_unit(known, path)} per million requests", path)], []
    yield Line("cost", tuple(told))
    yield Line("per M tokens", tuple(tokens))
    if "roi.payback" in known.table and (known.table["roi.payback"].known or known.has("cost.per_hour")):
        yield _return(known)


def _without_unit(known: Figures, path: str) -> str:
    """A cost of a million of something in money alone, with its interval."""
    return known.text(path, ranged=True).replace("/Mtoken", "").replace("/Mrequest", "")


def _together(reasons: Sequence[str]) -> str:
    """Why something is unknown, with reasons of one kind as one: "no price for gpu, lpu".

    >>> _together(("no price for gpu", "no TDP for lpu", "no price for lpu"))
    'no price for gpu, lpu; no TDP for lpu'
    """
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kind, lacks, what = reason.partition(" for ")
        kinds.setdefault(kind + lacks, []).append(what)
    return "; ".join(kind + ", ".join(whats) for kind, whats in kinds.items())


def _return(known: Figures) -> Line:
    payback = known.table["roi.payback"]
    if not payback.known:
        return Line("return", ((known.text("roi.payback"), "roi.payback"),))
    told = [(paid_back(known), "roi.payback")]
    if known.has("roi.npv"):
        told.append((f"net present value {known.text('roi.npv')}", "roi.npv"))
    if any(note.endswith(NOT_CREDIBLE) for note in known.report.notes):
        told.append(("by a value of latency that is not credible", "roi.value"))
    return Line("return", tuple(told), float(payback.value) == inf)


def paid_back(known: Figures) -> str:
    """When the outlay has come back, in words."""
    value = float(known.table["roi.payback"].value)
    if isnan(value) or value == 0:
        return "no outlay to pay back"
    return "never paid back" if value == inf else f"paid back in {known.text('roi.payback')}s"  # days, years


def _how_to_see_more(known: Figures, more: int) -> str:
    """What is left out. more: notes that are not shown."""
    notes = f"{more} more note{'s' * (more > 1)}, " if more > 0 else ""
    asked = "latency.ttft" if known.has("latency.ttft") else "latency.p99"
    return f"{notes}{len(known.table)} figures: --all; why: rackcalc explain {_argument(known.report.file)} {asked}"


def _argument(file: str) -> str:
    """What names a rack on the command line: its file, or the name of a bundled one."""
    if file[:1] in ("", "<"):
        return "RACK"
    name = file.removesuffix(".yaml")
    return name if is_bundled(name) and not exists(file) else file


def laid_out(line: Line, width: int) -> Iterator[str]:
    """A line of the summary as lines of text within the width: pieces side by side while there is room."""
    beside = width >= BESIDE
    indent = LABEL if beside else 2
    if not beside:
        yield line.label
    rows, row = [], ""
    for piece in line.pieces:
        if row and indent + len(row) + len(BETWEEN) + len(piece) > width:
            rows.append(row)
            row = piece
        else:
            row = row + BETWEEN + piece if row else piece
    rows.append(row)
    folds = [text for row in rows for text in (folded(row, width - indent) if width < PIPE_WIDTH else [row])]
    for number, text in enumerate(folds):
        yield (line.label.ljust(indent) if beside and not number else " " * indent) + text


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """The text as lines within the width, broken between words."""
    return wrapped(text, width, others=indent) or [""]
