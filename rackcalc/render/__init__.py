"""One file per output format. FORMATS is the whole list: a new format is one file and one line here."""

from collections.abc import Callable
from importlib import import_module

# name -> (module with a render(reports, interval=True) -> str function, file endings that select it)
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "table": ("rackcalc.render.table", (".txt",)),
    "json": ("rackcalc.render.json", (".json",)),
    "jsonl": ("rackcalc.render.jsonl", (".jsonl", ".ndjson")),
    "csv": ("rackcalc.render.csv", (".csv",)),
    "env": ("rackcalc.render.env", (".env",)),
    "markdown": ("rackcalc.render.markdown", (".md", ".markdown")),
}


def renderer(name: str) -> Callable[..., str]:
    """The function that turns estimates into text in the named format."""
    render: Callable[..., str] = import_module(FORMATS[name][0]).render
    return render


def format_of(file: str) -> str | None:
    """The format a file's ending asks for; None when no format has it."""
    for name, (_, endings) in FORMATS.items():
        if file.lower().endswith(endings):
            return name
    return None
