"""@record: a frozen dataclass that is cheap to define. Importing 80 of the standard frozen kind takes 80 ms longer."""

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)


def _init(self: Any, *args: Any, **given: Any) -> None:
    """What dataclass would compile for every class anew: fields by position or name, then defaults."""
    values = self.__dict__
    declared = fields(self)
    for item, value in zip((item for item in declared if not item.kw_only), args, strict=False):
        values[item.name] = value
    for item in declared:
        if item.name in given:
            values[item.name] = given.pop(item.name)
        elif item.name in values:
            continue
        elif item.default is not MISSING:
            values[item.name] = item.default
        elif item.default_factory is not MISSING:
            values[item.name] = item.default_factory()
        else:
            raise TypeError(f"{type(self).__name__}() is missing {item.name!r}")
    if given or len(args) > len(declared):
        raise TypeError(f"{type(self).__name__}() got unexpected arguments: {', '.join(given) or len(args)}")


def _refuse(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _never(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _show(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """The class as a dataclass whose fields are written once, by the constructor. Instances compare by identity."""
    dataclass(init=False, eq=False, repr=False, match_args=False)(cls)
    for method, name in ((_init, "__init__"), (_refuse, "__setattr__"), (_never, "__delattr__"), (_show, "__repr__")):
        setattr(cls, name, method)
    return cls
