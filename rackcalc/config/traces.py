"""What a trace says, from one reading of its lines: lengths, arrivals, and blocks of prompts that were seen before.

Memory does not grow with the file: lengths are counted in bars that are at most 1/2048 wide, the gaps between arrivals
are summed as they come, and of the hashes of blocks only the latest are kept, MOST_BLOCKS at least.
"""

import math
from functools import lru_cache
from typing import Any

from rackcalc.config.document import Node
from rackcalc.config.text_files import beside
from rackcalc.config.trace_lines import identity
from rackcalc.config.trace_rows import INPUT, OUTPUT, Columns, Request, requests_of
from rackcalc.formulas.queues.traced_lengths import Bar, shape
from rackcalc.formulas.serving.day_profile import HOURS
from rackcalc.quantities.problems import InputError, failure
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record
from rackcalc.quantities.unit_text import show
from rackcalc.spec.lengths import Lengths, TraceFile

EXACT = 4096  # tokens up to which every length is a bar of its own
MOST_BLOCKS = 500_000  # that are kept at least; up to twice as many are
HOUR = 3600.0  # s
MOST_BURSTY = 4.0  # the law of engines is tested up to here


@record
class ColumnOfTrace:
    """The lengths of a trace: mean, coefficient of variation, means of strata over the mean of all (see shape())."""

    mean: Quantity
    cv: Quantity
    strata: tuple[Quantity, ...]


@record
class TraceOfRequests:
    """What a trace says; None where it has no such column. gap_cv: coefficient of variation of gaps, as counted.

    hours: requests per second in the hours of the day, where they are asked for; arrival_rate is then their mean, and
    gap_cv that within hours.
    """

    input: ColumnOfTrace
    output: ColumnOfTrace
    arrival_rate: Quantity | None
    gap_cv: Quantity | None
    cached: Quantity | None
    longest: float
    hours: tuple[Quantity, ...] = ()


class Histogram:
    """Lengths as they come. bars: by the place of a bar, the number of lengths, their sum, and that of squares."""

    def __init__(self) -> None:
        self.bars: dict[int, list[float]] = {}

    def add(self, tokens: int) -> None:
        """Count one length."""
        shift = tokens.bit_length() - EXACT.bit_length()
        place = tokens if shift <= 0 else (tokens >> shift) + (shift << 40)
        bar = self.bars.get(place)
        if bar is None:
            self.bars[place] = [1, tokens, tokens * tokens]
        else:
            bar[0] += 1
            bar[1] += tokens
            bar[2] += tokens * tokens

    def in_order(self) -> list[Bar]:
        """The bars from the shortest to the longest."""
        return [Bar(int(n), total / n, squares / n) for _, (n, total, squares) in sorted(self.bars.items())]


