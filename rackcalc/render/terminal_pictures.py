"""Pictures of an estimate for a terminal: where the time goes, latency by load, power and its limits, cash by year.

Each is a heading and rows of bars with the numbers beside them, so that nothing is said by a bar alone.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import isfinite

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.render.estimate_summary import Figures, folded, paid_back
from rackcalc.render.terminal_bars import LEAST, LONGEST, Marks, bar_width, both_ways, marks, rows, stacked

NEAR = 0.03  # of the present load: then only that one is drawn
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
    """The 99th percentile against the arrival rate; of an engine, that of the first token."""
    from rackcalc.render.html.load_curves import RATE, curves
    from rackcalc.render.html.view import leaves_of

    group = "ttft_" if known.has("latency.ttft_p99") else ""
    half, most = f"latency.{group}p50", f"latency.{group}p99"
    if not known.has(most):
        return
    leaves = leaves_of(known.table.values())
    found = curves(dict(known.table), leaves.get(RATE), [half, most])
    if found is None or most not in found.values:
        return
    highest = found.values[most]
    now = found.rates.index(found.now)
    top = max((value for value, share in zip(highest, found.shares, strict=True) if share <= HIGHEST), default=0.0)
    top = max(top, highest[now])
    wanted = {min(range(len(found.rates)), key=lambda place: abs(found.shares[place] - load)) for load in LOADS}
    lines: list[Row] = []
    near = {place for place in wanted if abs(found.shares[place] - found.shares[now]) < NEAR}
    for place in sorted((wanted - near) | {now}):
        p50, p99 = (found.values[path][place] if path in found.values else 0.0 for path in (half, most))
        if not (isfinite(p99) and isfinite(p50)):
            continue
        label = f"{'now ' if place == now else ''}{found.shares[place]:.0%}"
        lines.append((label, (min(p50, p99), max(p99 - p50, 0.0)), known.at(most, p99)))
    if len(lines) < 2:
        return
    slo = leaves.get(f"workload.slo.{group}p99")
    limit = None if slo is None or not slo.known else float(slo.value)
    top = max(top, 1.05 * limit) if limit is not None and limit < 4 * top else top
    said = f", limit {known.at(most, limit)}" if limit is not None else ""
    what = "first token" if group else "request"
    yield f"Latency against load: {what}, p50 and beyond it p99{said}, by share of the capacity in use"
    yield from _bars(lines, top, width, drawn, limit)


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
