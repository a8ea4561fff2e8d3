"""Estimates as CSV: one figure a row, canonical units."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from rackcalc.quantities.csv_cells import cell
from rackcalc.quantities.figures import selected
from rackcalc.render.estimate_json import intervals_of


def render(reports: Sequence[Any], interval: bool = True, paths: Sequence[str] = ()) -> str:
    """Columns rack, scenario, path, value, unit, kind; with interval also low, high (80 %). paths: those wanted."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["rack", "scenario", "path", "value", "unit", "kind", *(["low", "high"] if interval else [])])
    for report in reports:
        names = cell(report.name), cell(report.scenario)
        wanted = selected(report, paths)
        known = intervals_of(report, wanted if paths else None) if interval else {}
        for path, quantity in wanted.items():
            figure = (path, repr(float(quantity.value)), quantity.unit, quantity.kind)
            writer.writerow([*names, *figure, *(repr(end) for end in known.get(path, ()))])
    return stream.getvalue()
