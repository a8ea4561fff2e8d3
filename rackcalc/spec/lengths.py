"""Lengths of prompts and answers as a rack file may say them: a number, a distribution, or a column of a trace."""

from typing import Any

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import derived, flag, number, text

# The keys that belong together. A first key alone is not enough, but for trace.
FORMS = (("mean", "spread"), ("mean", "cv"), ("p50", "p99"), ("trace", "column"))
TIME_UNITS = ("s", "ms", "us", "ns")


@record
class Lengths:
    """Lengths that differ from request to request."""

    mean: Quantity | None = number(
        "token", "mean length; write spread or cv beside it", above=0, default=None, example="1024 token"
    )
    spread: Quantity | None = number(
        "1",
        "lengths lie evenly between mean x (1 - spread) and mean x (1 + spread), as benchmark tools draw them",
        at_least=0,
        at_most=1,
        default=None,
        example="0.5",
    )
    cv: Quantity | None = number(
        "1",
        "coefficient of variation; lengths are log-normal",
        at_least=0,
        at_most=10,
        default=None,
        example="1.2",
    )
    p50: Quantity | None = number(
        "token", "median of log-normal lengths; write p99 beside it", above=0, default=None, example="800 token"
    )
    p99: Quantity | None = number(
        "token", "99th percentile of log-normal lengths", above=0, default=None, example="6000 token"
    )
    trace: str | None = text("file of a trace, one request a line: CSV with a header, or JSON lines", default=None)
    column: str | None = text("column of the trace (default: one of the known names)", default=None)
    read: Any = derived("what the column of the trace holds: a ColumnOfTrace (config/traces.py)")

    @property
    def kind(self) -> str:
        """What they are, in a few words."""
        if self.trace is not None:
            return f"trace {self.trace}"
        return "even" if self.spread is not None else "log-normal"


@record
class TraceFile:
    """A trace of requests."""

    file: str = text("path of a CSV file with a header, or of JSON lines; may be compressed with gzip")
    input: str | None = text("column with the lengths of prompts (default: one of the known names)", default=None)
    output: str | None = text("column with the lengths of answers", default=None)
    time: str | None = text("column with the times of arrival", default=None)
    time_unit: str | None = text(
        "unit of times that are plain numbers (default: s; ms beside input_length, as Mooncake writes them)",
        choices=TIME_UNITS,
        default=None,
    )
    hours: bool = flag(
        "take the load of each hour of the day from the times of arrival, as workload.hours; plain numbers count from "
        "midnight"
    )
    hashes: str | None = text(
        "column with the hashes of a prompt's blocks, by which hits in the prefix cache are counted", default=None
    )
    read: Any = derived("what the trace says: a TraceOfRequests (config/traces.py)")
