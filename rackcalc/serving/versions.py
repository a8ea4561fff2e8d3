"""Versions of serving engines: fixed times shrink from release to release."""

from functools import lru_cache

from rackcalc.quantities.quantity import constant
from rackcalc.quantities.record import replace
from rackcalc.spec.runtimes import Runtime

NOT_EAGER = constant(0.0, "1", "eager launches", "published", note="a compiled engine")


def number_of(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "1.2.0rc6.post3" -> (1, 2, 0)."""
    numbers = []
    for piece in version.split("."):
        digits = piece[: len(piece) - len(piece.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != piece:
            break
    return tuple(numbers)


@lru_cache(maxsize=64)  # a stream of racks brings a new runtime each
def dated(runtime: Runtime, version: str) -> Runtime:
    """The runtime at a version: as old as the latest listed release that is not newer; unlisted: the reference."""
    engine = runtime.engine
    if engine is None or not version:
        return runtime
    ages = {number_of(name): age for name, age in engine.releases.items() if number_of(name)}
    wanted = number_of(version)
    age = engine.releases.get(version)
    if age is None and wanted and ages:
        age = ages[max((name for name in ages if name <= wanted), default=min(ages))]
    found = runtime if age is None else replace(runtime, engine=replace(engine, age=age))
    return compiled(found) if wanted and wanted < number_of(engine.compiled_before) else found


def compiled(runtime: Runtime) -> Runtime:
    """The runtime in versions that ran a compiled engine: prefills are one launch, requests are handled in C++."""
    assert runtime.engine is not None and runtime.engine.compiled_host is not None
    engine = replace(runtime.engine, eager_prefill=NOT_EAGER)
    return replace(runtime, request_host=runtime.engine.compiled_host, engine=engine)
