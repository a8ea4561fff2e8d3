"""The command line: which commands there are, and their exit codes. Each command is a file in commands/.

Exit codes: 0 fine, 1 unexpected failure, 2 usage or input error, 3 a gate failed or solve found no answer, 130 Ctrl-C,
141 closed pipe.
"""

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from rackcalc.cli.console import emit, leave, note, report_problems
from rackcalc.cli.examples import closing, tasks
from rackcalc.quantities.problems import InputError, failure
from rackcalc.version import __version__

COMMANDS = {
    "estimate": "Compute a rack: latency, throughput, memory, power, heat, cost, return. Several racks: side by side.",
    "compare": "Racks, scenarios or former estimates side by side: what differs, what moved, and why.",
    "check": "Hold a rack against its gates, from the file and from --fail-if. Exit 3 when one fails.",
    "diff": "What a change in git does to racks, and whether it keeps their gates. Exit 3 when one fails.",
    "claims": "Judge what is claimed of a rack: holds, claimed too high or too low, ... As a gate: --fail-if.",
    "explain": "Show why a figure is what it is: formula, values, inputs, sources, down to the catalog.",
    "figures": "What each figure of a result means, its unit, and which side of it is better.",
    "sweep": "Vary values, parts, scenarios: the best points, the Pareto front, statistics, or every point in a file.",
    "solve": "Goal seek and break-even: the first or best point at which something holds. Exit 3 when there is none.",
    "uncertainty": "How sure the figures are: intervals, odds of the gates, and which doubt matters most.",
    "plot": "A picture of a rack or a sweep as SVG or PNG: load, roofline, waterfall, cash flow, Pareto front.",
    "link": "How long one transfer takes over a link: direct, over a bounce buffer, through a network stack.",
    "validate": "Compare rackcalc with measurements, by kind and group. Exit 3 when a --fail-if holds.",
    "racks": "List the racks that come with the program; each is a RACK by its name.",
    "parts": "List the catalog, one kind of part, or one part with every value's source.",
    "schema": "Print the JSON Schema of rack files, for editors, or of an output, for programs.",
    "init": "Write a first rack file, commented, to change from there; or a copy of a bundled rack.",
}
STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class Commands(TyperGroup):
    """The functions of commands/, each read from its file when it is asked for: start-up does not grow with them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the help page."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list on the help page, without reading any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What TAB offers directly after the program: names, without reading any command, or its own options."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from typer._click.shell_completion import CompletionItem
        from typer._click.utils import make_default_short_help as short

        return [
            CompletionItem(name, help=short(said)) for name, said in COMMANDS.items() if name.startswith(incomplete)
        ]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None where there is none, and then all are known, to suggest the nearest."""
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = alone(name)
        return self.commands.get(cmd_name)


def alone(name: str) -> Any:
    """One command, made of the function of that name in the module of that name."""
    single = typer.Typer(add_completion=False, **STYLE)
    single.command(name, help=COMMANDS[name], epilog=closing(name))(
        getattr(import_module(f"rackcalc.cli.commands.{name}"), name)
    )
    return get_command(single)


app = typer.Typer(
    name="rackcalc",
    help="How fast, how hot, how much, and why: racks of GPUs and LPUs in closed form.",
    cls=Commands,
    epilog=tasks(),
    no_args_is_help=True,
    add_completion=False,  # its options would guess the shell; ours is told
    **STYLE,
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    show_completion: Annotated[
        str, typer.Option("--show-completion", metavar="bash|zsh|fish", help="Print what makes a shell complete.")
    ] = "",
) -> None:
    """Options of the program itself."""
    if show_completion:
        from rackcalc.cli import completion as complete

        if show_completion not in complete.SHELLS:
            raise failure(f'--show-completion: expected one of {", ".join(complete.SHELLS)}, got "{show_completion}"')
        emit(complete.script(show_completion))
        raise typer.Exit
    if version:
        emit(f"rackcalc {__version__}\n")
        raise typer.Exit


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning, such as that of a former name, as a note; each only once."""
    text = f"note: {message}"
    if text not in _told:
        _told.add(text)
        note(text)


_told: set[str] = set()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    if "_RACKCALC_COMPLETE" in os.environ:  # a shell asks what may follow
        from typer._completion_classes import completion_init

        completion_init()
    warnings.showwarning = _tell
    gc.set_threshold(100_000)  # an estimate keeps what it makes: searching it for garbage takes a tenth of the time
    if sys.stdout is None:  # closed by the caller
        note("output: standard output is closed")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 must not crash
    try:
        app(args=arguments)
    except InputError as error:
        report_problems(error.problems)
        leave(2)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer makes 1 of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        note(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
        leave(1)


if __name__ == "__main__":
    main()
