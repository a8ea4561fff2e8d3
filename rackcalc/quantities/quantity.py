"""Quantity, Source and @formula: numbers that know where they come from.

A formula called with Quantities returns a Quantity that remembers the formula and its inputs; called with
plain floats or arrays it is an ordinary function. Quantities have no arithmetic of their own, so no number
can appear in a result without a named, cited formula behind it.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from math import copysign
from typing import Any, NamedTuple, NoReturn, overload

from rackcalc.quantities.record import field, record, replace

# Strongest first: the weakest kind among a number's leaves is the kind of the number.
KINDS = ("given", "measured", "datasheet", "quoted", "published", "press", "estimate", "assumed", "hypothetical")
# The kind of a value that nobody has published and the user has not given, and of every value computed from it.
UNKNOWN = "unknown"
ALL_KINDS = (*KINDS, UNKNOWN)
RANKS = {kind: rank for rank, kind in enumerate(ALL_KINDS)}
_UNKNOWN_RANK = RANKS[UNKNOWN]


class Source(NamedTuple):
    """Where a leaf value was read.

    kind: one of ALL_KINDS. reference: id in catalog/sources.yaml, or "" for a value from the user's own file.
    file, line, column: the place of the value itself (1-based; line 0 when it came from a default). path: the same
    place by dotted path within the file, which comments and another order of lines do not move.
    """

    kind: str
    reference: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    note: str = ""
    path: str = ""


@record
class Quantity:
    """A value in canonical units that knows where it comes from.

    value: float, or a numpy array in a sweep. unit: canonical unit text ("s", "B/s", "USD/token", ...).
    name: what a leaf is called in its file. formula and inputs: how a computed value was made.
    source, low, high: for a leaf, where it was read and the range it is known to lie in.
    absolute: a leaf that is a point on a scale, not a difference: in K a temperature, without a unit a date in years.
    weakest: its kind, as an index into ALL_KINDS.
    exact: a count or a definition, which is certain even when it is assumed, unless it has a range.
    """

    value: Any
    unit: str
    name: str = ""
    formula: "Formula | None" = None
    inputs: Mapping[str, "Quantity"] = field(default_factory=dict, repr=False)  # a graph, exponential as text
    source: Source | None = None
    low: float | None = None
    high: float | None = None
    absolute: bool = False
    weakest: int = -1
    exact: bool = False

    def __init__(
        self,
        value: Any,
        unit: str,
        name: str = "",
        formula: "Formula | None" = None,
        inputs: Mapping[str, "Quantity"] | None = None,
        source: Source | None = None,
        low: float | None = None,
        high: float | None = None,
        absolute: bool = False,
        weakest: int = -1,
        exact: bool = False,
    ) -> None:
        if source is not None:  # a leaf; a formula passes the weakest kind of its inputs
            weakest = RANKS[source.kind]
        self.__dict__.update(
            value=value,
            unit=unit,
            name=name,
            formula=formula,
            inputs={} if inputs is None else inputs,
            source=source,
            low=low,
            high=high,
            absolute=absolute,
            weakest=max(weakest, 0),
            exact=exact,
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("a Quantity has no truth value; compare .value, or use xp.where inside a formula")

    @property
    def leaves(self) -> Iterator["Quantity"]:
        """Every distinct leaf this value was computed from, depth first."""
        return (one for one in all_behind([self]) if one.formula is None)

    @property
    def kind(self) -> str:
        """The weakest kind among the leaves (ALL_KINDS, strongest first)."""
        return ALL_KINDS[self.weakest]

    @property
    def known(self) -> bool:
        """Whether nothing that the value rests on is unknown. The value of what is not known is nan."""
        return self.weakest < _UNKNOWN_RANK

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Why the value is unknown, such as "no price for gpu": the reasons of the unknown leaves, each once."""
        if self.known:
            return ()
        behind = all_behind([self], lambda one: not one.known)  # what is known rests on nothing unknown
        missing = (one.source.note for one in behind if one.source is not None and one.source.kind == UNKNOWN)
        return tuple(dict.fromkeys(missing))


