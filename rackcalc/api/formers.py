"""Former estimates, as a baseline: a Result, what its to_dict gave, or the JSON file of one."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.api.errors import DOCUMENT
from rackcalc.api.racks import as_json
from rackcalc.api.results import Result
from rackcalc.quantities.problems import failure
from rackcalc.questions.former_estimates import FormerEstimate, parse_former_estimates, read_former_estimates

Baseline = Result | Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | os.PathLike[str]


def formers_of(given: Baseline) -> tuple[FormerEstimate, ...]:
    """The former estimates: one, or several of a file or list. InputError where it is no estimate of rackcalc."""
    if isinstance(given, Result):
        return parse_former_estimates(as_json(given.to_dict(interval=False), DOCUMENT), "<result>")
    if isinstance(given, str | os.PathLike):
        name = os.fspath(given)
        if name == "-":
            raise failure("names standard input on the command line only", name)
        return read_former_estimates(name)
    if isinstance(given, Mapping | Sequence):
        return parse_former_estimates(as_json(given, DOCUMENT), DOCUMENT)
    raise TypeError(f"a baseline is a Result, its to_dict(), or a JSON file, not {type(given).__name__}")


def is_former(given: Any) -> bool:
    """Whether something given among racks is a former estimate: its data, or a file whose name ends in .json."""
    if isinstance(given, Result):
        return False
    if isinstance(given, Mapping):
        return "schema" in given
    return isinstance(given, str | os.PathLike) and os.fspath(given).lower().endswith(".json")
