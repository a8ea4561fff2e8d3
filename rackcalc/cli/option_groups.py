"""The groups in which the help page of a command lists its options, by what a reader is looking for."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

GROUPS = {
    "The rack": ("set", "scenario", "year", "years", "vary", "zip"),
    "What must hold": (
        "fail-if", "warn-if", "where", "so-that", "minimise", "maximise", "baseline", "accept", "confident",
        "max-novelty", "exit-zero",
    ),
    "What is shown": (
        "get", "unit", "labels", "prefix", "all", "section", "path", "by", "descending", "top", "pareto", "stats",
        "depth", "sources", "worst", "explain", "interval", "pictures",
    ),
    "Output": ("format", "json", "markdown", "csv", "summary", "dump", "color", "error-format"),
}  # fmt: skip
OTHERS = "Options"
GROUP_OF = {f"--{name}": group for group, names in GROUPS.items() for name in names} | {"-o": "Output"}


class GroupedCommand(TyperCommand):
    """A command whose help page lists options in groups, those without a group last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options of each group that has some."""
        found: dict[str, list[tuple[str, str]]] = {title: [] for title in ("Arguments", *GROUPS, OTHERS)}
        for parameter in self.get_params(ctx):
            line = parameter.get_help_record(ctx)
            if line is not None:
                argument = parameter.param_type_name == "argument"
                names = [GROUP_OF[name] for name in parameter.opts if name in GROUP_OF]
                found["Arguments" if argument else (names or [OTHERS])[0]].append(line)
        for title, lines in found.items():
            if lines:
                with formatter.section(title):
                    write_columns(formatter, lines)


def write_columns(formatter: Any, lines: Sequence[tuple[str, str]]) -> None:
    """Write names and what they mean side by side, the names in at most three eighths of the width."""
    most = formatter.width * 3 // 8
    formatter.write_dl([_in_words(*line) if len(line[0]) > most else line for line in lines], col_max=most)


def _in_words(option: str, text: str) -> tuple[str, str]:
    """An option with its choices among what it means: "--format NAME"."""
    name, _, choices = option.rpartition(" ")
    if "|" not in choices:
        return option, text
    return f"{name} NAME", f"One of {choices.replace('|', ', ')}. {text}"
