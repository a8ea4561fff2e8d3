"""Versions of serving engines: a runtime as of a given release. Its fixed times shrink from release to release."""

from functools import lru_cache

from rackcalc.quantities.quantity import constant
from rackcalc.quantities.record import replace
from rackcalc.spec.runtimes import Runtime

NOT_EAGER = constant(0.0, "1", "eager launches", "published", note="a compiled engine")


def version_number(version: str) -> tuple[int, ...]:
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


@lru_cache(maxsize=64)  # bounded: in a stream of racks, every rack may bring a runtime of its own
def at_version(runtime: Runtime, version: str) -> Runtime:
    """The runtime at a version. Its age is that of the latest listed release up to it; unlisted: of the reference."""
    engine = runtime.engine
    if engine is None or not version:
        return runtime
    ages = {version_number(name): age for name, age in engine.releases.items() if version_number(name)}
    wanted = version_number(version)
    age = engine.releases.get(version)
    if age is None and wanted and ages:
        age = ages[max((name for name in ages if name <= wanted), default=min(ages))]
    found = runtime if age is None else replace(runtime, engine=replace(engine, age=age))
    return as_compiled_engine(found) if wanted and wanted < version_number(engine.compiled_before) else found


def as_compiled_engine(runtime: Runtime) -> Runtime:
    """The runtime in versions that ran compiled engines: a prefill is one launch, and C++ handles the requests."""
    assert runtime.engine is not None and runtime.engine.compiled_host is not None
    engine = replace(runtime.engine, eager_prefill=NOT_EAGER)
    return replace(runtime, request_host=runtime.engine.compiled_host, engine=engine)
