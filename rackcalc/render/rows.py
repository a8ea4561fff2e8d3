"""Which figures a person sees, in what order and words. The table and the Markdown report are drawn from these rows."""

from collections.abc import Iterator, Sequence
from typing import Any

from rackcalc.quantity import Quantity
from rackcalc.record import record
from rackcalc.show import show_value
from rackcalc.tree import figures

SECTIONS = {
    "latency": "Latency",
    "throughput": "Throughput",
    "stages": "Where the time goes",
    "link": "Links",
    "memory": "Memory",
    "software": "Software stack",
    "sharing": "Shared with other work",
    "power": "Power",
    "thermal": "Heat",
    "cost": "Cost",
    "roi": "Return",
}


@record
class Row:
    """One line of a report: a section heading (cells empty) or a figure in every estimate."""

    section: str
    path: str
    label: str
    cells: tuple[str, ...]
    kind: str


def rows(reports: Sequence[Any]) -> Iterator[Row]:
    """The figures of all estimates side by side, by section, in the order of the first that has them."""
    tables = [dict(figures(report)) for report in reports]
    paths = list(dict.fromkeys(path for table in tables for path in table))
    for section in SECTIONS:
        for path in paths:
            if path.partition(".")[0] == section:
                found = [table.get(path) for table in tables]
                kinds = [quantity.kind for quantity in found if quantity is not None]
                yield Row(section, path, path, tuple(cell(quantity) for quantity in found), kinds[0] if kinds else "")


def cell(quantity: Quantity | None) -> str:
    """A figure as a person reads it; a dash where an estimate has none."""
    return "-" if quantity is None else show_value(quantity)
