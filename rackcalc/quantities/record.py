"""@record: a frozen dataclass that is quick to define. Ninety standard frozen dataclasses take 80 ms more to import."""

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from dataclasses import replace as _replace
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)
Instance = TypeVar("Instance")


def _constructor(cls: type) -> Any:
    """An __init__ that binds fields by position or name. dataclass would compile the source of one for every class."""
    declared = fields(cls)
    order = tuple(item.name for item in declared if not item.kw_only)
    names = frozenset(item.name for item in declared)
    defaults = {item.name: item.default for item in declared if item.default is not MISSING}
    factories = {item.name: item.default_factory for item in declared if item.default_factory is not MISSING}

    def construct(self: Any, *args: Any, **given: Any) -> None:
        values = self.__dict__
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


def _refuse_assignment(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    values = ", ".join(f"{item.name}={self.__dict__[item.name]!r}" for item in fields(self))
    return f"{type(self).__name__}({values})"


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """Make a class a dataclass whose fields only the constructor sets. Instances compare by identity."""
    dataclass(init=False, eq=False, repr=False, match_args=False)(cls)
    methods = {
        "__init__": _constructor(cls),
        "__setattr__": _refuse_assignment,
        "__delattr__": _refuse_deletion,
        "__repr__": _show,
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    setattr(cls, _IS_RECORD, True)
    return cls


_IS_RECORD = "_is_record"


def replace(instance: Instance, **changes: Any) -> Instance:
    """As dataclasses.replace. Of a record no field is read, so that no reading is noticed (see words_read.py)."""
    if not hasattr(instance, _IS_RECORD):
        return _replace(instance, **changes)  # type: ignore[type-var]
    if not changes.keys() <= instance.__dict__.keys():
        wrong = sorted(changes.keys() - instance.__dict__.keys())
        raise TypeError(f"{type(instance).__name__} has no field {', '.join(wrong)}")
    copy = object.__new__(type(instance))
    copy.__dict__.update(instance.__dict__, **changes)
    return copy
