"""Which of the words that a user wrote the calculation reads: a word that nothing reads has no effect."""

from collections.abc import Mapping
from functools import cache
from typing import Any

_LOG, _PATHS = "_words_read", "_word_paths"


@cache
def _watched(cls: Any, names: frozenset[str]) -> type:
    """The class with fields that tell when they are read."""

    def watched(name: str) -> property:
        def read(self: Any) -> Any:
            values = self.__dict__
            if _LOG in values:  # not in a copy by dataclasses.replace
                values[_LOG].add(values[_PATHS][name])
            return values[name]

        return property(read)

    return type(cls.__name__, (cls,), {name: watched(name) for name in names} | {"__doc__": cls.__doc__})


def watch(instance: Any, paths: Mapping[str, str], log: set[str]) -> None:
    """From now on, reading one of these fields of a record adds its path to the log. paths: field -> dotted path."""
    instance.__dict__.update({_LOG: log, _PATHS: paths})
    cls: Any = type(instance)
    object.__setattr__(instance, "__class__", _watched(cls, frozenset(paths)))
