"""The reference of figures, as text, data and Markdown: what each means, its unit, and which side is better."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from rackcalc.estimation.figure_meanings import MEANINGS, FigureMeaning, fits
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import failure, suggest
from rackcalc.render.figure_rows import SECTIONS

HEAD = """\
# Figures

What every figure of a result means. `rackcalc figures` prints this list, and `rackcalc figures cost` what has `cost` in
its name. A `*` stands for one name: of a pool of chips, a stage, a link, a year. The unit is that of JSON and CSV;
tables show a unit that fits the value, and `--unit` chooses one for bare numbers. `rackcalc explain RACK FIGURE` shows
where a value comes from.
"""


def chosen(wanted: str = "") -> list[FigureMeaning]:
    """The figures that a pattern, a path or a part of a name stands for; all for "". InputError when there is none."""
    wanted = present_name(wanted)
    found = [known for known in MEANINGS if fits(known.pattern, wanted)]
    found = found or [known for known in MEANINGS if fnmatchcase(known.pattern, wanted)]
    found = found or [known for known in MEANINGS if wanted.casefold() in known.pattern]
    if not found:
        raise failure(f"no such figure{suggest(wanted, [known.pattern for known in MEANINGS])}", wanted)
    return found


def as_text(figures: Sequence[FigureMeaning]) -> str:
    """Two lines for each: path, unit and better side; and below them the meaning."""
    return "".join(
        f"{'  '.join(filter(None, (known.pattern, _unit(known), _better(known))))}\n    {known.meaning}\n"
        for known in figures
    )


def as_data(figures: Sequence[FigureMeaning]) -> list[dict[str, Any]]:
    """For programs. better: lower, higher, or null where neither is."""
    return [
        {"path": known.pattern, "meaning": known.meaning, "unit": known.unit, "better": known.better or None}
        for known in figures
    ]


def as_markdown() -> str:
    """The document: a table for each section of a result."""
    parts = [HEAD]
    for section, (title, _) in SECTIONS.items():
        rows = [known for known in MEANINGS if known.pattern.partition(".")[0] == section]
        lines = [f"| `{known.pattern}` | {known.meaning} | {known.unit} | {known.better} |\n" for known in rows]
        head = "| figure | meaning | unit | better |\n| --- | --- | --- | --- |\n"
        parts.append(f"\n## {title}\n\n{head}{''.join(lines)}")
    return "".join(parts)


def _unit(known: FigureMeaning) -> str:
    return "" if known.unit == "1" else f"[{known.unit}]"


def _better(known: FigureMeaning) -> str:
    return f"{known.better} is better" if known.better else ""