class Hours:
    """Arrivals by the hour of the day, and how gaps vary within hours."""

    def __init__(self) -> None:
        self.requests = [0] * HOURS
        self.gaps, self.scv = 0, 0.0  # of hours that ended: their gaps, and the sum of gaps times squared cv
        self.now, self.number, self.mean, self.square = -1, 0, 0.0, 0.0  # the present hour, and the gaps in it

    def arrive(self, time: float, gap: float | None) -> None:
        """Count an arrival; times do not fall. gap: since the one before it."""
        hour = int(time // HOUR)
        self.requests[hour % HOURS] += 1
        if hour != self.now:
            self.end()
            self.now = hour
        elif gap is not None:
            self.number += 1
            off = gap - self.mean
            self.mean += off / self.number
            self.square += off * (gap - self.mean)

    def end(self) -> None:
        """The present hour is over."""
        if self.mean > 0:
            self.gaps += self.number
            self.scv += self.square / self.mean**2
        self.number, self.mean, self.square = 0, 0.0, 0.0

    @property
    def gap_cv(self) -> float:
        """Coefficient of variation of the gaps within hours, over their mean in each."""
        now = self.square / self.mean**2 if self.mean > 0 else 0.0
        number = self.gaps + (self.number if self.mean > 0 else 0)
        return math.sqrt((self.scv + now) / number) if number else 0.0

    def rates(self, begin: float, end: float) -> list[float]:
        """Requests per second in each hour of the day, of a trace of a day at least."""
        return [count / _time_of_hour(hour, begin, end) for hour, count in enumerate(self.requests)]


def _time_of_hour(hour: int, begin: float, end: float) -> float:
    """Seconds of an hour of the day between two moments."""

    def until(moment: float) -> float:
        days, rest = divmod(moment, HOURS * HOUR)
        return days * HOUR + min(max(rest - hour * HOUR, 0.0), HOUR)

    return until(end) - until(begin)


class Sums:
    """Everything that is counted while a trace is read."""

    def __init__(self) -> None:
        self.input, self.output = Histogram(), Histogram()
        self.requests = self.left_out = 0
        self.begin: float | None = None
        self.last = 0.0
        self.gaps, self.mean_gap, self.square_gap = 0, 0.0, 0.0
        self.hours = Hours()
        self.blocks: set[int] = set()  # seen lately
        self.older: set[int] = set()  # seen before these
        self.hashed, self.full = False, False  # full: old blocks were forgotten
        self.hits = self.prompt_tokens = 0.0
        self.last_line, self.longest = 0, 0.0  # longest: prompt and answer together

    def add(self, request: Request, path: str, prompts: bool, answers: bool) -> None:
        """Count one request; one without prompt or answer failed, and is left out."""
        if (prompts and not request.input) or (answers and not request.output):
            self.left_out += 1
            return
        self.requests += 1
        self.last_line = request.line
        if request.input + request.output > self.longest:
            self.longest = float(request.input + request.output)
        if prompts:
            self.input.add(request.input)
        if answers:
            self.output.add(request.output)
        if request.time is not None:
            self.arrive(request.time, path, request.line)
        self.prompt_tokens += request.input
        if request.hashes is not None:
            self.look_up(request)

    def arrive(self, time: float, path: str, line: int) -> None:
        """Mean and squared deviation of the gaps so far (B. Welford, Technometrics 4 (1962) 419)."""
        gap: float | None = None
        if self.begin is None:
            self.begin = time
        else:
            gap = time - self.last
            if gap < 0:
                message = f"arrives {show(-gap, 's')} before the request above it; sort the trace by time"
                raise failure(message, path, line, 1)
            self.gaps += 1
            off = gap - self.mean_gap
            self.mean_gap += off / self.gaps
            self.square_gap += off * (gap - self.mean_gap)
        self.hours.arrive(time, gap)
        self.last = time

    def look_up(self, request: Request) -> None:
        """Blocks at the beginning of the prompt that were seen before; then all of them are known."""
        self.hashed = True
        hashes = [hash(block) for block in request.hashes or ()]
        hits = 0
        for block in hashes:
            if block not in self.blocks and block not in self.older:
                break
            hits += 1
        self.blocks.update(hashes)
        if len(self.blocks) > MOST_BLOCKS:
            self.full = self.full or bool(self.older)
            self.older, self.blocks = self.blocks, set()
        if hashes:
            self.hits += request.input * hits / len(hashes)


@lru_cache(maxsize=16)
def _read_once(path: str, columns: Columns, same: tuple[Any, ...]) -> Sums:
    """same: tells a file from a later one of its path."""
    return _read(path, columns)


def _read(path: str, columns: Columns) -> Sums:
    sums, prompts, answers = Sums(), INPUT in columns.wanted, OUTPUT in columns.wanted
    for request in requests_of(path, columns):
        sums.add(request, path, prompts, answers)
    sums.blocks, sums.older = set(), set()
    if not sums.requests:
        why = "every line has a prompt or an answer of 0 tokens" if sums.left_out else "it has a header, and no line"
        raise failure(f"holds no request: {why}", path)
    return sums


def sums_of(path: str, columns: Columns) -> Sums:
    """What a trace adds up to. The same file is not read twice."""
    same = identity(path)
    return _read_once(path, columns, same) if same else _read(path, columns)


def _leaf(value: Any, unit: str, name: str, path: str, sums: Sums, what: str, about: str = "") -> Quantity:
    left = f", without {sums.left_out:,} that have no prompt or no answer" if sums.left_out else ""
    note = f"{what} of {sums.requests:,} requests, up to line {sums.last_line:,}{left}{about}"
    return Quantity(value, unit, name, source=Source("given", file=path, note=note), exact=True)


def _column(lengths: Histogram, name: str, path: str, sums: Sums) -> ColumnOfTrace:
    found = shape(lengths.in_order())
    return ColumnOfTrace(
        _leaf(found.mean, "token", name, path, sums, "mean"),
        _leaf(found.cv, "1", f"{name}_cv", path, sums, "coefficient of variation"),
        tuple(
            _leaf(value, "1", f"{name}_stratum_{place}", path, sums, "mean of a stratum over the mean")
            for place, value in enumerate(found.strata)
        ),
    )


def _place(node: Node, path: str, word: str) -> str:
    """The path of a trace that a rack file names. node: of the name."""
    if not word.strip():
        raise InputError([node.problem(path, "is empty; expected the path of a trace")])
    return beside(node.file, word)


def column_of(node: Node, lengths: Lengths, path: str, role: str) -> ColumnOfTrace:
    """The lengths of one column. node: where the trace is named; path: of the lengths. InputError as it should be."""
    assert lengths.trace is not None
    target = _place(node, path, lengths.trace)
    named = lengths.column or ""
    names = Columns(input=named, wanted=(role,)) if role == INPUT else Columns(output=named, wanted=(role,))
    sums = _with_place(node, path, target, names)
    return _column(sums.input if role == INPUT else sums.output, path, target, sums)


def requests_in(node: Node, trace: TraceFile, path: str) -> TraceOfRequests:
    """All that a trace says. node: where it is named; path: of the section."""
    target = _place(node, path, trace.file)
    words = [word or "" for word in (trace.input, trace.output, trace.time, trace.hashes, trace.time_unit)]
    sums = _with_place(node, path, target, Columns(words[0], words[1], words[2], words[3], words[4]))
    rate = gap_cv = cached = None
    hours: tuple[Quantity, ...] = ()
    if trace.hours:
        hours, rate, gap_cv = _by_hour(node, path, target, sums)
    elif sums.gaps and sums.last > (sums.begin or 0.0):
        whole = f" in {show(sums.last - (sums.begin or 0.0), 's')}"
        rate = _leaf(1 / sums.mean_gap, "request/s", "workload.arrival_rate", target, sums, "rate", whole)
        spread = math.sqrt(sums.square_gap / sums.gaps) / sums.mean_gap
        gap_cv = _leaf(spread, "1", "gap_cv", target, sums, "coefficient of variation of the gaps between arrivals")
    if sums.hashed:
        about = f"; of blocks seen before, the latest {MOST_BLOCKS:,} at least" if sums.full else ""
        share = sums.hits / sums.prompt_tokens
        cached = _leaf(share, "1", "workload.cached", target, sums, "tokens in blocks seen before, as a share", about)
    return TraceOfRequests(
        _column(sums.input, "workload.input", target, sums),
        _column(sums.output, "workload.output", target, sums),
        rate,
        gap_cv,
        cached,
        sums.longest,
        hours,
    )


def _by_hour(node: Node, path: str, target: str, sums: Sums) -> tuple[tuple[Quantity, ...], Quantity, Quantity]:
    """Rates in the hours of the day, their mean, and the variation of gaps within hours."""
    whole = 0.0 if sums.begin is None else sums.last - sums.begin
    if sums.begin is None or whole < HOURS * HOUR:
        has = "has no times of arrival" if sums.begin is None else f"is of {show(whole, 's')}"
        message = f"{node.value} {has}, and the load of all hours of a day needs times of 24 h at least; remove it"
        raise InputError([node.problem(f"{path}.hours", message)])
    rates, about = sums.hours.rates(sums.begin, sums.last), f" in {show(whole, 's')}"
    hours = tuple(
        _leaf(rate, "1", f"workload.hours[{hour}]", target, sums, f"request/s in hour {hour}", about)
        for hour, rate in enumerate(rates)
    )
    mean = _leaf(sum(rates) / HOURS, "request/s", "workload.arrival_rate", target, sums, "mean rate of a day", about)
    spread = _leaf(sums.hours.gap_cv, "1", "gap_cv", target, sums, "coefficient of variation of gaps within hours")
    return hours, mean, spread


def _with_place(node: Node, path: str, target: str, columns: Columns) -> Sums:
    """As sums_of; a file that cannot be opened is a problem of the rack file's line that names it."""
    try:
        return sums_of(target, columns)
    except InputError as error:
        if all(problem.line for problem in error.problems):
            raise
        raise InputError([node.problem(path, str(problem)) for problem in error.problems]) from None
