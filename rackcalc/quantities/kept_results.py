"""@once: a function of records and words whose result is kept within one calculation.

Within results_kept() the same arguments, records by identity, get the result that they got before. Everything that the
function reads is read once; so a calculation begins with nothing kept, and tells which words it reads (words_read.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# The keys hold the arguments, so that no other record takes the identity of one of them. None: results are not kept.
_RESULTS: ContextVar[dict[Any, Any] | None] = ContextVar("results", default=None)


@contextmanager
def results_kept() -> Iterator[None]:
    """Within it a function marked with @once computes each of its results once. It begins with none."""
    token = _RESULTS.set({})
    try:
        yield
    finally:
        _RESULTS.reset(token)


def once(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Mark a function that changes nothing, and whose arguments are records, words and flags."""

    @wraps(function)
    def kept(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
        known = _RESULTS.get()
        if known is None:
            return function(*args, **named)
        key = (function, args, *named.items())
        if key not in known:
            known[key] = function(*args, **named)
        result: Result = known[key]
        return result

    return kept
