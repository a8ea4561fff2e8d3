"""Estimates as a Markdown table, for pull requests and step summaries."""

from collections.abc import Sequence
from typing import Any

from rackcalc.render.rows import SECTIONS, rows, with_intervals


def escape(text: str) -> str:
    """Text that cannot end a table cell or start markup."""
    for character in "\\`*_{}[]<>|":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


def render(reports: Sequence[Any], interval: bool = True) -> str:
    """One table per section, one column per estimate. interval: of a single one, with its 80 % intervals."""
    lines: list[str] = []
    section = ""
    titles = [escape(report.title) for report in reports]
    found = list(rows(reports))
    if interval and len(reports) == 1:
        found, titles = with_intervals(found, reports[0]), [*titles, "80 % interval"]
    for row in found:
        if row.section != section:
            section = row.section
            lines += ["", f"### {SECTIONS[section][0]}", "", f"| figure | {' | '.join(titles)} | basis |"]
            lines.append("| --- |" + " ---: |" * len(titles) + " --- |")
        lines.append(f"| {escape(row.path)} | {' | '.join(map(escape, row.cells))} | {row.kind} |")
    for report in reports:
        lines += ["", *(f"- {escape(note)}" for note in report.notes)]
    return "\n".join(lines).strip() + "\n"
