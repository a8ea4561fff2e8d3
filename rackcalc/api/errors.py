"""What the API raises: InputError in the words of Python, and an error for a figure that is not there."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rackcalc.quantities.problems import InputError, Problem, suggest

DOCUMENT = "<dict>"  # what a rack is called that was given as a dict: its lines are nobody's
_ARGUMENTS = {"set": "sets", "zip": "zipped", "path": "paths"}  # options whose argument has another name
_OPTION = re.compile(r"--([a-z][a-z-]*)")


class UnknownFigureError(KeyError, AttributeError):
    """There is no such figure, group or column. The message names the nearest.

    It is a KeyError and an AttributeError, so that `in`, `get`, `hasattr` and `getattr` work as they do elsewhere.

    >>> import rackcalc
    >>> rackcalc.estimate("bert-a100")["latency.p98"]
    Traceback (most recent call last):
    rackcalc.api.errors.UnknownFigureError: no figure "latency.p98"; did you mean latency.p99?
    """

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would quote it


def unknown(path: str, known: Iterable[str], what: str = "figure") -> UnknownFigureError:
    """The error for a path that is none of those known."""
    known = list(known)
    below = [name for name in known if name.startswith(f"{path}.")]
    if below:
        return UnknownFigureError(f'"{path}" is a group; choose one of {", ".join(below[:12])}')
    return UnknownFigureError(f'no {what} "{path}"{suggest(path, known)}')


@contextmanager
def in_python() -> Iterator[None]:
    """Problems name arguments of functions instead of options of the command line."""
    try:
        yield
    except InputError as error:
        raise InputError([_renamed(problem) for problem in error.problems]) from None


def _renamed(problem: Problem) -> Problem:
    spoken = problem.message.split("`")  # every other piece is a command to type
    spoken[::2] = [_OPTION.sub(_argument, piece) for piece in spoken[::2]]
    problem = problem._replace(file=_OPTION.sub(_argument, problem.file), message="`".join(spoken))
    return problem._replace(line=0, column=0) if problem.file == DOCUMENT else problem


def _argument(option: re.Match[str]) -> str:
    name = option[1].replace("-", "_")
    return _ARGUMENTS.get(name, name)