def all_behind(
    quantities: Iterable[Quantity], followed: Callable[[Quantity], bool] | None = None
) -> Iterator[Quantity]:
    """These quantities and every distinct one that they were computed from, depth first from the last of them.

    followed: whether to look at what a quantity was computed from; all are looked at without it.
    """
    seen: set[int] = set()
    stack = list(quantities)
    while stack:
        quantity = stack.pop()
        if id(quantity) not in seen:
            seen.add(id(quantity))
            yield quantity
            if quantity.inputs and (followed is None or followed(quantity)):
                stack += [*quantity.inputs.values()][::-1]


def leaves_behind(quantities: Iterable[Quantity]) -> set[Quantity]:
    """Every distinct leaf below these quantities, in no order: several times as fast as all_behind()."""
    found = new = set(quantities)
    while new:
        below: set[Quantity] = set().union(*[one.inputs.values() for one in new])
        new = below - found
        found = found | new
    return {one for one in found if one.formula is None}


def same_leaf(
    value: Any,
    unit: str,
    name: str,
    source: Source,
    low: float | None = None,
    high: float | None = None,
    absolute: bool = False,
    exact: bool = False,
    where: Hashable = None,
) -> Quantity:
    """A leaf that is one object for all who state the same of it, so that what rests on it can be shared.

    An array is a leaf of its own. where: tells a leaf from others of which the same is stated, and which are in doubt
    by themselves.
    """
    make = _same_leaf if type(value) is float else _same_leaf.__wrapped__
    signed = (where, copysign(1.0, value)) if make is _same_leaf and value == 0 else where  # 0.0 equals -0.0
    return make(value, unit, name, source, low, high, absolute, exact, signed)


@lru_cache(maxsize=1 << 14)
def _same_leaf(
    value: Any,
    unit: str,
    name: str,
    source: Source,
    low: float | None,
    high: float | None,
    absolute: bool,
    exact: bool,
    where: Hashable,
) -> Quantity:
    return Quantity(value, unit, name, None, None, source, low, high, absolute, exact=exact)


def constant(value: float, unit: str, name: str, kind: str, reference: str = "", note: str = "") -> Quantity:
    """A leaf written in code that is exact: structure, a definition, a constant of nature."""
    return same_leaf(value, unit, name, Source(kind, reference, note=note), exact=True)


def unknown(unit: str, name: str, why: str) -> Quantity:
    """A leaf that nobody knows. It is no number, and no formula makes a number of it. why: "no price for gpu"."""
    return same_leaf(NAN, unit, name, Source(UNKNOWN, note=why))


FORMULAS: dict[str, "Formula"] = {}


