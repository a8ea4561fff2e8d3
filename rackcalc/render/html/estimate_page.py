"""Estimates as one HTML page that holds everything it shows."""

from collections.abc import Iterator, Sequence
from typing import Any

from rackcalc.render.estimate_summary import summary
from rackcalc.render.html.explanation import MOST, explanations
from rackcalc.render.html.limits import limits
from rackcalc.render.html.load_chart import load_charts
from rackcalc.render.html.markup import escaped, section, tag
from rackcalc.render.html.money import cash_flow, cost
from rackcalc.render.html.page import page
from rackcalc.render.html.rack_picture import rack_picture
from rackcalc.render.html.roofline import rooflines
from rackcalc.render.html.verdicts import all_figures, verdicts
from rackcalc.render.html.view import View
from rackcalc.render.html.waterfall import waterfall

HINT = "Numbers in parentheses are 80 % intervals. Every underlined number or name leads to its explanation."


def render(reports: Sequence[Any], interval: bool = True, judged: Sequence[Sequence[Any]] = ()) -> str:
    """One page with all estimates, one below the other. judged: of each, the verdicts on the gates of its file."""
    alone = len(reports) == 1
    parts: list[str] = []
    for number, report in enumerate(reports, 1):
        found = judged[number - 1] if judged else ()
        view = View(report, interval, "" if alone else f"r{number}-", found)
        parts += _estimate(view, found, alone, MOST // len(reports))
    title = reports[0].title if alone else f"{len(reports)} estimates"
    contents = [] if alone else [(f"r{number}-top", report.title) for number, report in enumerate(reports, 1)]
    return page(title, "".join(parts), contents, HINT)


def _estimate(view: View, judged: Sequence[Any], alone: bool, most: int) -> Iterator[str]:
    """most: bytes that its explanations may have."""
    first = _summary(view)
    sections = [
        ("rack", "The rack", _side_by_side(rack_picture(view))),
        ("gates", "Gates", verdicts(view, judged)),
        ("time", "Where the time goes", waterfall(view)),
        ("roofline", "Kernels on the roofline", _side_by_side(rooflines(view))),
        ("load", "Latency against load", _side_by_side(load_charts(view))),
        ("limits", "Heat and power against limits", limits(view)),
        ("cost", "Cost by part", _side_by_side(cost(view))),
        ("cash-by-year", "Cash by year", _side_by_side(cash_flow(view))),
    ]
    shown = [(name, title, content) for name, title, content in sections if content]
    figures = all_figures(view)  # after the pictures, so that what these show is explained first
    more = [("figures", "All figures", figures), ("why", "Explanations", explanations(view.reasons, most))]
    yield tag("h1", escaped(view.report.title), id=view.id("top"))
    yield tag("p", escaped(view.report.subject), class_="subject")
    yield first
    links = "".join(tag("li", tag("a", escaped(title), href=f"#{view.id(name)}")) for name, title, _ in [*shown, *more])
    yield tag("nav", tag("ul", links), aria_label="Sections" if alone else f"Sections of {view.report.title}")
    for name, title, content in [*shown, *more]:
        yield section(view.id(name), title, content, closed=(name, title, content) in more)


def _side_by_side(content: str) -> str:
    return tag("div", content, class_="pictures") if content else ""


def _summary(view: View) -> str:
    """The lines of the summary on the screen, and every note."""
    lines = "".join(
        tag("dt", escaped(line.label))
        + tag(
            "dd",
            " ".join(tag("span", view.why(path, text) if path else escaped(text)) for text, path in line.told),
            class_="alarm" if line.alarm else None,
        )
        for line in summary(view.known)
    )
    notes = "".join(tag("li", escaped(note)) for note in view.report.notes)
    return tag("dl", lines) + (tag("ul", notes, class_="notes", aria_label="Notes") if notes else "")
