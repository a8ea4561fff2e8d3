"""Estimates as a table for people: fitted to a terminal, in full width and without cut cells when piped."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from rackcalc.render.rows import SECTIONS, rows

_WIDE = 10_000  # a pipe has no width: nothing may be cut or folded


def render(reports: Sequence[Any], colour: bool | None = None, everything: bool = False) -> str:
    """The table as text. colour: None asks the terminal (NO_COLOR, FORCE_COLOR, TERM). everything: all figures."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    tty = sys.stdout.isatty()
    coloured = wants_colour(tty) if colour is None else colour
    console = Console(
        file=io.StringIO(),
        width=_terminal_width() if tty else _WIDE,
        force_terminal=coloured,
        no_color=not coloured,
        color_system="standard" if coloured else None,
        highlight=False,
        legacy_windows=False,
    )
    single = len(reports) == 1
    table = Table(box=None, pad_edge=False, show_header=not single, header_style="bold")
    table.add_column("", overflow="fold")
    for heading in headings(reports):
        table.add_column(Text(heading), justify="right", overflow="fold")
    if single:
        table.add_column("", justify="right")
    table.add_column("basis", style="dim", overflow="fold")
    section = ""
    for row in rows(reports, everything):
        if row.section != section:
            section = row.section
            table.add_row(Text(SECTIONS[section][0], style="bold"))
        label = Text("  " + row.path)
        cells = [Text(value, style="red" if value in ("inf", "nan") else "") for value in row.cells]
        table.add_row(label, *cells, *([Text(row.share, style="dim")] if single else []), Text(row.kind))
    with console.capture() as capture:
        for report in reports:
            console.print(Text(report.title, style="bold"))
            console.print(Text(report.subject, style="dim"))
        console.print(table)
        for report in reports:
            for said in report.notes:
                console.print(Text(f"note: {said}" if single else f"note: {report.title}: {said}", style="yellow"))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


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


def _terminal_width() -> int:
    import shutil

    return max(40, shutil.get_terminal_size((80, 24)).columns)
