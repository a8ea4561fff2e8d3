"""`rackcalc check`: verdicts of gates as lines for people, as Markdown, as JSON, and as JUnit XML."""

from collections.abc import Callable, Sequence
from math import isfinite, isnan
from typing import Any

from rackcalc.quantities.display import is_temperature, show_value
from rackcalc.quantities.problems import Problem, printable
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.quantities.unit_text import show
from rackcalc.questions.gates import Verdict
from rackcalc.render.cells import interval_text
from rackcalc.render.json_data import json_number, json_text
from rackcalc.render.markdown_text import escape, table_row
from rackcalc.render.percentages import distance_percent, percent
from rackcalc.render.problems import as_data as problem_data
from rackcalc.version import __version__

SCHEMA = "rackcalc.check/1"
STATUSES = ("pass", "warn", "fail")
Judged = tuple[Any, Sequence[Verdict]]  # an estimate, or a Refused, and the verdicts on its gates


@record
class Refused:
    """A rack among several that cannot be judged. problems: why."""

    file: str
    scenario: str
    problems: tuple[Problem, ...]
    name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The file, which is all that is known of it."""
        return f"{self.file} [{self.scenario}]" if self.scenario else self.file


def all_as_text(judged: Sequence[Judged]) -> str:
    """The lines of every rack, below its name where there are several."""
    if len(judged) == 1:
        return as_text(*judged[0])
    return "\n".join(f"{heading(report)}\n{as_text(report, verdicts, report.file)}" for report, verdicts in judged)


def heading(report: Any) -> str:
    """The name of a rack with its file."""
    return printable(report.title if report.title.startswith(report.file) else f"{report.title} ({report.file})")


def as_text(report: Any, verdicts: Sequence[Verdict], file: str = "") -> str:
    """A line for every gate, FAIL latency.p99 = 2.31 ms, limit 2 ms (15.5 % over)  the SLO  rack.yaml:41; a count.

    file: where the rack stands, for lines of gates that stand in no file.
    """
    notes = [f"note: {printable(note)}\n" for note in report.notes]
    errors = [f"ERROR {problem}\n" for problem in problems_of(report)]
    return "".join([*errors, *verdict_lines(verdicts, file), *notes, f"{count(verdicts)}\n"])


def problems_of(report: Any) -> Sequence[Problem]:
    """Why a rack cannot be judged; () for one that can."""
    return report.problems if isinstance(report, Refused) else ()


def verdict_lines(verdicts: Sequence[Verdict], file: str = "") -> list[str]:
    """A line for every gate, with its end; those that fail first, then those that warn."""
    ordered = sorted(verdicts, key=lambda verdict: -STATUSES.index(verdict.status))
    return [f"{verdict.status.upper():4} {line(verdict, file)}\n" for verdict in ordered]


def line(verdict: Verdict, file: str = "") -> str:
    """A verdict in one line, without its status. file: of the rack, where the gate stands in none."""
    condition = verdict.condition
    text = f"{condition.subject} = {actual(verdict)}, limit {limit(verdict)} ({margin(verdict)})"
    doubt = interval(verdict)
    text += ", not certain" if verdict.broken_by_doubt else ""
    if doubt:
        text += f", {'inside the ' if verdict.limit_in_interval else ''}80 % interval {doubt}"
    if condition.delta:
        text += f", {show_value(verdict.figure)} after {show_value(with_value(verdict.figure, verdict.baseline))}"
    if condition.why:
        text += f"  {condition.why}"
    if condition.line:
        text += f"  {condition.file}:{condition.line}"
    elif file:
        text += f"  {file}"
    return printable(text)


def count(verdicts: Sequence[Verdict]) -> str:
    """The number of gates, and how many of them passed, warned and failed."""
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in STATUSES}
    gates = "1 gate" if len(verdicts) == 1 else f"{len(verdicts)} gates"
    return f"{gates}: " + ", ".join(f"{number} {status}" for status, number in counts.items())


def with_value(quantity: Quantity, value: float) -> Quantity:
    """Another value in the unit, and on the temperature scale, of a quantity."""
    return Quantity(value, quantity.unit, absolute=is_temperature(quantity))


def actual(verdict: Verdict) -> str:
    """The compared value as people read it; a change with its sign."""
    if not verdict.condition.delta:
        return show_value(verdict.actual)
    sign = "+" if float(verdict.actual.value) > 0 else ""
    return sign + (percent(float(verdict.actual.value)) if verdict.relative else show_value(verdict.actual))


def limit(verdict: Verdict) -> str:
    """The limit as people read it."""
    return percent(verdict.limit) if verdict.relative else show_value(with_value(verdict.actual, verdict.limit))


def interval(verdict: Verdict) -> str:
    """The 80 % interval of the compared value; "" where it is certain."""
    if isnan(verdict.interval[0]) or isnan(float(verdict.actual.value)):
        return ""
    return interval_text("" if verdict.condition.delta else verdict.condition.path, verdict.actual, verdict.interval)


def margin(verdict: Verdict) -> str:
    """How far the compared value is from its limit, in words. Between percentages it is in points."""
    if verdict.relative and isfinite(verdict.difference) and verdict.difference:
        return f"{abs(verdict.difference) * 100:.3g} points {'over' if verdict.difference > 0 else 'under'}"
    actual = verdict.actual
    return distance(float(actual.value), verdict.limit, actual.unit, is_temperature(actual))


def distance(actual: float, limit: float, unit: str, absolute: bool) -> str:
    """How far a value is from its limit, in words: as a share of the limit; of temperatures in K."""
    over = actual - limit
    if not isfinite(over):
        return "no number" if isnan(over) else "unbounded"
    if not over:
        return "at the limit"
    size = show(abs(over), unit) if absolute or not limit else distance_percent(abs(over / limit))
    return f"{size} {'over' if over > 0 else 'under'}"


def all_as_markdown(judged: Sequence[Judged]) -> str:
    """A table for every rack."""
    return "\n".join(as_markdown(*one, several=len(judged) > 1) for one in judged)


def as_markdown(report: Any, verdicts: Sequence[Verdict], several: bool = False) -> str:
    """A table for a pull request or a step summary."""
    lines = [f"### {escape(heading(report) if several else printable(report.title))}: {count(verdicts)}", ""]
    lines += [f"- **ERROR** {escape(str(problem))}" for problem in problems_of(report)]
    if verdicts:
        lines += [
            "| | gate | actual | limit | margin | 80 % interval | why |",
            "| --- | --- | ---: | ---: | ---: | --- | --- |",
        ]
    for verdict in verdicts:
        doubt = interval(verdict) + (" (holds the limit)" if verdict.limit_in_interval else "")
        place = f" ({verdict.condition.file}:{verdict.condition.line})" if verdict.condition.line else ""
        words = (verdict.condition.text, actual(verdict), limit(verdict), margin(verdict), doubt)
        cells = [*words, verdict.condition.why + place]
        status = verdict.status.upper() if verdict.status == "pass" else f"**{verdict.status.upper()}**"
        lines.append(table_row([status, *(escape(printable(cell)) for cell in cells)]))
    if report.notes:
        lines += ["", *(f"- {escape(printable(note))}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def all_as_json(judged: Sequence[Judged]) -> str:
    """The verdicts of one rack, or an array of them for several racks."""
    found = [report_data(*one) for one in judged]
    return json_text(found[0] if len(found) == 1 else found)


def report_data(report: Any, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All verdicts of one rack as plain data, in canonical units."""
    head = {"schema": SCHEMA, "rackcalc": __version__, "name": report.name, "scenario": report.scenario}
    failed = any(verdict.status == "fail" for verdict in verdicts)
    problems = problems_of(report)
    return head | {
        "file": report.file,
        "passed": not (failed or problems),
        "gates": list(map(as_data, verdicts)),
        "notes": [*report.notes],
        "problems": list(map(problem_data, problems)),
    }


