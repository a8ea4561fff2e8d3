"""Temperatures and power against what limits them."""

from collections.abc import Iterator

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.render.html.bars import bar, rows
from rackcalc.render.html.markup import escaped
from rackcalc.render.html.view import View

COLDEST = 273.15  # where the bars of temperatures begin: 0 degC
Line = tuple[str, str, tuple[str, ...]]


def limits(view: View) -> str:
    """Two tables of bars."""
    heat, power = list(_temperatures(view)), list(_powers(view))
    shown = rows("Temperatures and flows at full load", ("where", "", "is", "limit", "to spare"), heat) if heat else ""
    return shown + (rows("Power", ("what", "", "is", "limit", "to spare"), power) if power else "")


def _limit(margin: Quantity) -> Quantity | None:
    """The limit that a margin is counted from."""
    found = margin.inputs.get("limit")
    return found if found is not None and found.known else None


def _temperatures(view: View) -> Iterator[Line]:
    thermal = view.report.thermal
    hottest = [float(found.value) for margin in thermal.headroom.values() if (found := _limit(margin)) is not None]
    top = max([*hottest, 373.15]) + 10
    for pool, margin in thermal.headroom.items():
        path, limit = f"thermal.junction.{pool}", _limit(margin)
        now = view.value(path)
        if now is None:
            yield f"{escaped(pool)} chips", "", (view.why(path), "", "")
            continue
        over = limit is not None and now > float(limit.value)
        mark = None if limit is None else _share(float(limit.value), top)
        yield (
            f"{escaped(pool)} chips",
            bar([(0, _share(now, top), "bad" if over else "one")], mark),
            (
                view.why(path),
                "" if limit is None else escaped(show(float(limit.value), "K", absolute=True, digits=3)),
                view.why(f"thermal.headroom.{pool}"),
            ),
        )
    for name, label in (("inlet", "air in"), ("exhaust", "air out"), ("coolant_outlet", "coolant out")):
        now = view.value(f"thermal.{name}")
        if now is not None:
            yield label, bar([(0, _share(now, top), "two")]), (view.why(f"thermal.{name}"), "", "")
    for name, label in (("airflow", "flow of air"), ("coolant_flow", "flow of coolant")):
        if view.value(f"thermal.{name}"):
            yield label, "", (view.why(f"thermal.{name}"), "", "")


def _share(temperature: float, top: float) -> float:
    return min(max((temperature - COLDEST) / (top - COLDEST), 0.0), 1.0)


def _powers(view: View) -> Iterator[Line]:
    room = view.value("thermal.rack_headroom")
    limit = _limit(view.known.table["thermal.rack_headroom"]) if "thermal.rack_headroom" in view.known.table else None
    heat = None if limit is None or room is None else float(limit.value) - room
    shown = {"power.it": "mean", "power.peak.it": "peak", "power.facility": "mean, with cooling"}
    values = [value for path in shown if (value := view.value(path)) is not None]
    top = 1.05 * max([*values, 0.0 if limit is None else float(limit.value), heat or 0.0, 1e-9])
    for path, label in shown.items():
        if path not in view.known.table:
            continue
        now = view.value(path)
        yield label, "" if now is None else bar([(0, now / top, "two")]), (view.why(path), "", "")
    if limit is not None and heat is not None and room is not None:
        drawn = bar([(0, heat / top, "bad" if room < 0 else "one")], float(limit.value) / top)
        rated = escaped(show(float(limit.value), "W", digits=3))
        yield (
            "heat of one rack, at full load",
            drawn,
            (escaped(show(heat, "W", digits=3)), rated, view.why("thermal.rack_headroom")),
        )
