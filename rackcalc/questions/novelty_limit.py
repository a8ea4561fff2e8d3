"""A limit on how much about a figure no measurement has: --max-novelty."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rackcalc.estimation.unseen import Unseen, unseen_by_path
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity, Source, unknown
from rackcalc.questions.gate_conditions import Condition
from rackcalc.questions.gates import Verdict, judge

OPTION = "--max-novelty"
USUAL = ("latency.ttft", "latency.tpot", "latency.p99")  # what is judged where no figure is named, first that are there
TIMED = ("latency", "throughput", "stages")  # figures that are times and rates, which a measurement could tell
UNTOLD = "no measured serving engine to compare with"  # LPUs alone, encoders


def novelty_verdicts(report: Any, paths: Iterable[str], most: int) -> Iterator[Verdict]:
    """A verdict for each figure: it fails where more than `most` about it is new. Without paths: the usual figures.

    A time that rests on no pass of a serving engine has no novelty that could be told, which is not 0, so it fails.
    Other figures without such a pass, as prices and the size of a memory, have none and get no verdict.
    """
    known = dict(figures(report))
    wanted = {path: known[path] for path in dict.fromkeys(paths) if path in known}
    wanted = wanted or {path: known[path] for path in _usual(known)}
    for path, found in unseen_by_path(wanted).items():
        if not found.measured and path.partition(".")[0] not in TIMED:
            continue
        number = _number(found)
        subject = f"novelty of {path}"
        why = f"not in the measurements: {', '.join(found.new)}" if found.new else ""
        yield judge(Condition(subject, ">", f"{most}", f"{subject} > {most}", why=why), number, float(most))


def _usual(known: Mapping[str, Quantity]) -> tuple[str, ...]:
    tokens = tuple(path for path in USUAL[:2] if path in known)
    return tokens or tuple(path for path in USUAL[2:] if path in known)


def _number(found: Unseen) -> Quantity:
    if not found.measured:
        return unknown("1", "novelty", UNTOLD)
    return Quantity(float(found.count), "1", "novelty", source=Source("estimate"))


def too_novel(report: Any, paths: Iterable[str], most: int) -> list[Problem]:
    """Why figures are refused: each about which more than `most` is new."""
    return [
        Problem(report.file, 0, 0, OPTION, f"{verdict.condition.path} is {_said(verdict)}")
        for verdict in novelty_verdicts(report, paths, most)
        if verdict.status == "fail"
    ]


def _said(verdict: Verdict) -> str:
    if not verdict.actual.known:
        return f"unknown: {', '.join(verdict.actual.unknowns)}"
    return f"{verdict.actual.value:g}, {verdict.condition.why}"
