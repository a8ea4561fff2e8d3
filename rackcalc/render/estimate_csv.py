"""Estimates as CSV: one figure a row, in canonical units or in those asked for."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.quantities.csv_cells import cell, number
from rackcalc.quantities.display import in_unit
from rackcalc.quantities.figures import selected
from rackcalc.render.cells import bare_unit
from rackcalc.render.estimate_json import intervals_of


def render(
    reports: Sequence[Any],
    interval: bool = True,
    paths: Sequence[str] = (),
    units: Mapping[str, Sequence[str]] | None = None,
    between: str = ",",
) -> str:
    """Columns path, value, unit, kind; with interval also low, high (80 %); then rack and scenario, free text.

    paths: those wanted. units: those asked for, by path, see bare_unit; canonical ones where none are.
    between: what separates two cells.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", delimiter=between)
    writer.writerow(["path", "value", "unit", "kind", *(["low", "high"] if interval else []), "rack", "scenario"])
    for report in reports:
        names = cell(report.name), cell(report.scenario)
        wanted = selected(report, paths)
        known = intervals_of(report, wanted if paths else None) if interval else {}
        for path, quantity in wanted.items():
            asked = (units or {}).get(path, ())
            unit = bare_unit(path, quantity, asked) if asked else quantity.unit

            def shown(value: float, quantity: Any = quantity, unit: str = unit) -> str:
                return number(value if unit == quantity.unit else in_unit(quantity, value, unit))

            ends = (shown(end) for end in known.get(path, ()))
            writer.writerow([path, shown(float(quantity.value)), unit, quantity.kind, *ends, *names])
    return stream.getvalue()
