"""Estimates as JSON Lines: one object a line."""

import json
from collections.abc import Sequence
from typing import Any

from rackcalc.quantities.problems import Problem
from rackcalc.render.estimate_json import document
from rackcalc.render.problems import as_data
from rackcalc.version import __version__

REFUSED = "rackcalc.refused/1"


def render(reports: Sequence[Any], interval: bool = True, paths: Sequence[str] = ()) -> str:
    """One line for every estimate."""
    return "".join(json.dumps(document(report, interval, paths)) + "\n" for report in reports)


def refused(rack: str, scenario: str, problems: Sequence[Problem]) -> str:
    """The line of a rack that cannot be computed: every rack has a line."""
    head = {"schema": REFUSED, "rackcalc": __version__, "rack": rack, "scenario": scenario}
    return json.dumps(head | {"problems": [as_data(problem) for problem in problems]}) + "\n"
