"""Estimates as CSV: one figure a row, canonical units."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from rackcalc.tree import figures


def render(reports: Sequence[Any]) -> str:
    """Columns rack, scenario, path, value, unit, kind."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["rack", "scenario", "path", "value", "unit", "kind"])
    for report in reports:
        for path, quantity in figures(report):
            writer.writerow(
                [report.name, report.scenario, path, repr(float(quantity.value)), quantity.unit, quantity.kind]
            )
    return stream.getvalue()
