"""Partition of a chain of operators into pipeline stages."""

from collections.abc import Sequence


def partition_chain(
    times: Sequence[float], cuts: Sequence[float], stages: int, objective: str = "bottleneck"
) -> tuple[float, tuple[int, ...]]:
    """Best way to cut a chain of operators into stages: its cost, and the first operator of each later stage.

    times [s]: of each operator. cuts[i] [s]: of a cut between operators i and i + 1. objective: "bottleneck" minimises
    the longest stage, where a cut belongs to the stage that sends; "cuts" minimises the sum of the cuts. ValueError if
    there are fewer operators than stages.
    """
    if not 1 <= stages <= len(times) or len(cuts) != len(times) - 1:
        raise ValueError(f"{len(times)} operators with {len(cuts)} cuts do not make {stages} stages")
    inf = float("inf")
    before = [0.0]
    for time in times:
        before.append(before[-1] + time)
    sends = [*cuts, 0.0]
    best = [0.0] + [inf] * len(times)  # best[j]: lowest cost of the first j operators in the stages so far
    chosen: list[list[int]] = []
    for _ in range(stages):
        row, starts = [inf] * len(best), [0] * len(best)
        for end in range(1, len(best)):
            for start in range(end):
                stage = before[end] - before[start] + sends[end - 1]
                cost = max(best[start], stage) if objective == "bottleneck" else best[start] + sends[end - 1]
                if cost < row[end]:
                    row[end], starts[end] = cost, start
        best, end = row, len(times)
        chosen.append(starts)
    bounds = []
    for starts in reversed(chosen):
        end = starts[end]
        bounds.append(end)
    return best[-1], tuple(reversed(bounds[:-1]))
