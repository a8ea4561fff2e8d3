"""Estimates as CSV: one figure a row, canonical units."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from rackcalc.quantities.csv_cells import cell, number
from rackcalc.quantities.figures import selected
from rackcalc.render.estimate_json import intervals_of


def render(reports: Sequence[Any], interval: bool = True, paths: Sequence[str] = (), between: str = ",") -> str:
    """Columns path, value, unit, kind; with interval also low, high (80 %); then rack and scenario, free text.

    paths: those wanted. between: what stands between two cells.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", delimiter=between)
    writer.writerow(["path", "value", "unit", "kind", *(["low", "high"] if interval else []), "rack", "scenario"])
    for report in reports:
        names = cell(report.name), cell(report.scenario)
        wanted = selected(report, paths)
        known = intervals_of(report, wanted if paths else None) if interval else {}
        for path, quantity in wanted.items():
            figure = (path, number(float(quantity.value)), quantity.unit, quantity.kind)
            writer.writerow([*figure, *(number(end) for end in known.get(path, ())), *names])
    return stream.getvalue()
