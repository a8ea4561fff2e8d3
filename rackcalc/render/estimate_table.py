"""Estimates as a table for people: it fits a terminal; in a pipe it has its full width, and no cell is cut."""

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rackcalc.quantities.display import shown_scenario
from rackcalc.render.aligned_text import GAP, apart, line_width, together, wrapped
from rackcalc.render.figure_rows import SECTIONS, Row, rows, with_intervals

_LABEL = 34  # characters for names in a terminal that is too narrow for all columns; the longest values are folded
_INDENT = 5  # characters beside the longest step of a name: the indent of a folded one, and a dot
_NAME = 29  # characters of a name in the list, where its value is beside it
_LEAST = 20  # with fewer, the table becomes a list


def render(
    reports: Sequence[Any],
    colour: bool | None = None,
    everything: bool = False,
    interval: bool = True,
    sections: Sequence[str] = (),
) -> str:
    """The table as text. colour: None for what the terminal wants (NO_COLOR, FORCE_COLOR, TERM).

    everything: all figures. interval: with a column of 80 % intervals, for a single estimate. sections: only these.
    """
    from rich.console import Console
    from rich.text import Text

    tty = sys.stdout.isatty()
    coloured = wants_colour(tty) if colour is None else colour
    lines = [row for row in rows(reports, everything) if row.section in (sections or SECTIONS)]
    width = line_width()
    single, names = len(reports) == 1, headings(reports)
    if single and interval:
        lines, names = with_intervals(lines, reports[0]), ["", "80 % interval"]
    listed = label_room(lines, width) < max(
        _LEAST, *(len(step) + _INDENT for row in lines for step in row.path.split("."))
    )
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
        if listed:
            console.print(Text("\n".join(_list(names, lines, single, width))))
        else:
            console.print(_grid(names, lines, label_room(lines, width), single))
        for name, report in zip(names, reports, strict=False):
            for said in report.notes:
                console.print(Text(together(f"note: {said}" if single else f"note: {name}: {said}"), style="yellow"))
    return "\n".join(apart(line).rstrip() for line in capture.get().splitlines()) + "\n"


def _grid(names: Sequence[str], lines: Sequence[Row], line_width: int, single: bool) -> Any:
    """The rows as a rich table: name, a column for every estimate, basis. A single one has its interval and shares."""
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
        label = Text(folded(row.path, line_width))
        cells = [Text(together(value), style="red" if value in ("unbounded", "none") else "") for value in row.cells]
        table.add_row(label, *cells, *([Text(row.share, style="dim")] if single else []), Text(row.kind))
    return table


def _list(names: Sequence[str], lines: Sequence[Row], single: bool, width: int) -> Iterator[str]:
    """The rows one below another, for narrow terminals; a value beside its name where it fits."""
    section = ""
    for row in lines:
        if row.section != section:
            section = row.section
            yield SECTIONS[section][0]
        if not single:
            yield f"  {row.path}"
            yield from (f"    {name}  {value}" for name, value in zip(names, row.cells, strict=True))
            continue
        value, interval = (*row.cells, "")[:2]
        said = "  ".join(filter(None, (value, f"({interval})" if interval else "", row.share, row.kind)))
        beside = f"  {row.path:{_NAME}}  {said}"
        if len(beside) <= width:
            yield beside
        else:
            yield f"  {row.path}"
            yield from wrapped(said, width, "    ", "      ")


def label_room(lines: Sequence[Row], width: int) -> int:
    """Characters left for the names by the widest values, or, where these are few, by the longest words of values."""
    columns = list(zip(*(row.cells for row in lines), strict=True))
    taken = max((len(row.kind) for row in lines), default=0) + GAP * (len(columns) + 1)
    share = max((len(row.share) for row in lines), default=0)
    taken += GAP + share if share else 0
    whole = sum(max(map(len, column)) for column in columns)
    words = sum(max(len(word) for cell in column for word in together(cell).split(" ")) for column in columns)
    return max(width - taken - whole, min(width - taken - words, _LABEL))


def folded(path: str, line_width: int) -> str:
    """The path, indented, and broken after a dot where it is longer than the room."""
    lines = [" "]
    for step in re.findall(r"[^.]+\.?", path):
        if len(lines[-1]) + len(step) >= line_width and lines[-1].strip():
            lines.append("   ")
        lines[-1] += step if lines[-1].strip() else f" {step}"
    return "\n".join(lines)


def headings(reports: Sequence[Any]) -> list[str]:
    """Short column headings: the scenarios where all columns are of one rack, else the names."""
    if len({report.name for report in reports}) == 1:
        return [shown_scenario(report.scenario) or "as described" for report in reports]
    return [report.title for report in reports]


def coloured_text(text: str, style: str, coloured: bool) -> str:
    """A line in a style of rich, as a terminal shows it; without colour, the text itself."""
    if not coloured or not style:
        return text
    from rich.style import Style

    return Style.parse(style).render(text)


def wants_colour(tty: bool) -> bool:
    """NO_COLOR and FORCE_COLOR decide, as their conventions say; else only a terminal that is not dumb has colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return tty and os.environ.get("TERM", "") not in ("", "dumb")
