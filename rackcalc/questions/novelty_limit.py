"""A limit on how much about a figure no measurement has: --max-novelty."""

from collections.abc import Iterable, Iterator
from typing import Any

from rackcalc.estimation.unseen import unseen_by_path
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.questions.gate_conditions import Condition
from rackcalc.questions.gates import Verdict, judge

OPTION = "--max-novelty"
USUAL = ("latency.ttft", "latency.tpot")  # what is judged where no figure is named


def novelty_verdicts(report: Any, paths: Iterable[str], most: int) -> Iterator[Verdict]:
    """A verdict for each figure: it fails where more than `most` about it is new. Without paths: the usual figures."""
    known = dict(figures(report))
    wanted = {path: known[path] for path in dict.fromkeys(paths) if path in known}
    wanted = wanted or {path: known[path] for path in USUAL if path in known}
    for path, found in unseen_by_path(wanted).items():
        number = Quantity(float(found.count), "1", "novelty", source=Source("estimate"))
        subject = f"novelty of {path}"
        why = f"not in the measurements: {', '.join(found.new)}" if found.new else ""
        yield judge(Condition(subject, ">", f"{most}", f"{subject} > {most}", why=why), number, float(most))


def too_novel(report: Any, paths: Iterable[str], most: int) -> list[Problem]:
    """Why figures are refused: each about which more than `most` is new."""
    return [
        Problem(
            report.file, 0, 0, OPTION, f"{verdict.condition.path} is {verdict.actual.value:g}, {verdict.condition.why}"
        )
        for verdict in novelty_verdicts(report, paths, most)
        if verdict.status == "fail"
    ]
