"""The commands as typer knows them: their help, completion, and every command line that is not plain (direct.py)."""

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from shutil import get_terminal_size
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from rackcalc.cli.command_names import COMMANDS
from rackcalc.cli.console import emit
from rackcalc.cli.examples import closing, tasks
from rackcalc.cli.option_groups import GroupedCommand, write_columns
from rackcalc.cli.parameters import Option
from rackcalc.quantities.problems import failure
from rackcalc.version import __version__

NARROWEST = 50  # of the help pages that typer formats by itself
COLUMNS = get_terminal_size().columns
STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {
        "help_option_names": ["-h", "--help"],
        "terminal_width": COLUMNS if 0 < COLUMNS < NARROWEST else None,
    },
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

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options of the program itself, then the commands."""
        with formatter.section("Options"):
            lines = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
            write_columns(formatter, [line for line in lines if line is not None])
        self.format_commands(ctx, formatter)

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
    function = getattr(import_module(f"rackcalc.cli.commands.{name}"), name)
    single.command(name, cls=GroupedCommand, help=COMMANDS[name], epilog=closing(name))(as_typer_reads_it(function))
    return get_command(single)


def as_typer_reads_it(function: Callable[..., None]) -> Callable[..., None]:
    """The function of a command, with typer's options and arguments in its signature instead of ours."""

    def command(**given: Any) -> None:
        function(**given)

    ours = signature(function)
    typers = [one.replace(annotation=_annotation(one.annotation)) for one in ours.parameters.values()]
    command.__signature__ = ours.replace(parameters=typers)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in typers}
    command.__name__ = function.__name__
    return command


def _annotation(ours: Any) -> Any:
    declared = ours.__metadata__[0]
    make: Callable[..., Any] = typer.Option if isinstance(declared, Option) else typer.Argument
    return Annotated[ours.__origin__, make(*declared.names, **declared.settings)]


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
