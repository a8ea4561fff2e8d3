"""Estimates as JSON Lines: one object a line."""

import json
from collections.abc import Sequence
from typing import Any

from rackcalc.render.json import document


def render(reports: Sequence[Any], interval: bool = False) -> str:
    """One line per estimate."""
    return "".join(json.dumps(document(report, interval)) + "\n" for report in reports)
