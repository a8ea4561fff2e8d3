"""rackcalc schema: what may stand in a rack file, and what stands in the outputs."""

from typing import Annotated

import typer

from rackcalc.commands import complete
from rackcalc.console import as_json, emit
from rackcalc.errors import failure
from rackcalc.load import suggest
from rackcalc.schemas import SCHEMAS, schema_of


def schema(
    name: Annotated[
        str, typer.Argument(metavar="|".join(SCHEMAS), help="Of what.", autocompletion=complete.one_of(*SCHEMAS))
    ] = "rack",
) -> None:
    """Run `rackcalc schema`."""
    if name not in SCHEMAS:
        raise failure(f'no schema "{name}"{suggest(name, SCHEMAS)}')
    emit(as_json(schema_of(name)))
