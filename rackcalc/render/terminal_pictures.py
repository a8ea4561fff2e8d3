"""Pictures of an estimate for a terminal: where the time goes, latency by load, power and its limits, cash by year.

Each is a heading and rows of bars with the numbers beside them, so that nothing is said by a bar alone.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.render.estimate_summary import Figures, folded, paid_back
from rackcalc.render.terminal_bars import LEAST, LONGEST, Marks, bar_width, both_ways, marks, rows, stacked

if TYPE_CHECKING:
    from rackcalc.render.html.load_curves import Curves

NEAR = 0.03  # of the present load: then only that one is drawn
CLOSE = 0.4  # powers of two of a number of clients, which are too near to the present one
SMALL = 0.02  # share of a stage below which its terms are shown together
LOADS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.96)  # shares of the largest load whose latencies are drawn
HIGHEST = 0.92  # above this share of the capacity latencies grow without bound: bars may be cut off there
Row = tuple[str, float | tuple[float, ...], str]


def pictures(known: Figures, width: int, sections: Sequence[str] = ()) -> Iterator[str]:
    """The lines of all pictures that this estimate has. sections: of the tables, () for all."""
    drawn = marks()
    for section, picture in PICTURES.items():
        if not sections or section in sections:
            for line in picture(known, width, drawn):
                heading = bool(line) and not line.startswith(" ")
                yield from ["", *folded(line, width)] if heading else [line]


def _time(known: Figures, width: int, drawn: Marks) -> Iterator[str]:
    """Every stage that a request passes, or that takes a step, by its terms."""
    for name, stage in known.report.stages.items():
        path = f"stages.{name}"
        if not known.has(f"{path}.time") or not known.number(f"{path}.time"):
            continue
        whole = known.number(f"{path}.time")
        terms = [(term, float(time.value)) for term, time in stage.terms.items() if time.known]
        large = [(term, time) for term, time in terms if isfinite(time) and abs(time) >= SMALL * abs(whole)]
        if len(large) < 2:
            continue
        large.sort(key=lambda item: -item[1])
        found = [
            (term.replace("_", " "), time / whole, f"{time / whole:.0%}  {known.text(f'{path}.terms.{term}')}")
            for term, time in large
        ]
        what = "one decode step" if name == "decode" else f"stage {name.replace('_', ' ')}"
        yield f"Where the time goes: {what}, {known.text(f'{path}.time')}, bound by {stage.bound_by}"
        yield from _bars(found, max(time / whole for _, time in large), width, drawn)


def _load(known: Figures, width: int, drawn: Marks) -> Iterator[str]:
    """The 99th percentile against the load, or the mean where none is told; of an engine, that of the first token."""
    from rackcalc.render.html.load_curves import curves
    from rackcalc.render.html.view import leaves_of

    leaves = leaves_of(known.table.values())
    group = "ttft_" if known.has("latency.ttft_p99") or known.has("latency.ttft") else ""
    found = curves(known.table, leaves, [f"latency.{group}{level}" for level in ("p50", "p99")])
    shown = {} if found is None else found.of(group, ("p50", "p99"))
    if found is None or not shown:
        return
    half, most = shown.get("p50", ""), shown.get("p99") or shown.get("mean", "")
    if not most:
        return
    highest, now = found.values[most], found.at_now
    slo = leaves.get(f"workload.slo.{group}p99")
    limit = None if slo is None or not slo.known else float(slo.value)
    seen = [x for x, share in zip(highest, found.places, strict=True) if found.closed or share <= HIGHEST]
    top = max([*seen, highest[now]])
    lines: list[Row] = []
    for place in _shown_loads(found):
        p50, p99 = (found.values[half][place] if half in found.values else 0.0), highest[place]
        if not (isfinite(p99) and isfinite(p50)):
            continue
        label = f"{'now ' if place == now else ''}{found.label(place)}"
        parts = (min(p50, p99), max(p99 - p50, 0.0)) if half else (p99,)
        rate = f"  {known.at('throughput.at_concurrency', found.rates[place])}" if found.closed else ""
        lines.append((label, parts, known.at(most, p99) + rate))
    if len(lines) < 2:
        return
    top = max(top, 1.05 * limit) if limit is not None and limit < 4 * top else top
    said = f", limit {known.at(most, limit)}" if limit is not None else ""
    what = "first token" if group else "request"
    told = "p50 and beyond it p99" if half else "mean"
    by = "" if found.closed else ", by share of the capacity in use"
    yield f"Latency against {found.against}: {what}, {told}{said}{by}"
    yield from _bars(lines, top, width, drawn, limit)


def _shown_loads(found: "Curves") -> list[int]:
    """The loads that have a bar, in order: the present one, and others that are not too near to it."""
    now, places = found.at_now, range(len(found.loads))
    if found.closed:
        powers = {place for place in places if found.places[place] == round(found.places[place])}
        wanted = {place for place in powers if found.places[place] % 2 == 0 or found.loads[place] >= found.now / 2}
        return sorted({place for place in wanted if abs(found.places[place] - found.places[now]) > CLOSE} | {now})
    wanted = {min(places, key=lambda place: abs(found.places[place] - load)) for load in LOADS}
    near = {place for place in wanted if abs(found.places[place] - found.places[now]) < NEAR}
    return sorted((wanted - near) | {now})


def _power(known: Figures, width: int, drawn: Marks) -> Iterator[str]:
    """Mean and peak power, and what may not be exceeded: what cooling removes, what the site keeps."""
    lines: list[Row] = []
    for label, path in (("mean", "power.it"), ("peak", "power.peak.it"), ("peak, site", "power.peak.facility")):
        if known.has(path):
            lines.append((label, known.number(path), known.text(path)))
    limits = []
    margin = known.table.get("thermal.rack_headroom")
    removed = _limit(margin)
    if removed is not None and margin is not None:
        heat = removed - float(margin.value)
        text = f"{show(heat, 'W', digits=3)} of {show(removed, 'W', digits=3)}"
        lines.append(("heat per rack", heat, text))
        limits.append(removed)
    for path, label in (("supply.reserved", "kept by the site"), ("power.rated", "rated")):
        if known.has(path):
            lines.append((label, known.number(path), known.text(path)))
    if len(lines) < 2:
        return
    top = max([float(line[1]) for line in lines if isinstance(line[1], float)] + limits)
    said = " (the mark: most heat that the cooling removes)" if limits else ""
    yield f"Power against limits{said}"
    yield from _bars(lines, top, width, drawn, removed, "heat per rack")


def _cash(known: Figures, width: int, drawn: Marks) -> Iterator[str]:
    """What comes in less what goes out in each year, and the sum so far."""
    paths = [path for path in known.table if path.startswith("roi.cash_flow.")]
    flows = [known.number(path) for path in paths if known.has(path)]
    if len(paths) < 2 or len(flows) < len(paths) or not any(flows) or not all(map(isfinite, flows)):
        return
    sums = list(accumulate(flows))
    labels = [path.rpartition(".")[2].replace("_", " ") for path in paths]
    texts = [
        f"{known.at(path, flow)}, sum {known.at(path, so_far)}"
        for path, flow, so_far in zip(paths, flows, sums, strict=True)
    ]
    low, high = min(0.0, *flows), max(0.0, *flows)
    room = bar_width(labels, texts, width)
    lines = [
        (label, both_ways(flow, low, high, room or max(LEAST, min(LONGEST, width - 4)), drawn), text)
        for label, flow, text in zip(labels, flows, texts, strict=True)
    ]
    yield f"Cash by year: {paid_back(known) if known.has('roi.payback') else 'payback unknown'}"
    yield from rows(lines, bool(room))


def _limit(margin: Quantity | None) -> float | None:
    """The limit that a margin is counted from; None where it is unknown, or there is none."""
    if margin is None or not margin.known:
        return None
    found = margin.inputs.get("limit")
    value = float(found.value) if found is not None and found.known else float("inf")
    return value if isfinite(value) and isfinite(float(margin.value)) else None


def _bars(
    lines: Sequence[Row], top: float, width: int, drawn: Marks, limit: float | None = None, only: str = ""
) -> Iterator[str]:
    """Rows of bars on one scale. top: the value of a whole bar. limit: value of a mark. only: the row that has it."""
    room = bar_width([line[0] for line in lines], [line[2] for line in lines], width)
    length = room or max(LEAST, min(LONGEST, width - 4))
    shown = []
    for label, value, text in lines:
        parts = value if isinstance(value, tuple) else (value,)
        mark = None if limit is None or (only and only != label) else limit / top
        shown.append((label, stacked([part / top for part in parts] if top else [0.0], length, drawn, mark), text))
    yield from rows(shown, bool(room))


PICTURES: dict[str, Callable[[Figures, int, Marks], Iterator[str]]] = {
    "stages": _time,
    "latency": _load,
    "power": _power,
    "roi": _cash,
}
