"""The requests of a trace: CSV with a header, or JSON lines, in the columns of public traces or in named ones.

Known are the traces of Azure (TIMESTAMP, ContextTokens, GeneratedTokens), Mooncake (timestamp in ms, input_length,
output_length, hash_ids), BurstGPT (Timestamp, Request tokens, Response tokens), and the lengths that benchmark tools
write (prompt_len and output_len, input_tokens and output_tokens, and such).
"""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rackcalc.config.trace_lines import lines_of
from rackcalc.quantities.problems import InputError, failure, shortened, suggest
from rackcalc.spec.lengths import TIME_UNITS

INPUT, OUTPUT, TIME, HASHES = "input", "output", "time", "hashes"
_INPUTS = (
    "contexttokens inputlength requesttokens promptlen inputtokens prompttokens inputlen promptlength isl "
    "numprefilltokens numprompttokens numinputtokens"
)
_OUTPUTS = (
    "generatedtokens outputlength responsetokens outputlen outputtokens completiontokens completionlen "
    "completionlength osl numdecodetokens responselen responselength generatedlength numoutputtokens"
)
_TIMES = "timestamp arrivaltime arrivedat arrival time starttime"
KNOWN = {  # spelled without case, blanks, hyphens and underscores
    role: words.split() for role, words in ((INPUT, _INPUTS), (OUTPUT, _OUTPUTS), (TIME, _TIMES), (HASHES, "hashids"))
}
ROLES = (INPUT, OUTPUT, TIME, HASHES)
MOST_TOKENS = 100_000_000  # of one request
_UNITS = dict(zip(TIME_UNITS, (1.0, 1e-3, 1e-6, 1e-9), strict=True))


class Columns(NamedTuple):
    """The names of columns as the rack file gives them; "" for the known ones. wanted: which must be there."""

    input: str = ""
    output: str = ""
    time: str = ""
    hashes: str = ""
    time_unit: str = ""
    wanted: tuple[str, ...] = (INPUT, OUTPUT)


class Request(NamedTuple):
    """One line. input, output: tokens, 0 where the column is not wanted. time: s, None without such a column."""

    line: int
    input: int
    output: int
    time: float | None
    hashes: Sequence[Any] | None


def requests_of(path: str, columns: Columns) -> Iterator[Request]:
    """The requests of a file, in its order. InputError at the first line that is wrong."""
    lines = lines_of(path)
    first = next(lines, None)
    if first is None:
        raise failure("is empty; expected one request a line, as CSV with a header or as JSON lines", path)
    number, text = first
    if text.lstrip().startswith("["):
        message = "is a JSON list; expected one object a line: jq -c '.[]' FILE writes them"
        raise failure(message, path, number, 1)
    found = _from_json(path, first, lines, columns) if text.lstrip().startswith("{") else _from_csv(
        path, first, lines, columns
    )  # fmt: skip
    yield from found


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "").replace("_", "").replace("-", "").strip()


def _chosen(names: Sequence[str], columns: Columns, path: str, line: int) -> dict[str, str]:
    """Role -> the name of its column. InputError where a wanted column, or a named one, is not there."""
    found: dict[str, str] = {}
    for role in (*columns.wanted, TIME, HASHES):
        asked = getattr(columns, role)
        if asked and asked not in names:
            message = f'has no column "{shortened(asked)}"{suggest(asked, names)}'
            raise failure(message, path, line, 1)
        known = {_plain(name): name for name in reversed(names)}
        name = asked or next((known[word] for word in KNOWN[role] if word in known), "")
        if name:
            found[role] = name
        elif role in columns.wanted:
            here = ", ".join(shortened(name, 20) for name in names[:8]) or "none"
            examples = {INPUT: "ContextTokens, input_length or prompt_len", OUTPUT: "GeneratedTokens or output_length"}
            where = f"{role}: NAME" if len(columns.wanted) > 1 else "column: NAME"
            message = f"has no column of {role} lengths, such as {examples[role]}; its columns are {shortened(here)}"
            raise failure(f"{message}: name one of them with {where} in the rack file", path, line, 1)
    return found


