"""What a sweep found, as a table, JSON, JSON lines or CSV."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities import unit_text
from rackcalc.questions.sweep.result import Column, SweepResult
from rackcalc.version import __version__

SCHEMA = "rackcalc.sweep/1"


def render(answer: SweepResult, name: str) -> str:
    """The answer in the named format."""
    return {"table": as_text, "json": as_json, "jsonl": as_jsonl, "csv": as_csv}[name](answer)


def as_text(answer: SweepResult) -> str:
    """A table for every list of points, statistics, and what became of the points."""
    blocks = []
    for title, records in answer.titled_lists():
        cells = [[column.path for column in answer.columns]]
        cells += [[_cell(column, value) for column, value in zip(answer.columns, row, strict=True)] for row in records]
        blocks.append(f"{title}\n{_aligned(cells)}" if title else _aligned(cells))
    if answer.part.stats is not None:
        cells = [["", *next(iter(answer.statistics()), ("", {}))[1]]]
        for column, found in answer.statistics():
            shown = [unit_text.show(value, column.unit, absolute=column.absolute) for value in found.values()]
            cells.append([column.path, *shown])
        blocks.append(_aligned(cells))
    return "\n".join([*blocks, "".join(f"{line}\n" for line in fate(answer))])


def fate(answer: SweepResult) -> Iterator[str]:
    """What became of the points, in lines."""
    part = answer.part
    yield f"{part.points:,} points, {part.matches:,} count"
    if part.outside:
        yield f"  {part.outside:,} outside --where"
    for reason, count in part.refused.most_common():
        yield f"  {count:,} refused: {reason}"


def _cell(column: Column, value: Any) -> str:
    if isinstance(value, str):
        return value
    return unit_text.show(value, column.unit, absolute=column.absolute)


def _aligned(cells: Sequence[Sequence[str]]) -> str:
    """Columns flush right, but the first."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines) + "\n"


def plain(value: Any) -> Any:
    """A word, a number, or None for what is no finite number."""
    return value if isinstance(value, str) or isfinite(value) else None


def as_data(answer: SweepResult) -> dict[str, Any]:
    """The answer as plain data, in canonical units."""
    paths = [column.path for column in answer.columns]
    data: dict[str, Any] = {"schema": SCHEMA, "rackcalc": __version__}
    data["units"] = {column.path: column.unit for column in answer.columns if not column.words}
    data |= {"points": answer.part.points, "matches": answer.part.matches, "outside": answer.part.outside}
    data["refused"] = dict(answer.part.refused.most_common())
    for name, records in answer.lists():
        data[name] = [dict(zip(paths, map(plain, row), strict=True)) for row in records]
    if answer.part.stats is not None:
        data["stats"] = {
            column.path: {name: plain(value) for name, value in found.items()} for column, found in answer.statistics()
        }
    return data


def as_json(answer: SweepResult) -> str:
    """One object."""
    return json.dumps(as_data(answer), indent=2) + "\n"


def as_jsonl(answer: SweepResult) -> str:
    """A line for every point that is listed."""
    paths = [column.path for column in answer.columns]
    lines = [
        json.dumps({"list": name} | dict(zip(paths, map(plain, row), strict=True)))
        for name, records in answer.lists()
        for row in records
    ]
    return "".join(f"{line}\n" for line in lines)


def as_csv(answer: SweepResult) -> str:
    """A row for every point that is listed; numbers in canonical units, which stand in the heading."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["list", *[column.heading for column in answer.columns]])
    for name, records in answer.lists():
        for row in records:
            writer.writerow([name, *[value if isinstance(value, str) else repr(value) for value in row]])
    return stream.getvalue()