class Formula:
    """A pure function with units in its signature, and the source of its equation. Made by @formula."""

    def __init__(
        self,
        function: Callable[..., Any],
        cite: str,
        error: float = 0.0,
        draws_together: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.function = function
        self.cite = cite
        self.error = error
        self.draws_together = draws_together
        self.name: str = function.__name__
        # Where a reader finds it: "links.transfer.transfer_time" is in rackcalc/formulas/links/transfer.py.
        self.label: str = f"{function.__module__.removeprefix('rackcalc.formulas.')}.{function.__name__}"
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function  # doctest and inspect find the body through this
        code = function.__code__
        self.parameters: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.variadic = bool(code.co_flags & 0x08)
        self.positional = not self.variadic and code.co_kwonlyargcount == 0
        self.units: dict[str, str] = {}
        for name, annotation in function.__annotations__.items():
            unit = getattr(annotation, "__metadata__", ("",))[0]
            self.units |= unit if isinstance(unit, dict) else {name: unit}
        self.unit: str = self.units.pop("return", "")
        self._wanted = {name: unit for name, unit in self.units.items() if unit and unit != SAME}
        # a rise or margin in K, against a point on the temperature scale
        self.difference = "difference" in getattr(function.__annotations__.get("return"), "__metadata__", ())
        FORMULAS[self.label] = self

    def __repr__(self) -> str:
        return f"<formula {self.label}>"

    @overload
    def __call__(self, **inputs: Quantity) -> Quantity: ...

    @overload
    def __call__(self, *args: float, **inputs: float) -> float: ...

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        if args:
            inputs = dict(zip(self.parameters, args, strict=False)) | inputs
        known = _CALLS.get()
        key: Any = None
        if known is not None:
            key = (self, *inputs, *inputs.values())
            try:
                if key in known:
                    return known[key]
            except TypeError:  # an array has no hash
                return self._of_numbers(inputs)
        values = {}
        rank = -1
        wanted = self._wanted
        try:
            for name, value in inputs.items():
                if wanted and wanted.get(name) != value.unit and name in wanted:
                    self._refuse(name, inputs)
                values[name] = value.value
                if value.weakest > rank:  # noqa: PLR1730 - max() is slower, and this runs for every input
                    rank = value.weakest
        except AttributeError:
            return self._of_numbers(inputs)
        if rank < 0:
            return self.function()
        unit = self.unit
        if unit == SAME:
            unit = next(iter(inputs.values())).unit
        result = NEW(Quantity)  # as Quantity(...) in a third of the time; fields not set here keep their defaults
        fields = result.__dict__
        fields["value"] = self.function(**values) if rank < _UNKNOWN_RANK else NAN
        fields["unit"], fields["name"], fields["formula"] = unit, self.name, self
        fields["inputs"], fields["weakest"] = inputs, rank
        if known is not None:
            known[key] = result
        return result

    def _of_numbers(self, inputs: Mapping[str, Any]) -> Any:
        """The function of plain numbers. TypeError where Quantities are among them."""
        bare = [name for name, value in inputs.items() if not isinstance(value, Quantity)]
        if len(bare) < len(inputs):
            raise TypeError(f"{self.name}({bare[-1]}=...): a bare number among Quantities has no source")
        return self.function(**inputs)

    def _refuse(self, name: str, inputs: Mapping[str, Any]) -> NoReturn:
        """TypeError for an input of a wrong unit, or for a bare number among the others."""
        if any(not isinstance(value, Quantity) for value in inputs.values()):
            self._of_numbers(inputs)
        value = inputs[name]
        raise TypeError(f"{self.name}({name}=...): expected {self.units[name]}, got {value.unit} ({value.name})")


# The calls with Quantities made so far: a call of a formula with inputs that are the very same has the same result. The
# keys hold the inputs, so that no other Quantity takes the identity of one of them. None: calls are not kept.
_CALLS: ContextVar[dict[Any, Quantity] | None] = ContextVar("calls", default=None)


@contextmanager
def calls_kept() -> Iterator[None]:
    """Within it every call of a formula with the same Quantities is made once. Within another it changes nothing."""
    if _CALLS.get() is not None:
        yield
        return
    token = _CALLS.set({})
    try:
        yield
    finally:
        _CALLS.reset(token)


NEW = object.__new__
NAN = float("nan")
SAME = "same"  # in a signature: the unit of the first input


def formula(
    cite: str, error: float = 0.0, draws_together: Callable[[Mapping[str, Any]], bool] | None = None
) -> Callable[[Callable[..., Any]], Formula]:  # fmt: skip
    """Register a pure function as a formula. cite: the source, or "assumption: ..." for our own.

    error: mean absolute relative error of the formula against measurements, where known (see replay/distributions.py).
    draws_together: whether, with these inputs, it takes so long that all draws of an interval are computed in one call,
    on arrays, although numpy must be loaded for that.

    Parameters and result get their units from the aliases in quantities/units.py; `**terms` makes a variadic formula,
    whose terms have one unit or, where the alias is a dict, each its own.
    """
    if not cite:
        raise ValueError("a formula needs a source")
    return lambda function: Formula(function, cite, error, draws_together)


def renamed(quantity: Quantity, name: str) -> Quantity:
    """The same quantity under another name."""
    return replace(quantity, name=name)
