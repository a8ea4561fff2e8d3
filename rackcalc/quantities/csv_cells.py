"""Text in cells of CSV files that a spreadsheet will open."""

from math import isfinite
from typing import Any

# Characters by which spreadsheets know a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """The value; text of a user that a spreadsheet would run as a formula has an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def number(value: float) -> str:
    """A number in all its digits; an empty cell where there is none, or none that is finite, as JSON has null there.

    >>> number(0.1), number(2.46e-107), number(float("inf"))
    ('0.1', '2.46e-107', '')
    """
    return repr(value) if isfinite(value) else ""
