"""Where a sweep is computed: in this process, in several on this machine, or on a running Dask cluster.

An executor takes ranges of boxes and yields each range with its result, in any order.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import Thread
from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.questions.sweep.job import PartialResult, SweepJob, compute_boxes

BoxRange = tuple[int, int]  # number of the first box, and of the one after the last
Results = Iterator[tuple[BoxRange, PartialResult]]
Executor = Callable[[SweepJob, Iterator[BoxRange]], Results]
TASKS_PER_WORKER = 2  # submitted at a time: no worker waits, and memory does not grow


def in_this_process(job: SweepJob, ranges: Iterator[BoxRange]) -> Results:
    """An executor that computes one range after another in this process."""
    for boxes in ranges:
        yield boxes, compute_boxes(job, *boxes)


def end_with_parent(parent: int) -> None:
    """In a worker: watch for the end of the process that started it, whatever ended that, and end too."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.3)
        os._exit(1)

    if os.name == "posix":
        Thread(target=watch, daemon=True).start()


@contextmanager
def process_pool(count: int) -> Iterator[Executor]:
    """An executor with `count` processes on this machine."""
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    with ProcessPoolExecutor(count, initializer=end_with_parent, initargs=(os.getpid(),)) as pool:

        def execute(job: SweepJob, ranges: Iterator[BoxRange]) -> Results:
            running: dict[Any, BoxRange] = {}
            try:
                for boxes in ranges:
                    running[pool.submit(compute_boxes, job, *boxes)] = boxes
                    if len(running) >= TASKS_PER_WORKER * count:
                        for done in wait(running, return_when=FIRST_COMPLETED).done:
                            yield running.pop(done), done.result()
                while running:
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(done), done.result()
            except BrokenProcessPool:
                message = "a worker was killed, perhaps for want of memory; take fewer (--resume goes on with a --dump)"
                raise failure(message, path="--workers") from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

        yield execute


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """An executor with the workers of a Dask cluster. When a worker dies, its tasks are given to others."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise failure("--dask needs the distributed package: pip install 'rackcalc[dask]'") from None
    try:
        client = Client(address, timeout="5s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise failure(f"no Dask scheduler answers at {address} ({type(error).__name__})", path="--dask") from None
    with client:

        def execute(job: SweepJob, ranges: Iterator[BoxRange]) -> Results:
            shared = client.scatter(job, broadcast=True, hash=False)
            most = TASKS_PER_WORKER * max(1, len(client.scheduler_info()["workers"]))
            submitted: dict[Any, BoxRange] = {}

            def submit(boxes: BoxRange) -> Any:
                future = client.submit(compute_boxes, shared, *boxes, pure=False, retries=10)
                submitted[future.key] = boxes
                return future

            waiting = iter(ranges)
            first = [submit(boxes) for boxes in islice(waiting, most)]
            pending = as_completed(first, loop=client.loop)
            for future in pending:
                result = future.result()
                following = next(waiting, None)
                if following is not None:
                    pending.add(submit(following))
                yield submitted.pop(future.key), result

        yield execute
