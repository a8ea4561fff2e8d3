"""@record: a frozen dataclass that is quick to define.

The module dataclasses takes 10 ms to import, and 80 ms more for ninety frozen classes. A record is a dataclass for
everyone who asks: dataclasses.fields, replace and is_dataclass know it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)
Instance = TypeVar("Instance")

_MISSING: Any = object()
_FIELDS = "_record_fields"
_PLAIN = "_plain_record"  # said of records whose constructor only sets fields
_EMPTY: Mapping[str, Any] = {}


class Field:
    """A field of a record: its name, its annotation, its default or what makes one, and what else is said of it."""

    def __init__(self, default: Any, factory: Any, kw_only: bool, metadata: Mapping[str, Any], shown: bool) -> None:
        self.name = ""
        self.type: Any = None
        self.default, self.factory, self.kw_only, self.metadata, self.shown = default, factory, kw_only, metadata, shown


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    kw_only: bool = False,
    metadata: Mapping[str, Any] = _EMPTY,
    repr: bool = True,
) -> Any:
    """As dataclasses.field."""
    return Field(default, default_factory, kw_only, metadata, repr)


def _declared(cls: type) -> dict[str, Field]:
    """The fields of a class and of the classes it rests on, by name. Its own become plain attributes, or none."""
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        found |= base.__dict__.get(_FIELDS, _EMPTY)
    for name, annotation in cls.__annotations__.items():
        given = cls.__dict__.get(name, _MISSING)
        item = given if isinstance(given, Field) else Field(given, None, False, _EMPTY, True)
        item.name, item.type = name, annotation
        if item is given:
            if item.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, item.default)
        found[name] = item
    return found


def _constructor(cls: type, declared: Mapping[str, Field]) -> Any:
    """An __init__ that binds fields by position or name. dataclass would compile the source of one for every class."""
    order = tuple(name for name, item in declared.items() if not item.kw_only)
    names = frozenset(declared)
    defaults = {name: item.default for name, item in declared.items() if item.default is not _MISSING}
    factories = {name: item.factory for name, item in declared.items() if item.factory is not None}

    def construct(self: Any, *args: Any, **given: Any) -> None:
        values = self.__dict__
        if not args and given.keys() == names and not defaults:  # the usual call, in half the time
            values.update(given)
            return
        values.update(defaults)
        values.update(zip(order, args, strict=False))
        values.update(given)
        for name, factory in factories.items():
            if name not in values:
                values[name] = factory()
        if len(values) != len(names) or len(args) > len(order) or not names >= values.keys():
            wrong = sorted(names ^ values.keys()) or args[len(order) :]
            raise TypeError(f"{cls.__name__}(): missing or unexpected: {', '.join(map(str, wrong))}")

    return construct


def _refuse_assignment(self: Any, name: str, value: Any) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(self: Any, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    values = ", ".join(f"{item.name}={self.__dict__[item.name]!r}" for item in fields(self) if item.shown)
    return f"{type(self).__name__}({values})"


class _AsDataclass:
    """The fields as the module dataclasses describes them, made when somebody asks."""

    def __get__(self, instance: object, cls: type) -> Any:
        import dataclasses

        described = []
        for item in fields(cls):
            settings: dict[str, Any] = {"kw_only": item.kw_only, "metadata": item.metadata, "repr": item.shown}
            if item.factory is not None:
                settings["default_factory"] = item.factory
            elif item.default is not _MISSING:
                settings["default"] = item.default
            described.append((item.name, item.type, dataclasses.field(**settings)))
        shadow: Any = dataclasses.make_dataclass(cls.__name__, described, init=False, repr=False, eq=False)
        return shadow.__dataclass_fields__


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """Make a class a dataclass whose fields only the constructor sets. Instances compare by identity.

    A class that writes its own __init__ keeps it.
    """
    declared = _declared(cls)
    methods: dict[str, Any] = {
        _FIELDS: declared,
        "__dataclass_fields__": _AsDataclass(),
        "__setattr__": _refuse_assignment,
        "__delattr__": _refuse_deletion,
        "__repr__": _show,
    }
    if "__init__" not in cls.__dict__:
        methods |= {"__init__": _constructor(cls, declared), _PLAIN: True}
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def is_record(value: object) -> bool:
    """Whether a value, not a class, is a record."""
    return hasattr(type(value), _FIELDS)


def fields(of: Any) -> tuple[Field, ...]:
    """The fields of a record, or of its class, in order of definition."""
    return tuple(getattr(of, _FIELDS).values())


def replace(instance: Instance, **changes: Any) -> Instance:
    """As dataclasses.replace. No field is read, so that no reading is noticed (see words_read.py)."""
    known: Mapping[str, Field] = getattr(instance, _FIELDS)
    if not changes.keys() <= known.keys():
        wrong = sorted(changes.keys() - known.keys())
        raise TypeError(f"{type(instance).__name__} has no field {', '.join(wrong)}")
    if not hasattr(instance, _PLAIN):
        return type(instance)(**{**instance.__dict__, **changes})
    copy = object.__new__(type(instance))
    copy.__dict__.update(instance.__dict__, **changes)
    return copy
