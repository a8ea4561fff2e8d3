"""Versions of serving engines: a runtime as of a given release. Its fixed times shrink from release to release."""

import re
from functools import lru_cache

from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.quantities.record import replace
from rackcalc.spec.runtimes import Engine, Runtime

REFERENCE = 2025 + 10.5 / 12  # November 2025, in years
YEAR = 31557600.0
LATER = 0.5 * YEAR  # how long after the newest release known a reader's own may be: its gain is not measured
NOT_EAGER = constant(0.0, "1", "eager launches", "published", note="a compiled engine")
IN_COMPILED_HOST = constant(0.0, "s/token", "host time of a prompt", "assumed", note="tokens are given, not text")


# An image name, then a version as tags and packages write it: v0.6.3, 0.6.3.post1, 1.2.0rc6, v0.5.1-cu124
_VERSION = r"(?i)(?:[^\s:]*:)?v?(\d+(?:\.\d+)*)(?:[.+_-]?(?:a|b|rc|alpha|beta|dev|post|cu|cuda|rocm|py)[\w.+-]*)?"


def version_number(version: str) -> tuple[int, ...]:
    """The numbers of a version: "v1.2.0rc6.post3" -> (1, 2, 0); () for what is no version, such as "latest"."""
    found = re.fullmatch(_VERSION, version.strip())
    return tuple(map(int, found[1].split("."))) if found else ()


def _believed(engine: Engine, age: Quantity) -> Quantity:
    """The age whose speed is taken: beyond the versions that were measured, half of the way, between both ends."""
    seen = engine.measured
    if seen is None or float(seen.oldest.value) <= float(age.value) <= float(seen.newest.value):
        return age
    known = min(max(age.value, seen.oldest.value), seen.newest.value)
    ends = [known, *(end for end in (age.value, age.low, age.high) if end is not None)]
    note = "no run of such a version is among the measurements: half of the way to the nearest that is"
    source = Source("assumed", note=note)
    return Quantity((known + age.value) / 2, "s", "age", source=source, low=min(ends), high=max(ends))


_MONTH = r"at-(\d{4})-(\d{2})"


def age_in_month(version: str) -> Quantity | None:
    """The age of an engine as it was in the month of "at-YYYY-MM"; None for other versions."""
    found = re.fullmatch(_MONTH, version)
    if found is None:
        return None
    age = int(found[1]) + (int(found[2]) - 0.5) / 12 - REFERENCE
    source = Source("assumed", note=f"a release of the month {version[3:]}, or of the two before")
    return Quantity(age * YEAR, "s", "age", source=source, low=(age - 0.2) * YEAR, high=(age + 0.05) * YEAR)


def release_numbers(engine: Engine) -> dict[tuple[int, ...], Quantity]:
    """The ages of the listed releases that have numbers."""
    return {version_number(name): age for name, age in engine.releases.items() if version_number(name)}


@lru_cache(maxsize=64)  # bounded: in a stream of racks, every rack may bring a runtime of its own
def at_version(runtime: Runtime, version: str) -> Runtime:
    """The runtime at a version. Its age is that of the latest listed release up to it; unlisted: of the reference."""
    engine = runtime.engine
    if engine is None or not version:
        return runtime
    ages, wanted = release_numbers(engine), version_number(version)
    age = age_in_month(version)
    age = engine.releases.get(version) if age is None else age
    if age is None and wanted and ages:
        age = ages[max((name for name in ages if name <= wanted), default=min(ages))]
    found = runtime if age is None else replace(runtime, engine=replace(engine, age=_believed(engine, age)))
    return as_compiled_engine(found) if wanted and wanted < version_number(engine.compiled_before) else found


@lru_cache(maxsize=64)
def at_newest(runtime: Runtime) -> Runtime:
    """The runtime at the newest release known: what is meant where no version is stated. Newer ones may be quicker."""
    engine = runtime.engine
    if engine is None or not (ages := release_numbers(engine)):
        return runtime
    newest = max(ages)
    age, name = ages[newest], ".".join(map(str, newest))
    source = Source(
        "assumed", note=f"no version is stated: {name}, the newest release known, or one of the half year after"
    )
    low = age.value if age.low is None else age.low
    taken = Quantity(age.value, "s", "age", source=source, low=low, high=age.value + LATER)
    return replace(runtime, engine=replace(engine, age=taken))


def known_version(engine: Engine, version: str) -> bool:
    """Whether this is a version, or the name of a listed release such as nightly."""
    return version in engine.releases or bool(version_number(version)) or age_in_month(version) is not None


def beyond_known(engine: Engine, version: str) -> str:
    """In words, how a version lies outside the listed releases; "" where it does not."""
    numbers, wanted = sorted(release_numbers(engine)), version_number(version)
    if not numbers or not wanted or version in engine.releases:
        return ""
    if wanted < numbers[0]:
        return f"is older than {'.'.join(map(str, numbers[0]))}, the oldest release known, whose speed is taken"
    newest = numbers[-1]
    if wanted[: len(newest)] > newest:
        return f"is newer than {'.'.join(map(str, newest))}, the newest release known, whose speed is taken"
    return ""


def as_compiled_engine(runtime: Runtime) -> Runtime:
    """The runtime in versions that ran compiled engines: a prefill is one launch, and C++ handles the requests."""
    assert runtime.engine is not None and runtime.engine.compiled_host is not None
    engine = replace(runtime.engine, eager_prefill=NOT_EAGER, prompt_host=IN_COMPILED_HOST)
    return replace(runtime, request_host=runtime.engine.compiled_host, engine=engine)
