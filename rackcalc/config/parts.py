"""Catalog parts built into dataclasses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from rackcalc.config.builder import Builder
from rackcalc.config.catalog_files import part_node
from rackcalc.quantities.problems import InputError
from rackcalc.spec.part_kinds import CATALOG

_replacements: ContextVar[Mapping[tuple[str, str], Any]] = ContextVar("_replacements", default={})  # noqa: B039


@contextmanager
def with_parts(replacements: Mapping[tuple[str, str], Any]) -> Iterator[None]:
    """Within this context, load_part returns these parts for (kind, name) instead of those of the catalog."""
    token = _replacements.set(replacements)
    try:
        yield
    finally:
        _replacements.reset(token)


def load_part(kind: str, name: str) -> Any:
    """A catalog part as its dataclass. kind: a key of part_kinds.CATALOG. InputError when its file is wrong."""
    replacements = _replacements.get()
    return replacements[kind, name] if (kind, name) in replacements else catalog_part(kind, name)


@cache
def catalog_part(kind: str, name: str) -> Any:
    """A part as its catalog file describes it."""
    builder = Builder("assumed")
    part = builder.build(CATALOG[kind], part_node(kind, name), name)
    if builder.problems:
        raise InputError(builder.problems)
    return part
