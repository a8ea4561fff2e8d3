"""The cash of every year, their sum, and when it is paid back."""

from itertools import accumulate
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.render.html.money import payback_words, short
from rackcalc.render.html.view import View
from rackcalc.render.plots.picture import BAD, ONE, TWO, axes


def cash_flow(view: View) -> Any:
    """A figure with bars of each year and a line of what is left of it all."""
    paths = [path for path in view.known.table if path.startswith("roi.cash_flow.")]
    flows = [view.value(path) for path in paths]
    known = [flow for flow in flows if flow is not None]
    if not paths:
        raise failure("no cash flow: nothing says what the rack earns", path="economics")
    if len(known) < len(flows):
        raise failure(f"the cash flow is {view.known.text(paths[flows.index(None)])}", path="economics")
    years = list(range(len(known)))
    figure, (place,) = axes(view.report.title)
    place.bar(years, known, color=[ONE if flow >= 0 else BAD for flow in known], width=0.6, label="cash of the year")
    place.plot(years, list(accumulate(known)), color=TWO, marker="o", label="sum")
    place.axhline(0, color="black", linewidth=0.8)
    place.set(title=f"Cash of every year: {payback_words(view)}", xlabel="year", ylabel="USD")
    place.set_xticks(years)
    place.yaxis.set_major_formatter(lambda value, _: short(value))
    place.grid(axis="y", alpha=0.3)
    place.legend()
    return figure
