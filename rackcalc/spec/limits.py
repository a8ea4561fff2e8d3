"""Limits on latency that the priced throughput must meet: workload.slo."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import number

REQUEST, TTFT, TPOT, ITL = (
    "whole requests",
    "the time to the first token (decoders under a serving engine)",
    "the mean time per token of a request (decoders under a serving engine)",
    "the time between two tokens (decoders under a serving engine)",
)


def _time(level: str, what: str, unit: str = "s") -> Quantity | None:
    found: Quantity | None = number(unit, f"{level} of {what}", above=0, default=None)
    return found


@record
class Limits:
    """Limits on percentiles of latency, all to be met together."""

    p50: Quantity | None = _time("p50", REQUEST)
    p90: Quantity | None = _time("p90", REQUEST)
    p95: Quantity | None = _time("p95", REQUEST)
    p99: Quantity | None = _time("p99", REQUEST)
    p999: Quantity | None = _time("p99.9", REQUEST)
    ttft_p50: Quantity | None = _time("p50", TTFT)
    ttft_p90: Quantity | None = _time("p90", TTFT)
    ttft_p95: Quantity | None = _time("p95", TTFT)
    ttft_p99: Quantity | None = _time("p99", TTFT)
    tpot_p50: Quantity | None = _time("p50", TPOT, "s/token")
    tpot_p90: Quantity | None = _time("p90", TPOT, "s/token")
    tpot_p95: Quantity | None = _time("p95", TPOT, "s/token")
    tpot_p99: Quantity | None = _time("p99", TPOT, "s/token")
    itl_p50: Quantity | None = _time("p50", ITL, "s/token")
    itl_p90: Quantity | None = _time("p90", ITL, "s/token")
    itl_p95: Quantity | None = _time("p95", ITL, "s/token")
    itl_p99: Quantity | None = _time("p99", ITL, "s/token")

    def stated(self, time: str) -> dict[str, Quantity]:
        """The limits on "ttft", "tpot", "itl" or, for "", on whole requests, by level (p50, p90, ...)."""
        before = f"{time}_" if time else ""
        found = {level: getattr(self, before + level, None) for level in ("p50", "p90", "p95", "p99", "p999")}
        return {level: limit for level, limit in found.items() if limit is not None}
