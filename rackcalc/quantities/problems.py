"""Problems with the user's input, reported all at once, each with its place and how to fix it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One mistake in the input. line and column are 1-based, or 0 where there is no line (an option)."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return printable(place + self.text)

    @property
    def text(self) -> str:
        """The path, and what is wrong there."""
        return f"{shortened(self.path)}: {self.message}" if self.path else self.message


def printable(text: str) -> str:
    """Text on one line, with control characters escaped, so that it cannot control a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable(text))


def readable(text: str) -> str:
    """Text in which the bytes of a file name that are no UTF-8 stand as git writes them, such as \\351."""
    if text.isprintable():
        return text
    return "".join(f"\\{ord(c) - 0xDC00:03o}" if "\udc80" <= c <= "\udcff" else c for c in text)


def shortened(text: str, most: int = 80) -> str:
    """Text to quote in a message, cut to at most `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


class InputError(Exception):
    """The input cannot be used. problems: every mistake, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def failure(message: str, file: str = "", line: int = 0, column: int = 0, path: str = "") -> InputError:
    """An InputError with a single problem."""
    return InputError([Problem(file, line, column, path, message)])


def suggest(word: str, words: Iterable[str]) -> str:
    """'; did you mean ...?' when known words are near, else the list of known words if it is short."""
    from rackcalc.quantities.former_names import called_now  # only a mistake needs them
    from rackcalc.quantities.spelling import suggestion

    return called_now(word) or suggestion(word, words)
