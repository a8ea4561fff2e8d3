"""rackcalc init: a first rack file, and what an editor needs to check it."""

from pathlib import Path
from typing import Annotated

from rackcalc.cli import completion as complete
from rackcalc.cli.console import emit, note, write
from rackcalc.cli.parameters import Argument, Option
from rackcalc.config.racks import bundled_racks
from rackcalc.quantities.problems import failure, suggest
from rackcalc.questions import new_rack
from rackcalc.render.json_data import json_text
from rackcalc.schemas.rack_file import rack_schema

SCHEMA = "rack.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"


def init(
    file: Annotated[str, Argument(metavar="[FILE]", help="Where to write it; - for stdout.")] = "rack.yaml",
    gpu: Annotated[
        str, Option("--gpu", metavar="NAME", help="Which GPU: `rackcalc parts gpus` lists them.")
    ] = new_rack.GPU,
    count: Annotated[int, Option("--count", min=1, help="How many of them.")] = 1,
    model: Annotated[
        str, Option("--model", metavar="NAME", help="Which model, by name or the path of its config.json.")
    ] = new_rack.MODEL,
    engine: Annotated[str, Option("--engine", metavar="NAME", help="vllm, sglang or tensorrt-llm.")] = "vllm",
    concurrency: Annotated[
        int | None, Option("--concurrency", min=1, help="Clients that wait for their answer before they go on.")
    ] = None,
    rate: Annotated[
        str | None, Option("--rate", metavar="RATE", help="Requests that arrive, such as 2 request/s.")
    ] = None,
    input_: Annotated[str, Option("--input", metavar="TOKENS", help="Tokens of a prompt.")] = "1024",
    output: Annotated[str, Option("--output", metavar="TOKENS", help="Tokens of an answer.")] = "256",
    example: Annotated[
        str,
        Option("--from", metavar="RACK", help="Copy this bundled rack.", autocompletion=complete.bundled),
    ] = "",
    schema: Annotated[
        bool, Option("--schema/--no-schema", help=f"Also {SCHEMA}, and the line that leads an editor to it.")
    ] = True,
) -> None:
    """Run `rackcalc init`."""
    racks = bundled_racks()
    if example and example not in racks:
        raise failure(f'no bundled rack "{example}"{suggest(example, racks)}')
    if concurrency is not None and rate is not None:
        raise failure("--concurrency and --rate are two loads; name one")
    if file != "-" and Path(file).exists():
        raise failure("exists already; name another file", file)
    if example:
        text = racks[example].read_text(encoding="utf-8")
    else:
        load = new_rack.Load(input_, output, concurrency, rate)
        text = new_rack.text(gpu, count, model, engine, load)
    text = (MODELINE if schema else "") + text
    if file == "-":
        emit(text)
        return
    write(file, text)
    beside = Path(file).parent / SCHEMA
    if schema and not beside.exists():
        write(str(beside), json_text(rack_schema()))
        note(f"wrote {beside}, for editors")
    note(f"wrote {file}; next: rackcalc estimate {file}")
