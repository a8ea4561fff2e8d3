"""rackcalc init: a first rack file."""

from pathlib import Path
from typing import Annotated

import typer

from rackcalc.console import emit, note, write
from rackcalc.errors import failure
from rackcalc.load import bundled_racks, suggest


def init(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it; - for stdout.")] = "rack.yaml",
    example: Annotated[str, typer.Option("--from", metavar="RACK", help="Bundled rack to start from.")] = "rack-of-god",
) -> None:
    """Run `rackcalc init`."""

    racks = bundled_racks()
    if example not in racks:
        raise failure(f'no bundled rack "{example}"{suggest(example, racks)}')
    text = racks[example].read_text(encoding="utf-8")
    if file == "-":
        emit(text)
        return
    if Path(file).exists():
        raise failure("exists already; name another file", file)
    write(file, text)
    note(f"wrote {file}; next: rackcalc estimate {file}")
