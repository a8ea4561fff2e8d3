"""`rackcalc sweep`: the result as a table, as JSON, as JSON Lines or as CSV."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from rackcalc.quantities import unit_text
from rackcalc.quantities.csv_cells import cell, number
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.sweep.result import Column, SweepResult
from rackcalc.render.aligned_text import aligned, line_width
from rackcalc.render.cells import cell as figure_cell
from rackcalc.render.cells import usual_unit
from rackcalc.render.json_data import json_text, json_value
from rackcalc.version import __version__

SCHEMA = "rackcalc.sweep/1"


def render(result: SweepResult, name: str) -> str:
    """The result in the named format."""
    return {"table": as_text, "json": as_json, "jsonl": as_jsonl, "csv": as_csv}[name](result)


def as_text(result: SweepResult) -> str:
    """A table for every list of points, the statistics, and how many points match or are refused."""
    blocks = []
    for title, records in result.titled_lists():
        cells = [[column.path for column in result.columns]]
        cells += [
            [shown_value(column, value) for column, value in zip(result.columns, row, strict=True)] for row in records
        ]
        blocks.append(f"{title}\n{_table(cells)}" if title else _table(cells))
    if result.part.stats is not None:
        cells = [["", *next(iter(result.statistics()), ("", {}))[1]]]
        for column, found in result.statistics():
            shown = [shown_value(column, value) for value in found.values()]
            cells.append([column.path, *shown])
        blocks.append(_table(cells))
    return "\n".join([*blocks, "".join(f"{line}\n" for line in count_lines(result))])


def count_lines(result: SweepResult) -> Iterator[str]:
    """How many points match, are filtered out and are refused, in lines."""
    part = result.part
    yield f"{part.points:,} points, {part.matches:,} match"
    if part.outside:
        yield f"  {part.outside:,} outside --where"
    for reason, count in part.refused.most_common():
        yield f"  {count:,} refused: {reason}"
    why = {column.path: f" ({column.unknown})" for column in result.columns if column.unknown}
    for path, count in part.no_number.most_common():
        yield f"  {count:,} without a number for {path}{why.get(path, '')}"
    for note in result.notes:
        yield f"note: {note}"


def shown_value(column: Column, value: Any) -> str:
    """A number or word of a column, as text."""
    if isinstance(value, str):
        return value
    if value != value:
        return "unknown" if column.unknown else "no number"
    if usual_unit(column.path) is not None:
        return figure_cell(column.path, Quantity(value, column.unit))
    return unit_text.show(value, column.unit, absolute=column.absolute)


def _table(cells: Sequence[Sequence[str]]) -> str:
    return "\n".join(aligned(cells, width=line_width(), headed=True)) + "\n"


def as_data(result: SweepResult) -> dict[str, Any]:
    """The result as plain data, in canonical units."""
    paths = [column.path for column in result.columns]
    data: dict[str, Any] = {"schema": SCHEMA, "rackcalc": __version__}
    data["units"] = {column.path: column.unit for column in result.columns if not column.words}
    data |= {"points": result.part.points, "matches": result.part.matches, "outside": result.part.outside}
    data["refused"] = dict(result.part.refused.most_common())
    data["no_number"] = dict(result.part.no_number.most_common())
    data["unknown"] = {column.path: column.unknown for column in result.columns if column.unknown}
    data["notes"] = [*result.notes]
    for name, records in result.lists():
        data[name] = [dict(zip(paths, map(json_value, row), strict=True)) for row in records]
    if result.part.stats is not None:
        data["stats"] = {
            column.path: {name: json_value(value) for name, value in found.items()}
            for column, found in result.statistics()
        }
    return data


def as_json(result: SweepResult) -> str:
    """The result as one JSON object."""
    return json_text(as_data(result))


def as_jsonl(result: SweepResult) -> str:
    """A line for every listed point."""
    paths = [column.path for column in result.columns]
    lines = [
        json.dumps({"list": name} | dict(zip(paths, map(json_value, row), strict=True)))
        for name, records in result.lists()
        for row in records
    ]
    return "".join(f"{line}\n" for line in lines)


def as_csv(result: SweepResult) -> str:
    """A row for every listed point. Numbers are in canonical units, which are named in the heading."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["list", *[column.heading for column in result.columns]])
    for name, records in result.lists():
        for row in records:
            writer.writerow([name, *[cell(value) if isinstance(value, str) else number(value) for value in row]])
    return stream.getvalue()
