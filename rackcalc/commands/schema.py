"""rackcalc schema: what may stand in a rack file."""

from rackcalc.console import as_json, emit
from rackcalc.schema import rack_schema


def schema() -> None:
    """Run `rackcalc schema`."""

    emit(as_json(rack_schema()))
