"""Reports of check, compare and claims: one on standard output, and one in every file asked for with -o."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rackcalc.cli.console import emit, show, write
from rackcalc.quantities.problems import failure
from rackcalc.render.aligned_text import full_width

Formats = Mapping[str, tuple[Callable[..., str], tuple[str, ...]]]  # name -> (renderer, file endings that select it)


def with_page(formats: Formats, module: str) -> Formats:
    """The formats, and html: a page made by the module's as_html, which is read only when it is asked for."""
    from importlib import import_module

    def as_html(*content: Any) -> str:
        made: str = import_module(f"rackcalc.render.html.{module}").as_html(*content)
        return made

    return {**formats, "html": (as_html, (".html", ".htm"))}


def targets(formats: Formats, files: Sequence[str] | None) -> list[tuple[str, str]]:
    """Each file with the format that its ending names."""
    found = []
    for file in (file for file in files or () if file != "-"):  # standard output has it anyway
        name = next((name for name, (_, endings) in formats.items() if file.lower().endswith(endings)), None)
        if name is None:
            endings = ", ".join(ending for _, group in formats.values() for ending in group)
            raise failure(f"-o: the ending names the format: {endings}", file)
        found.append((file, name))
    return found


def publish(formats: Formats, name: str, files: Sequence[tuple[str, str]], *content: Any) -> None:
    """The report on standard output, and in every file."""
    (show if name == "table" else emit)(formats[name][0](*content))
    with full_width():
        for file, wanted in files:
            write(file, formats[wanted][0](*content))
