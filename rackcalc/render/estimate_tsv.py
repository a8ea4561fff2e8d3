"""Estimates as tab-separated values: the columns of the CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.render import estimate_csv


def render(
    reports: Sequence[Any],
    interval: bool = True,
    paths: Sequence[str] = (),
    units: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """As the CSV, with a tab between two cells, for cut, awk and spreadsheets."""
    return estimate_csv.render(reports, interval, paths, units, "\t")
