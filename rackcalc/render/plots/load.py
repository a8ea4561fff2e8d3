"""Latency percentiles against the load, with their limits."""

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
    found = curves(dict(view.known.table), view.leaves.get(RATE), paths)
    if found is None:
        raise failure("latency does not change with the load here: no requests come at a rate", path=RATE)
    charts = [
        (title, group, [level for level in levels if f"latency.{group}{level}" in found.values])
        for title, group, levels in CHARTS
    ]
    charts = [chart for chart in charts if chart[2]]
    figure, places = axes(view.report.title, len(charts), 0.8 + 2.4 * len(charts))
    for place, (title, group, levels) in zip(places, charts, strict=True):
        path = f"latency.{group}{levels[0]}"
        shown = {level: found.values[f"latency.{group}{level}"] for level in levels}
        for colour, (level, column) in zip(COLOURS, shown.items(), strict=False):
            points = [(share, value) for share, value in zip(found.shares, column, strict=True) if isfinite(value)]
            place.plot(*zip(*points, strict=True), color=colour, label=level)
        known = limits_on(view, group)
        for level, limit in known.items():
            place.axhline(limit, color=BAD, linestyle="--", label=f"limit on {level}")
        place.axvline(found.shares[found.rates.index(found.now)], color=SOFT, linestyle=":", label="now")
        top = top_of(found, shown, known)
        place.set(title=f"{title} against load", xlim=(0, 1), ylim=(0, top if isfinite(top) and top > 0 else None))
        place.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        place.yaxis.set_major_formatter(lambda value, _, path=path: view.text(path, value).replace("/token", ""))
        place.grid(alpha=0.3)
        place.legend(loc="upper left", ncols=2)
    places[-1].set_xlabel("share of capacity in use")
    return figure
