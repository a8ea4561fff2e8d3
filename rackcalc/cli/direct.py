"""The commonest command lines, read without typer, whose import takes as long as an estimate.

The table is that of the command itself, the one from which typer's is made. Whatever is not plain, such as a mistake,
--help or a number, is left to typer: `direct` only answers where both read the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rackcalc.cli.parameters import Option

TEXT = (str, str | None)
TEXTS = (list[str], list[str] | None)
FLAG = (bool, bool | None)


class Word(NamedTuple):
    """What an option or an argument stands for. flag: what a flag sets, None for what takes a value."""

    parameter: str
    kind: Any
    flag: bool | None = None


def direct(command: Callable[..., Any], words: Sequence[str]) -> dict[str, Any] | None:
    """The values that a command is called with after these words; None where typer shall read them."""
    options, arguments = _table(command)
    given: dict[str, Any] = {}
    places: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            places.append(word)
            continue
        name, equals, value = word.partition("=")
        option = options.get(name)
        if option is None or (equals and not name.startswith("--")):
            return None
        if option.flag is not None:
            if equals or option.parameter in given:
                return None
            given[option.parameter] = option.flag
        else:
            value = value if equals else next(rest, "-")
            if (not equals and value.startswith("-")) or not _put(given, option, value):
                return None
    return _placed(given, arguments, places)


def _placed(given: dict[str, Any], arguments: Sequence[Word], places: Sequence[str]) -> dict[str, Any] | None:
    """With the words that stand for themselves: one for each argument, or all of them for the only one."""
    if len(arguments) == 1 and arguments[0].kind in TEXTS and places:
        return given | {arguments[0].parameter: list(places)}
    if len(arguments) == len(places) and all(argument.kind in TEXT for argument in arguments):
        return given | {argument.parameter: word for argument, word in zip(arguments, places, strict=True)}
    return None


def _put(given: dict[str, Any], option: Word, value: str) -> bool:
    """Note a value of an option; False for one that typer must read."""
    if option.kind in TEXTS:
        given.setdefault(option.parameter, []).append(value)
        return True
    if option.kind in TEXT and option.parameter not in given:
        given[option.parameter] = value
        return True
    return False


def _table(command: Callable[..., Any]) -> tuple[Mapping[str, Word], Sequence[Word]]:
    """Every option of a command by its names, and its arguments in order."""
    options: dict[str, Word] = {}
    arguments: list[Word] = []
    for parameter, annotation in command.__annotations__.items():
        if parameter == "return":
            continue
        kind, declared = annotation.__origin__, annotation.__metadata__[0]
        if not isinstance(declared, Option):
            arguments.append(Word(parameter, kind))
            continue
        for name in declared.names:
            on, _, off = name.partition("/")
            options[on] = Word(parameter, kind, True if kind in FLAG else None)
            if off:
                options[off] = Word(parameter, kind, False)
    return options, arguments
