"""Parts of the catalog as dataclasses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from rackcalc.config.builder import Builder
from rackcalc.config.catalog_files import part_node
from rackcalc.quantities.problems import InputError
from rackcalc.spec.part_kinds import CATALOG

_instead: ContextVar[Mapping[tuple[str, str], Any]] = ContextVar("_instead", default={})  # noqa: B039


@contextmanager
def with_parts(instead: Mapping[tuple[str, str], Any]) -> Iterator[None]:
    """While it lasts, load_part gives these for (kind, name): a catalog in which something is not known."""
    token = _instead.set(instead)
    try:
        yield
    finally:
        _instead.reset(token)


def load_part(kind: str, name: str) -> Any:
    """A catalog part as its dataclass. kind: a key of parts.CATALOG. InputError when the file is wrong."""
    instead = _instead.get()
    return instead[kind, name] if (kind, name) in instead else catalog_part(kind, name)


@cache
def catalog_part(kind: str, name: str) -> Any:
    """A part as its catalog file has it."""
    builder = Builder("assumed")
    part = builder.build(CATALOG[kind], part_node(kind, name), name)
    if builder.problems:
        raise InputError(builder.problems)
    return part