def as_data(verdict: Verdict) -> dict[str, Any]:
    """One verdict as plain data. For delta(...), actual, low, high and limit are about the change of the figure."""
    condition = verdict.condition
    return {
        "gate": condition.text,
        "level": condition.level,
        "status": verdict.status,
        "path": condition.path,
        "compared": "figure" if not condition.delta else "share" if verdict.relative else "change",
        "actual": json_number(float(verdict.actual.value)),
        **dict(zip(("low", "high"), map(json_number, verdict.interval), strict=True)),
        "limit": verdict.limit,
        "unit": verdict.actual.unit,
        "difference": json_number(verdict.difference),
        "margin": json_number(verdict.margin),
        "straddles": verdict.limit_in_interval,
        "figure": json_number(float(verdict.figure.value)),
        "baseline": json_number(verdict.baseline),
        "kind": verdict.figure.kind,
        "why": condition.why,
        "file": condition.file,
        "line": condition.line,
    }


def annotations(verdicts: Sequence[Verdict]) -> list[tuple[str, Problem]]:
    """The verdicts that fail or warn, with their level for a code host: error or warning."""
    levels = {"fail": "error", "warn": "warning"}
    return [
        (
            levels[verdict.status],
            Problem(verdict.condition.file, verdict.condition.line, verdict.condition.column, "", line(verdict)),
        )
        for verdict in verdicts
        if verdict.status in levels
    ]


def _all_as_junit(judged: Sequence[Judged]) -> str:
    from rackcalc.render.junit import as_junit  # xml takes long to import

    several = len(judged) > 1
    suites = []
    for report, verdicts in judged:
        cases = [_case(verdict, report.file if several else "") for verdict in verdicts]
        cases += [("can be judged", "rack", "error", str(problem)) for problem in problems_of(report)]
        suites.append((heading(report) if several else report.title, cases, report.notes))
    return as_junit(suites)


def _case(verdict: Verdict, file: str) -> tuple[str, str, str, str]:
    return verdict.condition.text, verdict.condition.path, verdict.status, line(verdict, file)


# name -> (renderer, file endings that select it)
FORMATS: dict[str, tuple[Callable[[Sequence[Judged]], str], tuple[str, ...]]] = {
    "table": (all_as_text, (".txt",)),
    "json": (all_as_json, (".json",)),
    "markdown": (all_as_markdown, (".md", ".markdown")),
    "junit": (_all_as_junit, (".xml",)),
}
