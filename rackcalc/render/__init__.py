"""Results as text: for people, for programs, for code hosts. FORMATS lists the formats of estimates.

Imports validation and what is below it. A new format of estimates is one file and one line here; the files of the other
commands are named after them.
"""

from collections.abc import Callable
from importlib import import_module

ENV_PREFIX = "RACKCALC_"  # of the variables of --format env, unless another is asked for

# name -> (module with a function render(reports, interval=True) -> str, file endings that select it)
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "summary": ("rackcalc.render.estimate_summary", ()),
    "table": ("rackcalc.render.estimate_table", (".txt",)),
    "json": ("rackcalc.render.estimate_json", (".json",)),
    "jsonl": ("rackcalc.render.estimate_jsonl", (".jsonl", ".ndjson")),
    "csv": ("rackcalc.render.estimate_csv", (".csv",)),
    "tsv": ("rackcalc.render.estimate_tsv", (".tsv",)),
    "env": ("rackcalc.render.estimate_env", (".env",)),
    "markdown": ("rackcalc.render.estimate_markdown", (".md", ".markdown")),
    "html": ("rackcalc.render.html.estimate_page", (".html", ".htm")),
}


def renderer(name: str) -> Callable[..., str]:
    """The render function of a format."""
    render: Callable[..., str] = import_module(FORMATS[name][0]).render
    return render


def format_of(file: str) -> str | None:
    """The format that the ending of a file selects; None when no format has this ending."""
    for name, (_, endings) in FORMATS.items():
        if file.lower().endswith(endings):
            return name
    return None
