"""rackcalc racks: the racks that come with the program."""

import re

from rackcalc.cli.console import emit, show
from rackcalc.cli.options import JsonOption
from rackcalc.config.racks import bundled_racks
from rackcalc.render.aligned_text import aligned, line_width
from rackcalc.render.json_data import json_text


def racks(json: JsonOption = False) -> None:
    """Run `rackcalc racks`."""
    titles = {}
    for name, path in sorted(bundled_racks().items()):
        found = re.search(r"^name: *(.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
        titles[name] = found[1].strip("\"'") if found else ""
    if json:
        emit(json_text(titles))
    else:
        show("\n".join(aligned([[name, title] for name, title in titles.items()], left=2, width=line_width())) + "\n")
