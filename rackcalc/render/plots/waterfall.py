"""Where the time of a request goes: the terms of every stage, each beginning where the one before it ends."""

from math import isfinite
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.render.html.view import View
from rackcalc.render.html.waterfall import SMALL
from rackcalc.render.plots.picture import ONE, TWO, axes

Term = tuple[str, float]


def waterfall(view: View) -> Any:
    """A figure with one chart for every stage that has several terms."""
    charts = [(name, terms) for name in view.report.stages if len(terms := _terms(view, name)) > 1]
    if not charts:
        raise failure("no stage of this rack has several terms to show")
    heights = [1.0 + 0.26 * len(terms) for _, terms in charts]
    figure, places = axes(view.report.title, len(charts), 0.5 + sum(heights))
    places[0].get_gridspec().set_height_ratios(heights)
    for place, (name, terms) in zip(places, charts, strict=True):
        path, at = f"stages.{name}.time", 0.0
        for row, (_, time) in enumerate(terms):
            place.barh(row, time, left=at, color=ONE, height=0.65)
            place.annotate(
                view.text(path, time), (max(at + time, at), row), (4, 0), textcoords="offset points", va="center"
            )
            at += time
        whole = view.value(path) or 0.0
        place.barh(len(terms), whole, color=TWO, height=0.65)
        place.annotate(view.text(path, whole), (whole, len(terms)), (4, 0), textcoords="offset points", va="center")
        place.set_yticks(range(len(terms) + 1), [*(label for label, _ in terms), "together"])
        place.invert_yaxis()
        place.margins(x=0.14)
        place.set_xlim(left=0)
        place.xaxis.set_major_formatter(lambda value, _, path=path: view.text(path, value))
        place.set_title(
            f"{'One decode step' if name == 'decode' else f'Stage {name}'}: "
            f"bound by {view.report.stages[name].bound_by}"
        )
        place.grid(axis="x", alpha=0.3)
    return figure


def _terms(view: View, name: str) -> list[Term]:
    """The terms in order; those that are too short to see together, at the end."""
    whole = view.value(f"stages.{name}.time")
    if not whole:
        return []
    times = {term: float(time.value) for term, time in view.report.stages[name].terms.items() if time.known}
    times = {term: time for term, time in times.items() if isfinite(time)}
    small = sum(time for time in times.values() if abs(time) < SMALL * whole)
    shown = [(term.replace("_", " "), time) for term, time in times.items() if abs(time) >= SMALL * whole]
    return [*shown, ("other terms", small)] if small > 0 else shown
