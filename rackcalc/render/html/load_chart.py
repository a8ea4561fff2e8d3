"""A chart of latency against the load, with the limit on each percentile where there is one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from rackcalc.quantities.unit_text import rounded
from rackcalc.render.html.axes import Scale, round_numbers
from rackcalc.render.html.load_curves import Curves, curves
from rackcalc.render.html.markup import escaped, line, numbers_behind, picture, tag, words
from rackcalc.render.html.view import View

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 352, 24, 206
CHARTS = (
    ("Whole request", "", ("p50", "p90", "p99", "p999")),
    ("First token", "ttft_", ("p50", "p90", "p99")),
    ("Per token", "tpot_", ("p50", "p90", "p99")),
)
MIDDLE = 0.85  # share of the capacity up to which curves are shown whole where there is room
STYLES = ("one", "two", "three", "four")


def load_charts(view: View) -> str:
    """The charts of one estimate; "" where requests come neither at a rate nor from clients that wait."""
    paths = [f"latency.{group}{level}" for _, group, levels in CHARTS for level in levels]
    found = curves(view.known.table, view.leaves, paths)
    return "" if found is None else "".join(_chart(view, found, *chart) for chart in CHARTS)


def _chart(view: View, found: Curves, title: str, group: str, levels: tuple[str, ...]) -> str:
    shown = found.of(group, levels)
    return _drawn(view, found, title, group, shown, limits_on(view, group)) if shown else ""


def limits_on(view: View, group: str) -> dict[str, float]:
    """Limits on percentiles, by level: of workload.slo, and of the gates of the rack file; of both the lower."""
    limits: dict[str, float] = {}
    for level in ("p50", "p90", "p95", "p99", "p999"):
        stated = view.leaves.get(f"workload.slo.{group}{level}")
        gate = view.gates.get(f"latency.{group}{level}")
        known = [*([] if stated is None else [float(stated.value)]), *([] if gate is None else [gate])]
        if known:
            limits[level] = min(known)
    return limits


def top_of(found: Curves, columns: Iterable[Sequence[float]], limits: Mapping[str, float]) -> float:
    """Where the vertical axis ends: not above what a reader must see, as latency has no bound near the capacity."""
    columns = list(columns)
    seen = [column[found.at_now] for column in columns if isfinite(column[found.at_now])]
    known = [
        value
        for column in columns
        for value, place in zip(column, found.places, strict=True)
        if isfinite(value) and (found.closed or place <= MIDDLE)
    ]
    return 1.15 * max(
        [*seen, *(1.1 * limit for limit in limits.values()), min(max(known, default=0), 4 * max(seen, default=0))]
    )


def _drawn(
    view: View, found: Curves, title: str, group: str, shown: Mapping[str, str], limits: Mapping[str, float]
) -> str:
    """shown: paths by the labels of the curves."""
    path, columns = next(iter(shown.values())), {label: found.values[path] for label, path in shown.items()}
    top = top_of(found, columns.values(), limits)
    if not (isfinite(top) and top > 0):
        return ""
    across, up = Scale(*found.ends, LEFT, RIGHT), Scale(0.0, top, BOTTOM, TOP)
    drawn = [*_frame(view, path, found, across, up, top), *_lines(columns, found, across, up, top)]
    for level, limit in limits.items():
        drawn += [
            line(LEFT, up(limit), RIGHT, up(limit), "limit"),
            words(LEFT + 4, up(limit) - 4, f"limit on {level}", class_="alarm"),
        ]
    here = across(found.places[found.at_now])
    now = f"now {found.label(found.at_now)}" if found.closed else "now"
    drawn += [line(here, TOP, here, BOTTOM, "now"), words(here + 3, BOTTOM - 5, now)]
    name = "-".join(filter(None, ("load", group.rstrip("_"))))
    against = f"{title} against {found.against}"
    said = f"{title}: {', '.join(shown)} against {found.axis}."
    drawing = picture(view.id(name), title, said + " The table below has the numbers.", WIDTH, HEIGHT, drawn)
    head = "clients" if found.closed else "load", "requests/s", *shown
    body = [
        (
            found.label(place),
            rounded(rate, 3),
            *(escaped(_text(view, path, column[place])) for column in columns.values()),
        )
        for place, rate in enumerate(found.rates)
    ]
    cited = ", ".join(view.why(path, f"{label} now") for label, path in shown.items())
    caption = tag("figcaption", f"{escaped(against)} ({cited})")
    return tag("figure", caption + drawing + numbers_behind(against, head, body))


def _text(view: View, path: str, value: float) -> str:
    return view.text(path, value) if isfinite(value) else "no end of waiting" if value > 0 else "not told"


def _frame(view: View, path: str, found: Curves, across: Scale, up: Scale, top: float) -> Iterator[str]:
    for value in round_numbers(0.0, top):
        yield line(LEFT, up(value), RIGHT, up(value), "grid")
        yield words(LEFT - 5, up(value) + 4, view.text(path, value).replace("/token", ""), "end")
    for place, label in found.ticks:
        yield words(across(place), BOTTOM + 15, label, "middle")
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    yield words((LEFT + RIGHT) / 2, HEIGHT - 12, found.axis, "middle")


def _lines(shown: Mapping[str, Sequence[float]], found: Curves, across: Scale, up: Scale, top: float) -> Iterator[str]:
    """The curves, each with its name where it ends: above the chart for those that leave it, else on the right."""
    beyond = float(LEFT)
    leaving: list[tuple[float, float, str, str]] = []
    staying: list[tuple[float, float, str, str]] = []
    for style, (level, column) in zip(STYLES, shown.items(), strict=False):
        points, leaves = _within(list(zip(found.places, column, strict=True)), top)
        if not points:
            continue
        drawn = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        yield tag("polyline", points=drawn, class_=f"curve {style}")
        ending = across(points[-1][0]), up(points[-1][1]), level, style
        (leaving if leaves else staying).append(ending)
    for place, (x, y, level, style) in enumerate(sorted(leaving)):
        last = WIDTH - 34 * (len(leaving) - place)  # the names of the curves further right find room
        beyond = min(max(x - 8, beyond), last) if place else min(x - 8, last)
        yield words(beyond, y - 5, level, class_=f"name {style}")
        beyond += 34
    below = 0.0
    for y, x, level, style in sorted((y, x, level, style) for x, y, level, style in staying):
        below = max(y + 4, below + 12)
        yield words(x + 5, below, level, class_=f"name {style}")


def _within(points: list[tuple[float, float]], top: float) -> tuple[list[tuple[float, float]], bool]:
    """The part of a curve below the top, cut where it crosses it, and whether it leaves there."""
    kept: list[tuple[float, float]] = []
    for x, y in points:
        if not isfinite(y):
            return kept, bool(kept) and kept[-1][1] > 0.9 * top
        if y > top:
            if kept:
                before, low = kept[-1]
                kept.append((before + (x - before) * (top - low) / (y - low), top))
            return kept, True
        kept.append((x, y))
    return kept, False
