"""One estimate as shell variables, for eval: RACKCALC_LATENCY_P99=0.00164, RACKCALC_LATENCY_P99_UNIT=s."""

import re
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from rackcalc.quantities.display import in_unit
from rackcalc.quantities.figures import selected
from rackcalc.quantities.problems import failure
from rackcalc.render import ENV_PREFIX
from rackcalc.render.cells import bare_unit
from rackcalc.render.estimate_json import intervals_of


def render(
    reports: Sequence[Any],
    interval: bool = True,
    paths: Sequence[str] = (),
    units: Mapping[str, Sequence[str]] | None = None,
    prefix: str = ENV_PREFIX,
) -> str:
    """For each figure its value, _UNIT, and with interval _LOW and _HIGH (80 %). Any POSIX shell can read it.

    paths: the figures wanted; for all figures also the name and scenario. units: those asked for, by path, see
    bare_unit. Values are numbers, or the words inf and nan.
    """
    if len(reports) != 1:
        raise failure(
            f"holds one rack in one scenario, not {len(reports)}; give each run its own --prefix", "--format env"
        )
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix):
        raise failure(f'expected letters, digits and _ such as {ENV_PREFIX}, got "{prefix}"', "--prefix")
    (report,) = reports
    wanted = selected(report, paths)
    known = intervals_of(report, wanted if paths else None) if interval else {}
    lines = [] if paths else [f"{prefix}NAME={quote(report.name)}", f"{prefix}SCENARIO={quote(report.scenario)}"]
    taken: dict[str, str] = {}
    for path, quantity in wanted.items():
        name = prefix + re.sub(r"[^A-Z0-9]", "_", path.upper())
        if taken.setdefault(name, path) != path:
            raise failure(f"{taken[name]} and {path} would both be {name}; choose with --get", "--format env")
        unit = bare_unit(path, quantity, (units or {}).get(path, ()))
        lines.append(f"{name}={in_unit(quantity, float(quantity.value), unit):.12g}")
        lines.append(f"{name}_UNIT={quote(unit)}")
        if interval:
            low, high = (in_unit(quantity, end, unit) for end in known[path])
            lines += [f"{name}_LOW={low:.12g}", f"{name}_HIGH={high:.12g}"]
    return "".join(f"{line}\n" for line in lines)
