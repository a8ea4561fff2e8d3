"""Estimates as a Markdown table, for pull requests and step summaries."""

from collections.abc import Sequence
from typing import Any

from rackcalc.render.figure_rows import SECTIONS, rows, with_intervals
from rackcalc.render.markdown_text import escape, table_row


def render(reports: Sequence[Any], interval: bool = True) -> str:
    """One table per section, one column per estimate. interval: with the 80 % intervals of a single estimate."""
    lines: list[str] = []
    section = ""
    titles = [escape(report.title) for report in reports]
    found = list(rows(reports))
    if interval and len(reports) == 1:
        found, titles = with_intervals(found, reports[0]), [*titles, "80 % interval"]
    for row in found:
        if row.section != section:
            section = row.section
            lines += ["", f"### {SECTIONS[section][0]}", "", table_row(["figure", *titles, "basis"])]
            lines.append("| --- |" + " ---: |" * len(titles) + " --- |")
        lines.append(table_row([escape(row.path), *map(escape, row.cells), row.kind]))
    for report in reports:
        lines += ["", *(f"- {escape(note)}" for note in report.notes)]
    return "\n".join(lines).strip() + "\n"
