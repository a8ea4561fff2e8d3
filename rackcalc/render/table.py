"""Estimates as a table for people: fitted to a terminal, in full width and without cut cells when piped."""

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from rackcalc.render.rows import SECTIONS, Row, rows, with_intervals

_WIDE = 10_000  # a pipe has no width: nothing may be cut or folded
_GAP = 2  # blanks between columns
_LABEL = 34  # a terminal too narrow for all columns gives the names so much, and folds the longest values
_LEAST = 20  # with less, nothing is folded: `less -S` shows such a table better than any folding


def render(reports: Sequence[Any], colour: bool | None = None, everything: bool = False, interval: bool = True) -> str:
    """The table as text. colour: None asks the terminal (NO_COLOR, FORCE_COLOR, TERM). everything: all figures.

    interval: of a single estimate, with a column of 80 % intervals.
    """
    from rich.console import Console
    from rich.text import Text

    tty = sys.stdout.isatty()
    coloured = wants_colour(tty) if colour is None else colour
    lines = list(rows(reports, everything))
    width = room()
    single, names = len(reports) == 1, headings(reports)
    if single and interval:
        lines, names = with_intervals(lines, reports[0]), ["", "80 % interval"]
    if label_room(lines, width) < _LEAST:
        width = _WIDE
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=coloured,
        no_color=not coloured,
        color_system="standard" if coloured else None,
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        for report in reports:
            console.print(Text(report.title, style="bold"))
            console.print(Text(report.subject, style="dim"))
        console.print(_grid(names, lines, label_room(lines, width), single))
        for name, report in zip(names, reports, strict=False):
            for said in report.notes:
                console.print(Text(f"note: {said}" if single else f"note: {name}: {said}", style="yellow"))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _grid(names: Sequence[str], lines: Sequence[Row], room: int, single: bool) -> Any:
    """The rows as a rich table: name, a column per estimate (or value and interval of one), share of one, basis."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=len(names) > 1, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(Text(name), justify="right", overflow="fold")
    if single:
        table.add_column("", justify="right")
    table.add_column("basis", style="dim", no_wrap=True)
    section = ""
    for row in lines:
        if row.section != section:
            section = row.section
            table.add_row(Text(SECTIONS[section][0], style="bold"))
        label = Text(folded(row.path, room))
        cells = [Text(value, style="red" if value in ("inf", "nan") else "") for value in row.cells]
        table.add_row(label, *cells, *([Text(row.share, style="dim")] if single else []), Text(row.kind))
    return table


def label_room(lines: Sequence[Row], width: int) -> int:
    """Characters for the names: what the widest values leave; where that is little, what their longest words leave."""
    columns = list(zip(*(row.cells for row in lines), strict=True))
    taken = max((len(row.kind) for row in lines), default=0) + _GAP * (len(columns) + 1)
    share = max((len(row.share) for row in lines), default=0)
    taken += _GAP + share if share else 0
    whole = sum(max(map(len, column)) for column in columns)
    words = sum(max(len(word) for cell in column for word in cell.split()) for column in columns)
    return max(width - taken - whole, min(width - taken - words, _LABEL))


def folded(path: str, room: int) -> str:
    """The path, indented, and broken after a dot where it is too long for the room."""
    lines = [" "]
    for step in re.findall(r"[^.]+\.?", path):
        if len(lines[-1]) + len(step) >= room and lines[-1].strip():
            lines.append("   ")
        lines[-1] += step if lines[-1].strip() else f" {step}"
    return "\n".join(lines)


def headings(reports: Sequence[Any]) -> list[str]:
    """Short column headings: the scenarios when the rack is the same everywhere, else the names."""
    if len({report.name for report in reports}) == 1:
        return [report.scenario or "as described" for report in reports]
    return [report.title for report in reports]


def wants_colour(tty: bool) -> bool:
    """NO_COLOR and FORCE_COLOR as the conventions say, else only on a terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return tty and os.environ.get("TERM", "") not in ("", "dumb")


def room() -> int:
    """Characters of a line: the terminal's; a pipe has no end."""
    import shutil

    if not sys.stdout.isatty():
        return _WIDE
    return max(40, shutil.get_terminal_size((80, 24)).columns)
