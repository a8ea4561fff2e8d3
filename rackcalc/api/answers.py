"""What the answers to questions have in common."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """An answer. `print(answer)` shows what the command line prints; a notebook shows the same."""

    _data: dict[str, Any] = field(repr=False)
    _text: str = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data: what the command prints with --json."""
        return deepcopy(self._data)

    def __str__(self) -> str:
        return self._text.rstrip()

    def _repr_html_(self) -> str:
        from rackcalc.api.html import lines

        return lines(str(self))
