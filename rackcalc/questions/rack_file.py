"""Rack files with their gates and claims: what every question starts from."""

from collections.abc import Iterable

from rackcalc.config import racks
from rackcalc.config.racks import Loaded, find_rack
from rackcalc.questions.claims.expectation import malformed_claims
from rackcalc.questions.gates import malformed_gates

CHECKS = (malformed_gates, malformed_claims)


def load_text(text: str, file: str, scenario: str = "", sets: Iterable[str] = (), line_offset: int = 0) -> Loaded:
    """A rack from YAML text, as racks.load_text. The form of its gates and claims is checked with everything else."""
    return racks.load_text(text, file, scenario, sets, line_offset, CHECKS)


def load(name: str, scenario: str = "", sets: Iterable[str] = ()) -> Loaded:
    """A rack from a file, "-" for standard input, or a bundled rack's name."""
    text, shown = find_rack(name)
    return load_text(text, shown, scenario, sets)
