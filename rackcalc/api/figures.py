"""A figure of a result as Python sees it: a number with unit, interval, kind, and the way to its sources."""

import re
from functools import cached_property
from threading import Lock
from typing import Any

from rackcalc.api.errors import in_python, unknown
from rackcalc.quantities.display import in_unit
from rackcalc.quantities.figures import figures
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.questions.explain import explain
from rackcalc.render.cells import cell, interval_text

_WIDTH = re.compile(r"(?:.?[<>^])?\d*")  # of a format that says where the text stands, and nothing of its number
_NUMBER = re.compile(r"(?:.?[<>=^])?[-+ ]?#?0?\d*[_,]?(?:\.\d+)?[eEfFgGn]?")


class Book:
    """All figures of one estimate, and what they share: the draws that the intervals are from.

    result: an Estimate, or a mapping of paths to Quantities. Safe to read from several threads.
    """

    def __init__(self, result: Any) -> None:
        self.result = result
        self.known: dict[str, Quantity] = dict(figures(result))
        self._lock = Lock()

    def figure(self, path: str) -> "Figure":
        """The figure at a path. UnknownFigureError when there is none."""
        path = name_in(self.known, path)
        if path not in self.known:
            raise unknown(path, self.known)
        return Figure(path, self)

    def interval(self, path: str) -> tuple[float, float]:
        """The 80 % interval of a figure. The draws are made when the first is asked for, and keep what they compute."""
        with self._lock:
            ends: tuple[float, float] = self._draws.interval(self.known[path])
        return ends

    @cached_property
    def _draws(self) -> Any:
        from rackcalc.replay.intervals import Draws

        return Draws(self.result)


class Figure:
    """One figure: `value`, in the canonical unit `unit`; `path`, its place in the result.

    `print` and f-strings show it as a person reads it; a format after the colon says otherwise:

    >>> import rackcalc
    >>> p99 = rackcalc.estimate("bert-a100").latency.p99
    >>> f"{p99}, {p99:us}, {p99:.1f ms}, {p99:.5f}"
    '1.77 ms, 1,770 us, 1.8 ms, 0.00177'
    """

    __slots__ = ("_book", "_quantity", "path")

    path: str

    def __init__(self, path: str, book: Book) -> None:
        self.path, self._book, self._quantity = path, book, book.known[path]

    @property
    def value(self) -> float:
        """The number, in the canonical unit; nan or inf where the figure is none."""
        return float(self._quantity.value)

    @property
    def unit(self) -> str:
        """The canonical unit: "s", "W", "USD", "request/s", "1" for shares and counts, "K" for all temperatures."""
        return self._quantity.unit

    @property
    def kind(self) -> str:
        """The weakest kind of source that it rests on: given, measured, datasheet, ... hypothetical."""
        return self._quantity.kind

    @property
    def interval(self) -> tuple[float, float]:
        """The 80 % interval, in the canonical unit: in 8 of 10 cases the true value lies between the two numbers.

        Both are the value itself where there is no doubt. It is computed when it is first asked for, which takes
        about as long as the estimate, for all figures of a result together.
        """
        return self._book.interval(self.path)

    def to(self, unit: str) -> float:
        """The number in another unit of the same dimension; temperatures in degC, degF or K. InputError for others."""
        with in_python():
            return in_unit(self._quantity, self.value, unit)

    def interval_in(self, unit: str) -> tuple[float, float]:
        """The 80 % interval in another unit of the same dimension."""
        low, high = self.interval
        with in_python():
            return in_unit(self._quantity, low, unit), in_unit(self._quantity, high, unit)

    def explain(self, depth: int = 99) -> str:
        """Why it is what it is, as text: the formula, the values put in, and who published it.

        depth: how many levels of inputs are followed; 99 goes down to the lines of the data sheets.
        """
        return explain(self._book.result, self.path, depth)

    def between(self) -> str:
        """The interval as people read it, such as "1.48 .. 3.14"; without its unit where the figure has the same."""
        return interval_text(self.path, self._quantity, self.interval)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return cell(self.path, self._quantity)

    def __format__(self, spec: str) -> str:
        """A width, as in ">12"; a number format, for the canonical number; a unit; or both, as in ".2f ms"."""
        if _WIDTH.fullmatch(spec):
            return format(str(self), spec)
        if _NUMBER.fullmatch(spec):
            return format(self.value, spec)
        number, _, unit = spec.partition(" ")
        if not _NUMBER.fullmatch(number):
            number, unit = "", spec
        value = self.to(unit)
        return f"{format(value, number) if number else show(value, '1')} {unit}"

    def __repr__(self) -> str:
        return f"<Figure {self.path} = {self}, {self.kind}>"
