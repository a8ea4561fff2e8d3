"""rackcalc init: a first rack file, and what an editor needs to check it."""

from pathlib import Path
from typing import Annotated

import typer

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, note, write
from rackcalc.config.racks import bundled_racks
from rackcalc.quantities.problems import failure, suggest
from rackcalc.render.json_data import json_text
from rackcalc.schemas.rack_file import rack_schema

SCHEMA = "rack.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"


def init(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it; - for stdout.")] = "rack.yaml",
    example: Annotated[
        str,
        typer.Option("--from", metavar="RACK", help="Bundled rack to start from.", autocompletion=complete.bundled),
    ] = "rack-of-god",
    schema: Annotated[
        bool, typer.Option("--schema/--no-schema", help=f"Also {SCHEMA}, and the line that leads an editor to it.")
    ] = True,
) -> None:
    """Run `rackcalc init`."""
    racks = bundled_racks()
    if example not in racks:
        raise failure(f'no bundled rack "{example}"{suggest(example, racks)}')
    text = (MODELINE if schema else "") + racks[example].read_text(encoding="utf-8")
    if file == "-":
        emit(text)
        return
    if Path(file).exists():
        raise failure("exists already; name another file", file)
    write(file, text)
    beside = Path(file).parent / SCHEMA
    if schema and not beside.exists():
        write(str(beside), json_text(rack_schema()))
        note(f"wrote {beside}, for editors")
    note(f"wrote {file}; next: rackcalc estimate {file}")
