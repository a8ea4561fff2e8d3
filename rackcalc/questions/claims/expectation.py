"""The grammar of a claim: what figure is expected to be what."""

import re
from collections.abc import Mapping

from rackcalc.config.document import Node
from rackcalc.quantities import units
from rackcalc.quantities.problems import Problem, shortened
from rackcalc.quantities.record import record
from rackcalc.questions.directions import better
from rackcalc.questions.gates import PATH

_EXPECT = re.compile(rf"\s*(?:(delta)\s*\(\s*({PATH})\s*\)|({PATH}))\s*(==|=(?!>)|<=|>=|<|>)\s*(\S.*?)\s*")


_LONGEST = 200


@record
class Expectation:
    """What a claim comes to: PATH OP VALUE UNIT. delta: of the change from another scenario."""

    path: str
    operator: str
    value: str
    delta: bool

    @property
    def relative(self) -> bool:
        """Whether a change is meant as a share."""
        return self.delta and re.search(r"(%|percent)$", self.value) is not None

    @property
    def side(self) -> str:
        """Which side is the better one for who claims it: of <= and >= what they ask for, else the figure's."""
        return {"<": "lower", ">": "higher"}.get(self.operator[0], "") or better(self.path)


def parse_expectation(text: str) -> Expectation:
    """`latency.p50 = 1.8 ms` -> Expectation. UnitError with what was expected."""
    match = _EXPECT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise units.UnitError(
            f'expected PATH OP VALUE UNIT such as "latency.p50 = 1.8 ms" or "delta(latency.p50) = -85 %" '
            f'(OP one of = <= >= < >), got "{shortened(text)}"'
        )
    delta, changed, path, operator, value = match.groups()
    return Expectation(changed or path, "=" if operator == "==" else operator, value, bool(delta))


def malformed_claims(where: Mapping[str, Node]) -> list[Problem]:
    """What is wrong with the form of the claims of a file. where: dotted path -> Node, as the builder left it."""
    found = []
    for path, node in where.items():
        if re.fullmatch(r"claims\[\d+\]\.expect", path) and isinstance(node.value, str):
            try:
                parse_expectation(node.value)
            except units.UnitError as error:
                found.append(node.problem(path, str(error)))
    return found
