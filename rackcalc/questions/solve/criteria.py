"""The grammar of --so-that: PATH OP VALUE UNIT, as in a gate, or PATH OP PATH. Each PATH may be of another scenario.

    latency.p99 < 2 ms
    stages.decode.time < details.gpu_only_step
    latency.p99 < latency.p99 in gpu-only
`in base` is the file without a scenario.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import Problem, shortened, suggest

OPTION = "--so-that"
BASE = "base"  # the file without a scenario, unless it has a scenario of that name
_REFERENCE = r"([A-Za-z_][\w.\-]*)(?:\s+in\s+([\w.\-]+))?"
_CRITERION = re.compile(rf"\s*{_REFERENCE}\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*")
_LONGEST = 300  # characters


class Reference(NamedTuple):
    """A figure of a scenario; scenario: None for the one that is asked about."""

    path: str
    scenario: str | None = None

    def __str__(self) -> str:
        return self.path if self.scenario is None else f"{self.path} in {self.scenario or BASE}"


class Criterion(NamedTuple):
    """left OP right. right: another figure, or a limit, as text until its unit is known, then as a canonical number."""

    left: Reference
    operator: str
    right: Reference | str | float
    text: str
    unit: str = ""
    absolute: bool = False

    @property
    def references(self) -> list[Reference]:
        """The figures it compares."""
        return [figures_X for figures_X in (self.left, self.right) if isinstance(figures_X, Reference)]


def parse_criteria(texts: Sequence[str], scenarios: Sequence[str], problems: list[Problem]) -> list[Criterion]:
    """Parse all criteria. Mistakes are added to the problems. scenarios: those of the rack file."""
    found = []
    for text in texts:
        match = _CRITERION.fullmatch(text)
        other = match and re.fullmatch(_REFERENCE, match[4])
        if match is None or len(text) > _LONGEST or (other is None and re.match(r"[A-Za-z_]", match[4])):
            message = 'expected PATH OP VALUE UNIT, or PATH OP PATH [in SCENARIO], such as "latency.p99 < 2 ms"'
            problems.append(Problem(OPTION, 0, 0, "", f'{message}, got "{shortened(text)}"'))
            continue
        left = Reference(present_name(match[1]), _scenario(match[2], scenarios, text, problems))
        right: Reference | str = match[4]
        if other:
            right = Reference(present_name(other[1]), _scenario(other[2], scenarios, text, problems))
        found.append(Criterion(left, match[3], right, text.strip()))
    return found


def _scenario(name: str | None, scenarios: Sequence[str], text: str, problems: list[Problem]) -> str | None:
    """The scenario that a word names; "" for the file without a scenario."""
    if name is None or name in scenarios:
        return name
    if name != BASE:
        near = suggest(name, [*scenarios, BASE]) or f'; "{BASE}" is the file as it stands'
        problems.append(Problem(OPTION, 0, 0, text, f'no scenario "{shortened(name)}"{near}'))
    return ""