class _Reader:
    """Reads the values of a line by role. scale: seconds in a unit of plain times."""

    def __init__(self, path: str, columns: Columns, names: dict[str, str]) -> None:
        self.path, self.columns, self.names = path, columns, names
        milliseconds = _plain(names.get(INPUT, "")) == "inputlength" and names.get(TIME) == "timestamp"
        self.scale = _UNITS[columns.time_unit or ("ms" if milliseconds else "s")]
        self.input, self.output, self.timed, self.hashed = (role in names for role in ROLES)

    def request(self, line: int, values: Sequence[Any]) -> Request:
        """The request of a line. values: of the roles in their order, as ROLES has them; None without such a column."""
        prompt, answer, time, hashes = values
        return Request(
            line,
            self.tokens(line, INPUT, prompt) if self.input else 0,
            self.tokens(line, OUTPUT, answer) if self.output else 0,
            self.time(line, time) if self.timed else None,
            self.hashes(line, hashes) if self.hashed else None,
        )

    def fail(self, line: int, role: str, message: str) -> InputError:
        return failure(f"{self.names[role]}: {message}", self.path, line, 1)

    def tokens(self, line: int, role: str, value: Any) -> int:
        """A length, from a number or text."""
        try:
            number = int(value) if type(value) is str else value
            if type(number) is int and 0 <= number <= MOST_TOKENS:
                return number
        except ValueError:
            number = _float(value)
        if value is None or value == "":
            raise self.fail(line, role, "is empty; expected a number of tokens, or leave out the line")
        if isinstance(number, bool) or not isinstance(number, int | float) or not -math.inf < number < math.inf:
            raise self.fail(line, role, f'expected a number of tokens, got "{shortened(str(value), 30)}"')
        if number < 0:
            raise self.fail(line, role, f"a length of {number:g} tokens; no length is negative")
        if number > MOST_TOKENS:
            raise self.fail(line, role, f"{number:.3g} tokens; a request has at most {MOST_TOKENS:,}")
        if number != int(number):
            raise self.fail(line, role, f"expected a whole number of tokens, got {number:g}")
        return int(number)

    def time(self, line: int, value: Any) -> float:
        """A time in s, from a number or a date."""
        number: float | None = None
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        elif isinstance(value, str):
            if "-" in value[1:] or ":" in value:
                date = _date(value.strip())
                if date is not None:
                    return date
            number = _float(value)
        if number is None or not math.isfinite(number):
            message = f'expected a time such as 12.5 or 2023-11-16 18:15:46.68, got "{shortened(str(value), 30)}"'
            raise self.fail(line, TIME, message)
        return number * self.scale

    def hashes(self, line: int, value: Any) -> Sequence[Any] | None:
        """The hashes of a prompt's blocks: a JSON list of numbers or words."""
        if isinstance(value, str):
            with suppress(ValueError):
                value = json.loads(value)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int | str) for item in value):
            raise self.fail(line, HASHES, "expected a list of numbers or words, one for each block of the prompt")
        return value


def _float(text: Any) -> float | None:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return None


def _date(text: str) -> float | None:
    """Seconds since 1970 of 2023-11-16 18:15:46.6805900; of any length of fraction, with or without a zone."""
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    try:
        moment = datetime.fromisoformat(whole + rest[digits:] if dot else text)
        fraction = float(f"0.{rest[:digits] or 0}") if dot else 0.0
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=None if moment.tzinfo is None else UTC)
    return since.days * 86400.0 + since.seconds + fraction


def _from_csv(
    path: str, first: tuple[int, str], lines: Iterator[tuple[int, str]], columns: Columns
) -> Iterator[Request]:
    number, header = first
    split = max(",;\t", key=header.count)
    names = [name.strip() for name in _cells(header, split, path, number)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise failure(f'has two columns "{shortened(twice)}"; rename one', path, number, 1)
    if all(_is_number(name) for name in names):
        message = "the first line holds numbers, not the names of columns; write a header such as ContextTokens"
        raise failure(f"{message}{split}GeneratedTokens", path, number, 1)
    chosen = _chosen(names, columns, path, number)
    places = [names.index(chosen[role]) if role in chosen else len(names) for role in ROLES]
    reader, width = _Reader(path, columns, chosen), len(names)
    for number, text in lines:
        cells = text.split(split) if '"' not in text else _cells(text, split, path, number)
        if len(cells) != width:
            raise failure(f"has {len(cells)} values, and the header names {width} columns", path, number, 1)
        cells.append("")  # of roles without a column
        yield reader.request(number, [cells[place] for place in places])


def _cells(text: str, split: str, path: str, number: int) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=split, strict=True))
    except (csv.Error, StopIteration):
        message = "a quote that is not closed on its line; a trace has one request a line"
        raise failure(message, path, number, 1) from None


def _is_number(text: str) -> bool:
    return _float(text) is not None


def _from_json(
    path: str, first: tuple[int, str], lines: Iterator[tuple[int, str]], columns: Columns
) -> Iterator[Request]:
    number, text = first
    row = _object(text, path, number)
    chosen = _chosen(list(row), columns, path, number)
    reader, keys = _Reader(path, columns, chosen), [chosen.get(role, "") for role in ROLES]
    while True:
        yield reader.request(number, [row.get(name) for name in keys])
        following = next(lines, None)
        if following is None:
            return
        number, text = following
        row = _object(text, path, number)


def _object(text: str, path: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg}; expected one object a line"
        raise failure(message, path, number, error.colno) from None
    except (ValueError, RecursionError):
        raise failure("JSON with numbers without end, or nested too deeply", path, number, 1) from None
    if not isinstance(row, dict):
        raise failure('expected an object, such as {"input_length": 900, "output_length": 60}', path, number, 1)
    return row
