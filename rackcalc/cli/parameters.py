"""What the parameters of a command say about themselves on the command line, in the annotation of each.

Typer makes its own of them (typer_app.py). The commonest command lines are read with them alone (direct.py), because
importing typer takes as long as an estimate.
"""

from collections.abc import Mapping
from typing import Any


class Parameter:
    """names: as typed, such as "--set"; an argument has none. settings: what typer takes besides: metavar, help, ..."""

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names: tuple[str, ...] = names
        self.settings: Mapping[str, Any] = settings


class Option(Parameter):
    """An option, with its name before its value; of a bool a flag, "--on/--off" with both of its words."""


class Argument(Parameter):
    """A word that is known by its position."""
