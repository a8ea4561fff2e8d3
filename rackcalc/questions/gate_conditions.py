"""The grammar of gates, "latency.p99 > 2 ms" or "delta(cost.tco) > 5 %": the same in rack files and in options."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rackcalc.config.document import Node
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import InputError, Problem, shortened
from rackcalc.quantities.record import record

PATH = r"[A-Za-z_](?:[\w.\- ]*[\w.\-])?"
_GATE = rf"\s*(?:(delta)\s*\(\s*({PATH})\s*\)|({PATH}))\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*"
_LONGEST = 200  # characters

HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: math.isclose(a, b, rel_tol=1e-9),
    "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-9),
}


@record
class Condition:
    """PATH OP VALUE UNIT, as written. delta: about the change since a baseline. line: 0 for an option."""

    path: str
    operator: str
    limit: str
    text: str
    level: str = "error"
    why: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    delta: bool = False

    @property
    def subject(self) -> str:
        """What is compared with the limit, in the words of the gate."""
        return f"delta({self.path})" if self.delta else self.path

    def problem(self, message: str) -> Problem:
        """A Problem with this gate, at its place."""
        return Problem(self.file, self.line, self.column, self.text, message)


def is_relative(condition: Condition) -> bool:
    """Whether the limit is a share of the baseline, as in delta(PATH) > 5 %, whatever the unit of the figure."""
    return condition.delta and re.search(r"(%|percent)$", condition.limit) is not None


def parse_condition(
    text: str, level: str = "error", why: str = "", file: str = "", line: int = 0, column: int = 0
) -> Condition:
    """Parse `latency.p99 > 2 ms` or `delta(latency.p99) > 5 %`. InputError that says what was expected."""
    match = re.fullmatch(_GATE, text) if len(text) <= _LONGEST else None
    if match is None:
        message = (
            f'expected PATH OP VALUE UNIT such as "latency.p99 > 2 ms" or "delta(latency.p99) > 5 %" '
            f'(OP one of {" ".join(HOLDS)}), got "{shortened(text)}"'
        )
        raise InputError([Problem(file, line, column, "", message)])
    delta, changed, path, operator, limit = match.groups()
    return Condition(
        present_name(changed or path), operator, limit, text.strip(), level, why, file, line, column, bool(delta)
    )


def malformed_gates(nodes: Mapping[str, Node]) -> list[Problem]:
    """The gates of a file that do not follow the grammar. nodes: of the file, by dotted path."""
    found: list[Problem] = []
    for path, node in nodes.items():
        if (
            not path.startswith("gates[")
            or not re.fullmatch(r"gates\[\d+\]", path)
            or not isinstance(node.value, dict | None)
        ):
            continue
        written = {key: child for key, child in (node.value or {}).items() if key in ("fail_if", "warn_if")}
        texts = {key: child for key, child in written.items() if child.value is not None}
        if not texts:
            found.append(node.problem(path, 'needs fail_if or warn_if, such as fail_if: "latency.p99 > 2 ms"'))
        for key, child in texts.items():
            try:
                parse_condition(str(child.value))
            except InputError as error:
                if isinstance(child.value, str):
                    found.append(child.problem(f"{path}.{key}", error.problems[0].message))
    return found


def rack_conditions(loaded: Any, fail_if: Sequence[str], warn_if: Sequence[str]) -> list[Condition]:
    """The gates of the rack file, then those of the options. InputError with every malformed one."""
    texts = []
    problems: list[Problem] = []
    for index, gate in enumerate(loaded.rack.gates):
        for text, level, key in ((gate.fail_if, "error", "fail_if"), (gate.warn_if, "warn", "warn_if")):
            if text is not None:
                node = loaded.nodes[f"gates[{index}].{key}"]
                texts.append((text, level, gate.why, node.file, node.line, node.column))
    texts += [(text, "error", "", "--fail-if", 0, 0) for text in fail_if]
    texts += [(text, "warn", "", "--warn-if", 0, 0) for text in warn_if]
    parsed = []
    for entry in texts:
        try:
            parsed.append(parse_condition(*entry))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return parsed


def of_rack(problem: Problem, file: str) -> Problem:
    """A problem with a gate of an option, in the rack that it does not fit. A gate that is none fits no rack."""
    if not problem.file.startswith("--") or not problem.path:
        return problem
    return Problem(file, 0, 0, "", f'{problem.file} "{problem.path}": {problem.message}')
