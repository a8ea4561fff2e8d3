"""Verdicts of gates, as lines for people and as JSON."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from rackcalc import __version__
from rackcalc.gates import Verdict
from rackcalc.quantity import Quantity
from rackcalc.show import show_value


def as_text(verdicts: Sequence[Verdict]) -> str:
    """One line a gate: FAIL latency.p99 = 2.31 ms, limit 2 ms (15.5 % over)  rack.yaml:41"""
    lines = []
    for verdict in verdicts:
        condition = verdict.condition
        limit = Quantity(verdict.limit, verdict.actual.unit, absolute=True)
        line = f"{verdict.status.upper():4} {condition.path} = {show_value(verdict.actual)}, limit {show_value(limit)}"
        line += f" ({distance(verdict)})"
        if condition.why:
            line += f"  {condition.why}"
        if condition.line:
            line += f"  {condition.file}:{condition.line}"
        lines.append(line)
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in ("pass", "warn", "fail")}
    lines.append(f"{len(verdicts)} gates: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return "\n".join(lines) + "\n"


def distance(verdict: Verdict) -> str:
    """How far the figure is from its limit, in words."""
    if not isfinite(verdict.margin):
        return "no number" if verdict.margin != verdict.margin else "unbounded"
    share = f"{abs(verdict.margin) * 100:.3g} %"
    return f"{share} {'over' if verdict.margin > 0 else 'under'}" if verdict.margin else "at the limit"


def as_json(report: Any, verdicts: Sequence[Verdict]) -> str:
    """All verdicts with actual, limit and margin in canonical units."""
    gates = [
        {
            "gate": verdict.condition.text,
            "level": verdict.condition.level,
            "status": verdict.status,
            "path": verdict.condition.path,
            "actual": float(verdict.actual.value) if isfinite(float(verdict.actual.value)) else None,
            "limit": verdict.limit,
            "unit": verdict.actual.unit,
            "margin": verdict.margin if isfinite(verdict.margin) else None,
            "kind": verdict.actual.kind,
            "why": verdict.condition.why,
            "file": verdict.condition.file,
            "line": verdict.condition.line,
        }
        for verdict in verdicts
    ]
    head = {"schema": "rackcalc.check/1", "rackcalc": __version__, "name": report.name, "scenario": report.scenario}
    failed = any(verdict.status == "fail" for verdict in verdicts)
    return json.dumps(head | {"passed": not failed, "gates": gates}, indent=2, ensure_ascii=False) + "\n"
