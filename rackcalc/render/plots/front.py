"""The Pareto front of a sweep."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.questions.sweep.result import SweepResult
from rackcalc.render.plots.picture import ONE, TWO, axes
from rackcalc.render.sweep import shown_value


def front(result: SweepResult, title: str) -> Any:
    """A figure with one chart of the first figure that was asked for, against each of the others."""
    if result.part.pareto is None or result.job.pareto is None:
        raise failure('front needs --pareto, as in --pareto "latency.p99,cost.tco"')
    records = next(records for name, records in result.lists() if name == "pareto")
    paths = [column.path for column in result.columns]
    wanted, signs = result.job.pareto
    places = [paths.index(result.job.paths[column]) for column in wanted]
    first, *others = zip(places, signs, strict=True)
    figure, charts = axes(title, len(others), 0.6 + 3.6 * len(others))
    for chart, (second, _) in zip(charts, others, strict=True):
        points = sorted(
            (row[first[0]], row[second]) for row in records if isfinite(row[first[0]]) and isfinite(row[second])
        )
        if not points:
            raise failure("no point of the front has a number")
        if len(others) == 1:
            _border(chart, points, first[1])
        chart.plot(*zip(*points, strict=True), "o", color=ONE)
        for axis, column in ((chart.xaxis, result.columns[first[0]]), (chart.yaxis, result.columns[second])):
            axis.set_major_formatter(lambda value, _, column=column: shown_value(column, value))
            axis.set_label_text(column.path)
        chart.grid(alpha=0.3)
    ends = [f"{'small' if sign > 0 else 'large'} {paths[place]}" for place, sign in (first, *others)]
    charts[0].set_title(f"{len(records)} points that none beats: {', '.join(ends)}")
    return figure


def _border(chart: Any, points: Sequence[tuple[float, float]], sign: float) -> None:
    """The border of what can be had: the second figure of a point holds until the next point is reached."""
    where = "post" if sign > 0 else "pre"
    chart.step(*zip(*points, strict=True), where=where, color=TWO, linewidth=1)
