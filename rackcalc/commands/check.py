"""rackcalc check: hold a rack against its gates."""

from typing import Annotated

import typer

from rackcalc import gates
from rackcalc.commands.options import (
    ErrorFormatOption,
    JsonOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    loaded_and_estimated,
    only,
)
from rackcalc.console import emit, use_error_format
from rackcalc.errors import failure
from rackcalc.render import checks


def check(
    rack: RackArgument,
    fail_if: Annotated[
        list[str] | None, typer.Option("--fail-if", metavar="EXPR", help='"latency.p99 > 2 ms". Repeatable.')
    ] = None,
    warn_if: Annotated[
        list[str] | None, typer.Option("--warn-if", metavar="EXPR", help="As --fail-if, but only warns.")
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Report only: exit 0 even when a gate fails.")] = False,
    format_: Annotated[str, typer.Option("--format", metavar="table|json")] = "table",
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc check`."""

    use_error_format(error_format)
    if format_ not in ("table", "json"):
        raise failure(f'--format: expected table or json, got "{format_}"')
    loaded, report = loaded_and_estimated(rack, only(scenario, "--scenario"), set_)
    conditions = gates.conditions(loaded, fail_if or (), warn_if or ())
    if not conditions:
        raise failure("no gates: add a gates section to the file, or --fail-if", loaded.file)
    verdicts = gates.evaluate(conditions, report)
    emit(checks.as_json(report, verdicts) if json or format_ == "json" else checks.as_text(verdicts))
    if any(verdict.status == "fail" for verdict in verdicts) and not exit_zero:
        raise typer.Exit(3)
