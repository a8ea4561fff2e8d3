"""The gates of the rack file, each with its verdict."""

from collections.abc import Sequence
from typing import Any

from rackcalc.render.cells import cell
from rackcalc.render.html.markup import escaped, scrolled, table, tag
from rackcalc.render.html.view import View


def verdicts(view: View, judged: Sequence[Any]) -> str:
    """A table of verdicts, failures first. certain: the limit is not within the 80 % interval."""
    order = {"fail": 0, "warn": 1, "pass": 2}
    rows = [
        (
            tag("b", escaped(verdict.status), class_=f"is-{verdict.status}"),
            escaped(verdict.condition.text),
            view.why(verdict.condition.path),
            "yes" if verdict.certain else "no",
        )
        for verdict in sorted(judged, key=lambda verdict: order.get(verdict.status, 0))
        if verdict.condition.path in view.known.table
    ]
    return (
        scrolled(table("Gates of the rack file", ("verdict", "gate", "is", "certain"), rows, "listed")) if rows else ""
    )


def all_figures(view: View) -> str:
    """Every figure with its interval and kind, by group, closed until it is asked for."""
    from rackcalc.render.cells import interval_text
    from rackcalc.render.figure_rows import SECTIONS

    groups: dict[str, list[tuple[str, ...]]] = {}
    for path, quantity in view.known.table.items():
        draws = view.known.draws
        range_ = "" if draws is None else interval_text(path, quantity, draws.interval(quantity))
        name = view.why(path, path)
        row = name, escaped(cell(path, quantity)), escaped(range_), escaped(quantity.kind)
        groups.setdefault(path.partition(".")[0], []).append(row)
    head = "figure", "value", "80 % interval", "basis"
    return "".join(
        tag(
            "details",
            tag("summary", escaped(SECTIONS.get(name, (name,))[0])) + scrolled(table(name, head, rows, "figures")),
        )
        for name, rows in groups.items()
    )
