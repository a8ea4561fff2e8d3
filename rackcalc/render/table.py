"""Estimates as a table for people: fitted to a terminal, in full width and without cut cells when piped."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from rackcalc.render.rows import SECTIONS, rows


def render(reports: Sequence[Any], colour: bool | None = None, width: int | None = None) -> str:
    """The table as text. colour, width: None asks the terminal (NO_COLOR, FORCE_COLOR, TERM, COLUMNS)."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    tty = sys.stdout.isatty()
    wide = width or (None if tty else 10_000)
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=wide or _terminal_width(),
        force_terminal=wants_colour(tty) if colour is None else colour,
        color_system="standard" if (wants_colour(tty) if colour is None else colour) else None,
        highlight=False,
        legacy_windows=False,
    )
    table = Table(box=None, pad_edge=False, show_header=len(reports) > 1, header_style="bold")
    table.add_column("", overflow="fold")
    for report in reports:
        table.add_column(Text(report.title), justify="right", overflow="fold")
    table.add_column("basis" if len(reports) > 1 else "", style="dim", overflow="fold")
    section = ""
    for row in rows(reports):
        if row.section != section:
            if section:
                table.add_row("")
            section = row.section
            table.add_row(Text(SECTIONS[section], style="bold"))
        cells = [Text(value, style="red" if value in ("inf", "nan") else "") for value in row.cells]
        table.add_row(Text("  " + row.label), *cells, Text(row.kind))
    if len(reports) == 1:
        console.print(Text(reports[0].title, style="bold"))
    console.print(table)
    for report in reports:
        for note in report.notes:
            console.print(Text("note: " + note, style="yellow"))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def wants_colour(tty: bool) -> bool:
    """NO_COLOR and FORCE_COLOR as the conventions say, else only on a terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return tty and os.environ.get("TERM", "") not in ("", "dumb")


def _terminal_width() -> int:
    import shutil

    return max(40, shutil.get_terminal_size((80, 24)).columns)
