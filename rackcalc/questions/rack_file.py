"""Rack files as the questions load them: the form of their gates and claims is checked with everything else."""

from collections.abc import Iterable

from rackcalc.config import racks
from rackcalc.config.racks import Loaded, find_rack
from rackcalc.questions.claims.expectation import malformed_claims
from rackcalc.questions.gate_conditions import malformed_gates

CHECKS = (malformed_gates, malformed_claims)


def load_text(text: str, file: str, scenario: str = "", sets: Iterable[str] = (), line_offset: int = 0) -> Loaded:
    """Build a rack from YAML text, as config.racks.load_text, and check the form of its gates and claims."""
    return racks.load_text(text, file, scenario, sets, line_offset, CHECKS)


def load(name: str, scenario: str = "", sets: Iterable[str] = ()) -> Loaded:
    """Load a rack from a file, from standard input ("-"), or by the name of a bundled rack."""
    text, shown = find_rack(name)
    return load_text(text, shown, scenario, sets)
