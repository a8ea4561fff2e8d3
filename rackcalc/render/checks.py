"""Verdicts of gates, as lines for people and as JSON."""

import json
from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

from rackcalc import __version__
from rackcalc.errors import printable
from rackcalc.gates import Verdict
from rackcalc.quantity import Quantity
from rackcalc.render.rows import between
from rackcalc.show import is_temperature, show_value
from rackcalc.units import show


def as_text(verdicts: Sequence[Verdict]) -> str:
    """One line a gate: FAIL latency.p99 = 2.31 ms, limit 2 ms (15.5 % over)  rack.yaml:41"""
    lines = []
    for verdict in verdicts:
        condition = verdict.condition
        absolute = is_temperature(verdict.actual)
        limit = Quantity(verdict.limit, verdict.actual.unit, absolute=absolute)
        line = f"{verdict.status.upper():4} {condition.path} = {show_value(verdict.actual)}, limit {show_value(limit)}"
        line += f" ({distance(float(verdict.actual.value), verdict.limit, verdict.actual.unit, absolute)})"
        low, high = verdict.interval
        if low <= verdict.limit <= high and low < high:
            line += f", inside the 80 % interval {between(condition.path, verdict.actual, (low, high))}"
        if condition.why:
            line += f"  {condition.why}"
        if condition.line:
            line += f"  {condition.file}:{condition.line}"
        lines.append(printable(line))
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in ("pass", "warn", "fail")}
    gates = "1 gate" if len(verdicts) == 1 else f"{len(verdicts)} gates"
    lines.append(f"{gates}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return "\n".join(lines) + "\n"


def distance(actual: float, limit: float, unit: str, absolute: bool) -> str:
    """How far a figure is from its limit, in words: a share of the limit, or kelvins on the temperature scale."""
    over = actual - limit
    if not isfinite(over):
        return "no number" if isnan(over) else "unbounded"
    if not over:
        return "at the limit"
    size = show(abs(over), unit) if absolute or not limit else share(abs(over / limit))
    return f"{size} {'over' if over > 0 else 'under'}"


def share(part: float) -> str:
    """A share in percent; nobody reads the digits of a tiny one."""
    return f"{part * 100:.3g} %" if part >= 1e-5 else "less than 0.001 %"


def number(value: float) -> float | None:
    """A number for JSON, which knows no nan and no inf."""
    return value if isfinite(value) else None


def as_json(report: Any, verdicts: Sequence[Verdict]) -> str:
    """All verdicts with actual, limit and margin in canonical units."""
    gates = [
        {
            "gate": verdict.condition.text,
            "level": verdict.condition.level,
            "status": verdict.status,
            "path": verdict.condition.path,
            "actual": number(float(verdict.actual.value)),
            **dict(zip(("low", "high"), map(number, verdict.interval), strict=True)),
            "limit": verdict.limit,
            "unit": verdict.actual.unit,
            "difference": number(verdict.difference),
            "margin": number(verdict.margin),
            "kind": verdict.actual.kind,
            "why": verdict.condition.why,
            "file": verdict.condition.file,
            "line": verdict.condition.line,
        }
        for verdict in verdicts
    ]
    head = {"schema": "rackcalc.check/1", "rackcalc": __version__, "name": report.name, "scenario": report.scenario}
    failed = any(verdict.status == "fail" for verdict in verdicts)
    return json.dumps(head | {"passed": not failed, "gates": gates}, indent=2) + "\n"
