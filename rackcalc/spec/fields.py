"""Declarations of fields: each dataclass field states its unit, bounds, meaning and example once.

The builder in config/builder.py and the JSON Schema in schemas/rack_file.py both read these declarations.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from rackcalc.quantities.record import field, fields, record

REQUIRED = "__required__"


@record
class Number:
    """A number with a unit. default: text parsed like input, None for optional, REQUIRED otherwise."""

    unit: str
    doc: str
    default: str | None = REQUIRED
    example: str = ""
    above: float | None = None  # exclusive lower bound, canonical units
    at_least: float | None = None
    at_most: float | None = None
    whole: bool = False
    absolute: bool = False  # a point on a scale, not a difference: a temperature, of which degC is meant so, or a date


@record
class Length(Number):
    """A number of tokens, or a distribution of them (spec/lengths.py). elsewhere: the key beside it that may say it."""

    elsewhere: str = ""


@record
class Text:
    """A word or sentence. choices: allowed words, empty for any. catalog: kind of part the word must name."""

    doc: str
    default: str | None = REQUIRED
    choices: tuple[str, ...] = ()
    catalog: str = ""
    example: str = ""
    elsewhere: bool = False  # it may be left out where another section of the file says it


@record
class Flag:
    """true or false; None where neither is said and the default depends on other fields."""

    doc: str
    default: bool | None = False


@record
class Section:
    """A nested dataclass. optional: None when absent; otherwise absent means all defaults.

    short: the field that is meant where a word or number stands in place of the mapping.
    """

    type: type
    doc: str
    optional: bool = False
    required: bool = False
    short: str = ""


@record
class Table:
    """A mapping from free keys (or the given choices) to Number, Text or a dataclass."""

    of: "Number | Text | type"
    doc: str
    choices: tuple[str, ...] = ()
    required: bool = False


@record
class Listing:
    """A list of Number, of Text, or of a dataclass. length: how many it must have."""

    of: "Number | Text | type"
    doc: str
    length: int | None = None


@record
class Part:
    """A catalog part: its name, {from: name, ...overrides}, or all its fields."""

    kind: str
    doc: str
    default: str | None = REQUIRED


Declared = Number | Text | Flag | Section | Table | Listing | Part


def declare(declared: Declared) -> Any:
    """A dataclass field with its declaration in the metadata (keyword-only, so fields may have any order)."""
    return field(metadata={"declared": declared}, kw_only=True)


def derived(doc: str) -> Any:
    """A field that nobody writes: it follows from the others before anything is computed."""
    return field(metadata={"derived": doc}, kw_only=True, default=None)


def number(unit: str, doc: str, **options: Any) -> Any:
    """A Quantity field: number("B/s", "bandwidth in one direction", above=0, example="900 GB/s")."""
    return declare(Number(unit, doc, **options))


def length(doc: str, **options: Any) -> Any:
    """A field of tokens that may be a distribution."""
    return declare(Length("token", doc, **options))


def text(doc: str, **options: Any) -> Any:
    """A str field."""
    return declare(Text(doc, **options))


def flag(doc: str, default: bool | None = False) -> Any:
    """A bool field; None by default where the default depends on others."""
    return declare(Flag(doc, default))


def section(type_: type, doc: str, **options: Any) -> Any:
    """A nested dataclass field."""
    return declare(Section(type_, doc, **options))


def table(of: Any, doc: str, **options: Any) -> Any:
    """A mapping field."""
    return declare(Table(of, doc, **options))


def listing(of: Any, doc: str, **options: Any) -> Any:
    """A tuple field, written as a list."""
    return declare(Listing(of, doc, **options))


def catalog_part(kind: str, doc: str, **options: Any) -> Any:
    """A catalog part field."""
    return declare(Part(kind, doc, **options))


@cache
def declarations(cls: type) -> Mapping[str, Declared]:
    """Field name -> declaration, in order of definition."""
    return {item.name: item.metadata["declared"] for item in fields(cls) if "declared" in item.metadata}
