"""Racks as Python sees them: read from a file, a bundled name, YAML text or a dict."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rackcalc.api.errors import DOCUMENT, in_python
from rackcalc.config.racks import Loaded, find_rack, scenario_names
from rackcalc.config.text_files import decode
from rackcalc.estimation.estimate import estimate
from rackcalc.estimation.result import Estimate
from rackcalc.quantities.problems import failure
from rackcalc.questions.rack_file import load_text

TEXT = "<text>"


@dataclass(frozen=True, eq=False)
class Rack:
    """A rack that has been read and checked. `load` makes it; it does not change.

    argument: what `load` was given: a path, a bundled name, "<text>" or "<dict>". text: the rack file; for a dict, its
    JSON. file: what problems call the file. scenario: the one applied, "" for the file as it stands. sets: the values
    that were changed, as PATH=VALUE, applied after the scenario.
    """

    argument: str
    text: str = field(repr=False)
    file: str = field(repr=False)
    scenario: str = ""
    sets: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:  # what was computed has functions in it, and is computed anew
        return Rack, (self.argument, self.text, self.file, self.scenario, self.sets)

    @property
    def name(self) -> str:
        """The name in the file."""
        return str(self.loaded.rack.name)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that the file describes.

        >>> load("rack-of-god").scenarios[:2]
        ('eager', 'gpu-only')
        """
        return scenario_names(self.text, self.file)

    @cached_property
    def loaded(self) -> Loaded:
        """What the other rooms of rackcalc make of it; not part of the public API."""
        return load_text(self.text, self.file, self.scenario, self.sets)

    @cached_property
    def estimated(self) -> Estimate:
        """The estimate, computed when it is first asked for; not part of the public API."""
        return estimate(self.loaded)


class Computed:
    """What was computed from a rack, and can stand wherever a rack can. rack: that rack."""

    __slots__ = ()
    rack: Rack


Source = str | os.PathLike[str] | Mapping[str, Any] | Rack | Computed
Sets = Mapping[str, Any] | Iterable[str]


def load(source: Source, scenario: str | None = None, sets: Sets | None = None) -> Rack:
    """A rack, read and checked but not yet computed.

    source: a file's path, the name of a bundled rack, YAML text (a str that holds a newline), a dict with the same
    structure as the file, or a Rack or Result, of which the scenario and the changes are kept. scenario: the name of
    one that the file describes; "" for the file as it stands. sets: values to change, as a mapping of dotted paths to
    values or as PATH=VALUE texts. A value that has a unit is text with its unit; counts and shares may be numbers.

    InputError with every problem in the rack, each with its place. TypeError when source is nothing of the above.

    >>> rack = load("bert-a100", sets={"workload.batch": 8, "site.inlet": "22 degC"})
    >>> rack.name, rack.sets
    ('1 x A100, BERT-Large', ('workload.batch=8', 'site.inlet=22 degC'))
    """
    with in_python():
        rack = _found(source)
        applied = rack.scenario if scenario is None else scenario
        rack = Rack(rack.argument, rack.text, rack.file, applied, (*rack.sets, *_set_texts(sets)))
        _ = rack.loaded  # whatever is wrong with it is said now
    return rack


def rack_of(source: Source) -> Rack:
    """The Rack itself where there is one already, with all that was computed of it; else as load."""
    if isinstance(source, Computed):
        return source.rack
    return source if isinstance(source, Rack) else load(source)


def _found(source: Source) -> Rack:
    """The text of a rack, and what it is called."""
    if isinstance(source, Rack | Computed):
        return rack_of(source)
    if isinstance(source, Mapping):
        return Rack(DOCUMENT, as_json(source, DOCUMENT, indent=2) + "\n", DOCUMENT)
    if isinstance(source, str) and "\n" in source:
        try:
            return Rack(TEXT, decode(source.encode(), TEXT), TEXT)
        except UnicodeEncodeError:
            raise failure("holds half a character (a lone surrogate)", TEXT) from None
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"a rack is a path, a bundled name, YAML text, a dict or a Rack, not {type(source).__name__}")
    name = os.fspath(source)
    if name == "-":
        raise failure(
            'reads standard input on the command line only; give the text, as in load(sys.stdin.read() + "\\n")', name
        )
    return Rack(name, *find_rack(name))


def as_json(value: Any, place: str, indent: int | None = None) -> str:
    """A Python value as JSON, which is YAML too. place: where a problem with it is."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise failure(f"cannot be written as JSON: {error}", place) from None


def _plain(value: Any) -> Any:
    """What JSON has no word for: numpy's numbers and arrays, dates."""
    for name in ("tolist", "isoformat"):
        if hasattr(value, name):
            return getattr(value, name)()
    raise TypeError(f"{type(value).__name__} is neither dict, list, text, number, True, False nor None")


def _set_texts(sets: Sets | None) -> tuple[str, ...]:
    """PATH=VALUE texts of a mapping; texts as they are."""
    if isinstance(sets, Mapping):
        return tuple(f"{path}={value_text(value, 'sets')}" for path, value in sets.items())
    return () if sets is None else texts(sets, "sets")


def value_text(value: Any, argument: str) -> str:
    """A Python value as it stands after PATH=: text as it is, None as nothing, all else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return as_json(value, argument)


def texts(given: str | Iterable[str], argument: str) -> tuple[str, ...]:
    """One text or several as a tuple. argument: what it was given as, for the TypeError."""
    found = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(text, str) for text in found):
        raise TypeError(f"{argument}: expected text, or a list of texts, got {given!r}")
    return found
