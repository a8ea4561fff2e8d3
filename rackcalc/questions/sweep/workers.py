"""Who computes: this process, several on this machine, or a Dask cluster that is there. The parts come in any order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.questions.sweep.job import Job, Part, work

Tasks = Iterator[tuple[int, int]]  # first box and the one after the last
Crew = Callable[[Job, Tasks], Iterator[tuple[tuple[int, int], Part]]]
AHEAD = 2  # tasks given out for every worker: memory stays flat, nobody waits


def alone(job: Job, tasks: Tasks) -> Iterator[tuple[tuple[int, int], Part]]:
    """In this process, one after the other."""
    for task in tasks:
        yield task, work(job, *task)


@contextmanager
def processes(count: int) -> Iterator[Crew]:
    """So many processes on this machine."""
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

    with ProcessPoolExecutor(count) as pool:

        def crew(job: Job, tasks: Tasks) -> Iterator[tuple[tuple[int, int], Part]]:
            running: dict[Any, tuple[int, int]] = {}
            try:
                for task in tasks:
                    running[pool.submit(work, job, *task)] = task
                    if len(running) >= AHEAD * count:
                        for done in wait(running, return_when=FIRST_COMPLETED).done:
                            yield running.pop(done), done.result()
                while running:
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(done), done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

        yield crew


@contextmanager
def dask(address: str) -> Iterator[Crew]:
    """The workers of a Dask cluster. A worker that dies takes nothing with it: its tasks are given to others."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise failure("--dask needs the distributed package: pip install 'rackcalc[dask]'") from None
    try:
        client = Client(address, timeout="5s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise failure(f"no Dask scheduler answers at {address} ({type(error).__name__})", path="--dask") from None
    with client:

        def crew(job: Job, tasks: Tasks) -> Iterator[tuple[tuple[int, int], Part]]:
            shared = client.scatter(job, broadcast=True, hash=False)
            most = AHEAD * max(1, len(client.scheduler_info()["workers"]))
            given: dict[Any, tuple[int, int]] = {}

            def give(task: tuple[int, int]) -> Any:
                future = client.submit(work, shared, *task, pure=False, retries=10)
                given[future.key] = task
                return future

            todo = iter(tasks)
            first = [give(task) for task in islice(todo, most)]
            pending = as_completed(first, loop=client.loop)
            for future in pending:
                part = future.result()
                following = next(todo, None)
                if following is not None:
                    pending.add(give(following))
                yield given.pop(future.key), part

        yield crew
