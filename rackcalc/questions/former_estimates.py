"""Former estimates, read from the JSON of `estimate --json`: the baselines of changes. Anything unclear is refused."""

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from math import isfinite, nan
from typing import Any, NoReturn

from rackcalc.config.text_files import read_text
from rackcalc.quantities.former_names import renamed
from rackcalc.quantities.problems import failure, printable, shortened
from rackcalc.quantities.quantity import ALL_KINDS, UNKNOWN, Quantity, Source, unknown
from rackcalc.quantities.record import record
from rackcalc.version import __version__

SCHEMA = "rackcalc.estimate/1"
HOW_TO_MAKE_ONE = "`rackcalc estimate RACK --json` writes one"
_HEAD = re.compile(r'\s*\[?\s*\{\s*"schema"\s*:')


@record
class FormerEstimate:
    """One former estimate. figures: by dotted path; nan where the JSON has null. file: where it was read.

    rack: the file of the rack; "" where it is not known.
    """

    file: str
    name: str
    scenario: str
    version: str
    figures: Mapping[str, Quantity]
    notes: tuple[str, ...] = ()
    rack: str = ""

    @property
    def title(self) -> str:
        """Name and scenario, for headings."""
        return f"{self.name} [{self.scenario}]" if self.scenario else self.name


def is_estimate_json(text: str) -> bool:
    """Whether a text is the JSON of an estimate, which begins with its schema, and not a rack."""
    return _HEAD.match(text) is not None


def read_former_estimates(file: str) -> tuple[FormerEstimate, ...]:
    """All estimates in a JSON file; "-" is standard input. InputError for anything else."""
    return parse_former_estimates(read_text(file), "<stdin>" if file == "-" else file)


def parse_former_estimates(text: str, file: str) -> tuple[FormerEstimate, ...]:
    """All estimates in a JSON text. InputError for anything else."""
    try:
        data = _parsed(text, file)
        documents = data if isinstance(data, list) else [data]
        found = tuple(_former(document, file) for document in documents)
    except RecursionError:
        raise failure(f"JSON nested too deeply; {HOW_TO_MAKE_ONE}", file) from None
    if not found:
        raise failure(f"holds no estimate; {HOW_TO_MAKE_ONE}", file)
    return found


def choose_by_scenario(found: Sequence[FormerEstimate], scenario: str) -> FormerEstimate:
    """The estimate to compare a scenario with: the only one, or the only one of that scenario."""
    if len(found) == 1:
        return found[0]
    same = [former for former in found if former.scenario == scenario]
    if len(same) != 1:
        wanted = f'scenario "{scenario}"' if scenario else "the file without a scenario"
        raise failure(
            f"has {len(found)} estimates, of which {len(same)} are of {wanted}; expected exactly one", found[0].file
        )
    return same[0]


def choose_by_rack(
    found: Sequence[FormerEstimate], rack: str, name: str, others: Collection[str] = ()
) -> list[FormerEstimate]:
    """The estimates of a rack: those of its file, else those of its name that are of no other rack. [] for none.

    others: the files of racks that have estimates of their own.
    """
    path = plain_path(rack)
    same = [former for former in found if path and plain_path(former.rack) == path]
    taken = {plain_path(other) for other in others} - {""}
    return same or [former for former in found if former.name == name and plain_path(former.rack) not in taken]


def plain_path(file: str) -> str:
    """The path of a rack file in one spelling; "" for what is no file."""
    return "" if not file or file.startswith("<") else os.path.normpath(file)


def remarks(former: FormerEstimate, title: str, rack: str = "") -> list[str]:
    """What a reader must know before comparing an estimate of this title, and file, with a former one."""
    found = []
    before, after = plain_path(former.rack), plain_path(rack)
    if before and after and os.path.basename(before) != os.path.basename(after) and former.title == title:
        found.append(f"{printable(rack)} was {printable(former.rack)} in the baseline")
    if former.title != title:
        found.append(f"the baseline is of {printable(former.title)}")
    if former.version != __version__:
        by = f"the baseline is by rackcalc {printable(former.version)}"
        found.append(f"{by}, this is {__version__}: formulas may differ")
    return found


def _parsed(text: str, file: str) -> Any:
    def refuse(word: str) -> NoReturn:
        raise failure(f"holds {word}, which is no JSON number", file)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise failure("holds a key twice", file)
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        message = "holds more than one JSON document" if error.msg == "Extra data" else f"not valid JSON: {error.msg}"
        raise failure(
            f"{message}; expected a former estimate: {HOW_TO_MAKE_ONE}", file, error.lineno, error.colno
        ) from None
    except ValueError:  # an integer with thousands of digits
        raise failure(f"holds a number without end; {HOW_TO_MAKE_ONE}", file) from None


def _former(data: Any, file: str) -> FormerEstimate:
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, str):
        raise failure(f"is no estimate of rackcalc: it names no schema; {HOW_TO_MAKE_ONE}", file)
    if schema != SCHEMA:
        raise failure(f'has the schema "{shortened(schema)}", expected {SCHEMA}; make it anew: {HOW_TO_MAKE_ONE}', file)
    words = {key: data.get(key) for key in ("name", "scenario", "rackcalc")}
    wrong = [key for key, word in words.items() if not isinstance(word, str)]
    if wrong:
        raise failure(f"is no estimate of rackcalc: no {' and no '.join(wrong)}; {HOW_TO_MAKE_ONE}", file)
    found: dict[str, Quantity] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            _collect(value, key, found, file)
    said = data.get("notes")
    notes = tuple(note for note in said if isinstance(note, str)) if isinstance(said, list) else ()
    rack = data.get("file")  # older ones do not say
    known = rack if isinstance(rack, str) else ""
    return FormerEstimate(file, words["name"], words["scenario"], words["rackcalc"], found, notes, known)


def _collect(data: dict[str, Any], path: str, found: dict[str, Quantity], file: str) -> None:
    """Add every figure at or below the path. A mapping with the key `unit` is a figure."""
    if isinstance(data.get("unit"), str):
        found[renamed(path)] = _quantity(data, path, file)
        return
    for key, value in data.items():
        if isinstance(value, dict):
            _collect(value, f"{path}.{key}", found, file)


def _quantity(data: dict[str, Any], path: str, file: str) -> Quantity:
    value, unit, kind = data.get("value", ""), data["unit"], data.get("kind")
    if not isinstance(value, int | float | None) or isinstance(value, bool) or kind not in ALL_KINDS:
        raise failure(f"is no figure of rackcalc; {HOW_TO_MAKE_ONE}", file, path=path)
    try:
        number = nan if value is None else float(value)
    except OverflowError:
        number = nan
    if kind == UNKNOWN:
        return unknown(unit, path, str(data.get("reason") or "unknown in the former estimate"))
    source = Source(kind, file=file, note="a former estimate")
    return Quantity(number if isfinite(number) else nan, unit, path, source=source, exact=True)


def former_value(former: FormerEstimate, path: str, unit: str) -> float:
    """The former value of a figure. InputError when the file has no such number, or has it in another unit."""
    quantity = former.figures.get(path)
    if quantity is None:
        raise failure(f"the baseline has no figure {path}", former.file)
    if quantity.unit != unit:
        raise failure(f'the baseline has {path} in "{quantity.unit}", expected "{unit}"', former.file)
    if not isfinite(float(quantity.value)):
        why = f": {'; '.join(quantity.unknowns)}" if not quantity.known else ""
        raise failure(f"the baseline has no number for {path}{why}", former.file)
    return float(quantity.value)
