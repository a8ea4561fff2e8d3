"""The grammar of claims, "latency.p50 = 1.8 ms" or "delta(latency.p50) = -85 %": a figure and its claimed value."""

import re
from collections.abc import Mapping

from rackcalc.config.document import Node
from rackcalc.quantities import units
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import Problem, shortened
from rackcalc.quantities.record import record
from rackcalc.questions.gate_conditions import PATH

_EXPECT = rf"\s*(?:(delta)\s*\(\s*({PATH})\s*\)|({PATH}))\s*(==|=(?!>)|<=|>=|<|>)\s*(\S.*?)\s*"
_LONGEST = 200  # characters


@record
class Expectation:
    """PATH OP VALUE UNIT, as claimed. delta: about the change from another scenario."""

    path: str
    operator: str
    value: str
    delta: bool

    @property
    def relative(self) -> bool:
        """Whether the value is a change as a share."""
        return self.delta and re.search(r"(%|percent)$", self.value) is not None


def parse_expectation(text: str) -> Expectation:
    """Parse `latency.p50 = 1.8 ms`. UnitError that says what was expected."""
    match = re.fullmatch(_EXPECT, text) if len(text) <= _LONGEST else None
    if match is None:
        raise units.UnitError(
            f'expected PATH OP VALUE UNIT such as "latency.p50 = 1.8 ms" or "delta(latency.p50) = -85 %" '
            f'(OP one of = <= >= < >), got "{shortened(text)}"'
        )
    delta, changed, path, operator, value = match.groups()
    return Expectation(present_name(changed or path), "=" if operator == "==" else operator, value, bool(delta))


def malformed_claims(nodes: Mapping[str, Node]) -> list[Problem]:
    """The claims of a file that do not follow the grammar. nodes: of the file, by dotted path."""
    found = []
    for path, node in nodes.items():
        if path.endswith("].expect") and re.fullmatch(r"claims\[\d+\]\.expect", path) and isinstance(node.value, str):
            try:
                parse_expectation(node.value)
            except units.UnitError as error:
                found.append(node.problem(path, str(error)))
    return found
