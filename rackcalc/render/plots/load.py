"""Latency against the load, with the limits on it."""

from math import isfinite
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.render.html.load_chart import CHARTS, limits_on, top_of
from rackcalc.render.html.load_curves import RATE, curves
from rackcalc.render.html.view import View
from rackcalc.render.plots.picture import BAD, COLOURS, SOFT, axes


def load(view: View) -> Any:
    """A figure with one chart for the request, the first token and each token."""
    paths = [f"latency.{group}{level}" for _, group, levels in CHARTS for level in levels]
    found = curves(view.known.table, view.leaves, paths)
    if found is None:
        message = "latency does not change with the load here: no requests come at a rate, or from clients that wait"
        raise failure(message, path=RATE)
    charts = [(title, group, shown) for title, group, levels in CHARTS if (shown := found.of(group, levels))]
    figure, places = axes(view.report.title, len(charts), 0.8 + 2.4 * len(charts))
    for place, (title, group, shown) in zip(places, charts, strict=True):
        path = next(iter(shown.values()))
        columns = {label: found.values[each] for label, each in shown.items()}
        for colour, (label, column) in zip(COLOURS, columns.items(), strict=False):
            points = [(at, value) for at, value in zip(found.places, column, strict=True) if isfinite(value)]
            place.plot(*zip(*points, strict=True), color=colour, label=label)
        known = limits_on(view, group)
        for level, limit in known.items():
            place.axhline(limit, color=BAD, linestyle="--", label=f"limit on {level}")
        place.axvline(found.places[found.at_now], color=SOFT, linestyle=":", label="now")
        top = top_of(found, columns.values(), known)
        highest = top if isfinite(top) and top > 0 else None
        place.set(title=f"{title} against {found.against}", xlim=found.ends, ylim=(0, highest))
        place.set_xticks(*zip(*found.ticks, strict=True))
        place.yaxis.set_major_formatter(lambda value, _, path=path: view.text(path, value).replace("/token", ""))
        place.grid(alpha=0.3)
        place.legend(loc="upper left", ncols=2)
    places[-1].set_xlabel(found.axis)
    return figure
