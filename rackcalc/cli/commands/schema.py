"""rackcalc schema: what may stand in a rack file, and what stands in the outputs."""

from typing import Annotated

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit
from rackcalc.cli.parameters import Argument
from rackcalc.quantities.problems import failure, suggest
from rackcalc.render.json_data import json_text
from rackcalc.schemas import SCHEMAS, schema_of


def schema(
    name: Annotated[
        str, Argument(metavar="|".join(SCHEMAS), help="Of what.", autocompletion=complete.one_of(*SCHEMAS))
    ] = "rack",
) -> None:
    """Run `rackcalc schema`."""
    if name not in SCHEMAS:
        raise failure(f'no schema "{name}"{suggest(name, SCHEMAS)}')
    emit(json_text(schema_of(name)))
