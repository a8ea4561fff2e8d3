"""rackcalc sweep: every point of a design space."""

from typing import Annotated, Any

from rackcalc.cli.console import emit, note, show, use_error_format
from rackcalc.cli.options import (
    ErrorFormatOption,
    JsonOption,
    RackArgument,
    ScenarioOption,
    SetOption,
    chosen,
    space_options,
)
from rackcalc.cli.parameters import Option
from rackcalc.quantities.problems import InputError, failure

FORMATS = ("table", "json", "jsonl", "csv", "html")


def sweep(
    rack: RackArgument,
    vary: Annotated[
        list[str] | None,
        Option("--vary", metavar="PATH=RANGE", help='What to vary: "workload.batch=1,2,4..64". Repeatable.'),
    ] = None,
    zip_: Annotated[bool, Option("--zip", help="All axes together, value by value; else every combination.")] = False,
    where: Annotated[
        list[str] | None,
        Option("--where", metavar="EXPR", help='Only points where "latency.p99 < 2 ms". Repeatable: all of them.'),
    ] = None,
    by: Annotated[str, Option("--by", metavar="PATH", help="Smallest first; -PATH: largest first.")] = "",
    descending: Annotated[bool, Option("--descending", help="The same as a minus before the path of --by.")] = False,
    top: Annotated[int | None, Option("--top", metavar="K", help="So many of the best.")] = None,
    pareto: Annotated[
        str,
        Option("--pareto", metavar="PATH,PATH", help="Points that none beats in all of these; -PATH: more is better."),
    ] = "",
    stats: Annotated[bool, Option("--stats", help="Mean, extremes and quantiles of every column.")] = False,
    get: Annotated[list[str] | None, Option("--get", metavar="PATH", help="Figures to show. Repeatable.")] = None,
    dump: Annotated[
        str | None, Option("--dump", metavar="FILE", help="Every point, as .parquet, .csv or .jsonl.")
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with a --dump that was interrupted.")] = False,
    workers: Annotated[int, Option("--workers", metavar="N", help="Processes on this machine.")] = 1,
    dask: Annotated[str, Option("--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster to use.")] = "",
    format_: Annotated[str, Option("--format", metavar="table|json|jsonl|csv|html")] = "table",
    json: JsonOption = False,
    set_: SetOption = None,
    scenario: ScenarioOption = None,
    error_format: ErrorFormatOption = "text",
) -> None:
    """Run `rackcalc sweep`."""
    from rackcalc.questions.sweep.options import SweepOptions
    from rackcalc.render.sweep import render

    use_error_format(error_format)
    name = chosen(FORMATS, format_, json)
    if descending and not by:
        raise failure("--descending goes with --by")
    if resume and not dump:
        raise failure("--resume goes with --dump")
    if workers < 1 or (workers > 1 and dask):
        raise failure("--workers: expected 1 or more, and not together with --dask")
    options = SweepOptions(
        space_options(rack, scenario, set_, vary, zip_),
        where=tuple(where or ()),
        top=top,
        by=f"-{by}" if descending and not by.startswith("-") else by,
        pareto=pareto,
        stats=stats,
        get=tuple(get or ()),
        dump=dump is not None,
    )
    result = answered(options, dump, resume, workers, dask)
    if name == "html":
        from rackcalc.render.html.sweep_page import as_html

        emit(as_html(result))
    else:
        (show if name == "table" else emit)(render(result, name))
    if name in ("csv", "jsonl"):  # formats without a place for notes
        for said in result.notes:
            note(f"note: {said}")


def answered(options: Any, file: str | None, resume: bool, workers: int, address: str) -> Any:
    """Run the sweep. file: where all points are written. Ctrl-C keeps what is done, and says how to go on."""
    from contextlib import nullcontext

    from rackcalc.questions.sweep.dump import discard_dump, finish_dump, save_partial_dump, start_dump
    from rackcalc.questions.sweep.notes import notes_of
    from rackcalc.questions.sweep.options import sweep_job
    from rackcalc.questions.sweep.result import SweepResult
    from rackcalc.questions.sweep.run import PointsInMemory, run, why_no_points
    from rackcalc.questions.sweep.workers import dask_cluster, in_this_process, process_pool
    from rackcalc.render.progress import progress

    job, columns = sweep_job(options)
    executors: Any = nullcontext(in_this_process)
    if address or workers > 1:
        executors = dask_cluster(address) if address else process_pool(workers)
    with executors as executor:
        dump = None if file is None else start_dump(file, job, columns, resume)
        memory = PointsInMemory()
        try:
            with progress(job.plan.points) as on_progress:
                part = run(job, executor, on_progress, memory.store if dump is None else dump.store)
        except KeyboardInterrupt:
            if dump is not None:
                partial = save_partial_dump(dump)
                done = "nothing was done yet" if partial is None else f"{partial} holds what was done"
                note(f"stopped; {done}; the same command with --resume goes on")
            raise
        if not part.matches:
            if dump is not None:
                discard_dump(dump)
            raise InputError(why_no_points(job, columns, part, executor))
    if dump is not None:
        finish_dump(dump)
    listed = memory.points(job) if dump is None and job.dump else None
    return SweepResult(job, columns, part, listed, notes_of(job.question))
