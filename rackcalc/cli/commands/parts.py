"""rackcalc parts: the catalog."""

from typing import Annotated

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, show
from rackcalc.cli.options import JsonOption
from rackcalc.cli.parameters import Argument
from rackcalc.render import parts as shown
from rackcalc.render.json_data import json_text


def parts(
    kind: Annotated[
        str | None,
        Argument(metavar="[KIND]", help="gpus, lpus, links, models, ...", autocompletion=complete.kinds),
    ] = None,
    name: Annotated[
        str | None,
        Argument(metavar="[NAME]", help="One part, with all its values and sources.", autocompletion=complete.parts),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run `rackcalc parts`."""

    emit(json_text(shown.as_data(kind, name))) if json else show(shown.as_text(kind, name))
