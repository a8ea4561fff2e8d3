"""rackcalc: how fast, how hot, how much, and why, for a rack of GPUs and LPUs.

    >>> import rackcalc
    >>> result = rackcalc.estimate("bert-a100")
    >>> result.latency.p99.unit
    's'

docs/python.md shows how to use it. A name is read from its module when it is first used, so that the import is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from rackcalc.version import __version__

if TYPE_CHECKING:
    from rackcalc.api.catalog import parts
    from rackcalc.api.comparisons import Comparison, compare
    from rackcalc.api.doubts import Uncertainty, uncertainty
    from rackcalc.api.errors import UnknownFigureError
    from rackcalc.api.figures import Figure
    from rackcalc.api.racks import Rack, load
    from rackcalc.api.results import Result, estimate
    from rackcalc.api.solutions import Solution, solve
    from rackcalc.api.sweeps import Table, sweep
    from rackcalc.api.verdicts import Check, Claims, check, claims
    from rackcalc.quantities.problems import InputError, Problem

__all__ = [
    "Check",
    "Claims",
    "Comparison",
    "Figure",
    "InputError",
    "Problem",
    "Rack",
    "Result",
    "Solution",
    "Table",
    "Uncertainty",
    "UnknownFigureError",
    "__version__",
    "check",
    "claims",
    "compare",
    "estimate",
    "load",
    "parts",
    "solve",
    "sweep",
    "uncertainty",
]

_MODULES = {
    "rackcalc.api.catalog": ("parts",),
    "rackcalc.api.comparisons": ("Comparison", "compare"),
    "rackcalc.api.doubts": ("Uncertainty", "uncertainty"),
    "rackcalc.api.errors": ("UnknownFigureError",),
    "rackcalc.api.figures": ("Figure",),
    "rackcalc.api.racks": ("Rack", "load"),
    "rackcalc.api.results": ("Result", "estimate"),
    "rackcalc.api.solutions": ("Solution", "solve"),
    "rackcalc.api.sweeps": ("Table", "sweep"),
    "rackcalc.api.verdicts": ("Check", "Claims", "check", "claims"),
    "rackcalc.quantities.problems": ("InputError", "Problem"),
}

if not TYPE_CHECKING:  # so that a type checker still finds names that there are not

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                globals()[name] = found = getattr(import_module(module), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
