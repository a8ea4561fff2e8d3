"""Years of a rack file: the overrides of a year and of all before it, and what is said about that year.

A year is asked for as a scenario is: "@2026", or "NAME@2026" for a scenario in that year.
"""

from typing import NamedTuple

from rackcalc.config.builder import Builder
from rackcalc.config.document import Node
from rackcalc.config.overrides import assign_or_report, unknown_step
from rackcalc.quantities.problems import suggest
from rackcalc.spec.fields import declarations
from rackcalc.spec.years import Year, year_number

MARK = "@"


class InYear(NamedTuple):
    """The tree of a rack in a year, and what is said about it."""

    root: Node
    remarks: tuple[str, ...] = ()


def split(scenario: str) -> tuple[str, str]:
    """Scenario and year of a word such as "poc@2026"; "" for what it does not say."""
    name, _, year = scenario.partition(MARK)
    return name, year


def joined(scenario: str, year: str) -> str:
    """The word for a scenario in a year."""
    return f"{scenario}{MARK}{year}" if year else scenario


def year_labels(years: Node | None) -> tuple[str, ...]:
    """The years of a file, earliest first."""
    table = years.value if years is not None and isinstance(years.value, dict) else {}
    return tuple(sorted((label for label in table if year_number(label) is not None), key=_number))


def _number(label: str) -> float:
    return year_number(label) or 0.0


def apply_year(root: Node, years: Node | None, chosen: str, builder: Builder) -> InYear:
    """The tree with the overrides of the chosen year and of all before it. The form of all years is checked."""
    if years is not None and not isinstance(years.value, dict | None):
        builder.fail(years, "years", f"expected a mapping of years to what changes, got {years.kind}")
        return InYear(root)
    table: dict[str, Node] = years.value or {} if years is not None and isinstance(years.value, dict) else {}
    entries = {label: _entry(label, node, builder) for label, node in table.items()}
    if not chosen:
        return InYear(root)
    if chosen not in table:
        known = suggest(chosen, year_labels(years)) or ("" if table else "; the file has none")
        builder.problems.append((years or root).key_problem("years", f'no year "{chosen}"{known}'))
        return InYear(root)
    for label in year_labels(years):
        if _number(label) <= _number(chosen):
            for path, node in _overrides(table[label]).items():
                if not unknown_step(path):
                    root = assign_or_report(root, path, node, builder)
    at = table[chosen]
    number = Node(f"{_number(chosen):g}", at.file, *at.key)  # without a path: the user did not write it
    root = assign_or_report(root, "economics.year", number, builder)
    entry = entries[chosen]
    return InYear(root, () if entry is None else tuple(_remarks(chosen, entry)))


def _overrides(entry: Node) -> dict[str, Node]:
    inside = entry.value.get("set") if isinstance(entry.value, dict) else None
    return inside.value if inside is not None and isinstance(inside.value, dict) else {}


def _entry(label: str, node: Node, builder: Builder) -> Year | None:
    """One year as it is declared; problems with its label, its words and its overrides are added."""
    where = f"years.{label}"
    if year_number(label) is None:
        message = "expected a year such as 2026, early-2026, mid-2026 or late-2026"
        builder.problems.append(node.key_problem(where, message))
    if not isinstance(node.value, dict | None):
        builder.fail(node, where, f"expected a mapping with says, set, vendor, got {node.kind}")
        return None
    inside = dict(node.value or {})
    change = inside.pop("set", None)
    if change is not None and not isinstance(change.value, dict | None):
        builder.fail(change, f"{where}.set", f"expected a mapping of paths to values, got {change.kind}")
    for path, override in _overrides(node).items():
        unknown = unknown_step(path)
        if unknown:
            builder.problems.append(override.key_problem(f"{where}.set.{path}", unknown))
    for key in [key for key in inside if key not in declarations(Year)]:
        said = f"unknown key{suggest(key, ('says', 'set', 'vendor'))}"
        builder.problems.append(inside.pop(key).key_problem(f"{where}.{key}", said))
    found: Year | None = builder.build(Year, node._replace(value=inside), where)
    return found


def _remarks(label: str, entry: Year) -> list[str]:
    said = [f"{label}: {entry.says}"] if entry.says else []
    for item in entry.vendor:
        source = f" ({item.source})" if item.source else ""
        said.append(f"{label}, {item.standing}: {item.says}{source}")
    return said
