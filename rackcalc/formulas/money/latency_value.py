"""Value of a shorter latency, by four models: linear, saturating, a race that only the first wins, and square-root.

No source was found for a return per millisecond, so every rate comes from the user. The evidence speaks against a
linear value: trading races last 5 to 10 us, and about 5 billion USD a year is at stake in all stock markets of the
world (Aquilina, Budish, O'Neill 2022), so a machine that is milliseconds late earns nothing in them, before and after
it becomes faster. For execution rather than racing, the cost of latency grows as its square root (Moallemi, Saglam
2013).
"""

from math import exp, pi, sqrt
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record, replace
from rackcalc.quantities.units import (
    SECOND,
    Count,
    PerSecond,
    PerSecondSquared,
    Ratio,
    Seconds,
    UsDollars,
    UsDollarsPerSecond,
)
from rackcalc.spec.money import LatencyValue

_MOALLEMI = "C. Moallemi, M. Saglam, Operations Research 61 (2013) 1070-1086, asymptotic cost of latency"


@formula(cite="definition: difference of two latencies")
def time_saved(baseline: Seconds, latency: Seconds) -> Seconds:
    """Time by which the latency is below the baseline; negative when it is above.

    >>> round(time_saved(baseline=0.012, latency=0.0018), 7)
    0.0102
    """
    return baseline - latency


@formula(cite="assumption: return on capital grows in proportion to the time saved")
def linear_value(saved: Seconds, rate: PerSecondSquared, capital: UsDollars) -> UsDollarsPerSecond:
    """Value per time when every unit of time saved adds the same return; the line has no end, see linear_range_excess.

    10.2 ms at 0.7 % per millisecond and year on 1e9 USD is 71.4 million USD a year:

    >>> round(8760 * 3600 * linear_value(saved=0.0102, rate=2.2196854388635206e-07, capital=1e9))
    71400000
    """
    return saved * rate * capital


@formula(cite="definition: distance beyond the range of a straight line")
def linear_range_excess(saved: Seconds, cap: Seconds) -> Seconds:
    """How far a change, for better or worse, lies beyond the range of the straight line; positive is outside.

    >>> round(linear_range_excess(saved=0.0102, cap=0.001), 7)
    0.0092
    """
    return xp.maximum(saved, -saved) - cap


@formula(cite="assumption: nothing can earn or lose more than the stated maximum")
def limited_value(value: UsDollarsPerSecond, maximum: UsDollarsPerSecond) -> UsDollarsPerSecond:
    """Value per time within +-maximum.

    >>> limited_value(value=2.26, maximum=0.5)
    0.5
    """
    return xp.clip(value, -maximum, maximum)


@formula(cite="assumption: each further unit of time saved earns a fixed share less than the one before")
def saturating_value(saved: Seconds, tau: Seconds, maximum: UsDollarsPerSecond) -> UsDollarsPerSecond:
    """Value per time that approaches a maximum: maximum * (1 - exp(-saved / tau)); a delay loses what it would earn.

    >>> round(saturating_value(saved=0.001, tau=0.001, maximum=1.0), 6)
    0.632121
    """
    change = xp.pure(saved / tau)
    return maximum * xp.where(change < 0, xp.expm1(xp.minimum(change, 0.0)), -xp.expm1(-xp.maximum(change, 0.0)))


@formula(cite="J. Hirshleifer, Public Choice 63 (1989) 101-112: contest decided by differences (logistic)")
def win_probability(latency: Seconds, rival_latency: Seconds, rivals: Count, window: Seconds) -> Ratio:
    """Probability of being first among equal rivals.

    Exact if every arrival time has a Gumbel distribution of scale `window` around its latency. The probability is
    1 / (1 + rivals) at equal latency and falls by a factor of e with each window of delay, so that milliseconds have no
    chance against microseconds.

    >>> win_probability(latency=40e-6, rival_latency=40e-6, rivals=4.0, window=10e-6)
    0.2
    """
    return 1 / (1 + rivals * xp.exp(xp.pure((latency - rival_latency) / window)))


_Z99 = 2.3263478740408408  # the normal distribution's 99th percentile
_STEPS = tuple(-6 + 0.1 * i for i in range(121))  # standard deviations
_WEIGHTS = tuple(0.1 * exp(-z * z / 2) / sqrt(2 * pi) for z in _STEPS)


@formula(cite="definition: a log-normal distribution by its median and its 99th percentile")
def log_spread(median: Seconds, p99: Seconds) -> Ratio:
    """Standard deviation of the logarithm of a time; 0 where the percentile is not above the median.

    >>> round(log_spread(median=10e-6, p99=50e-6), 4)
    0.6918
    """
    return xp.maximum(xp.log(xp.pure(p99 / median)), 0.0) / _Z99


@formula(
    cite="order statistics: H. A. David, H. N. Nagaraja, 3rd ed., ch. 2: the chance of being before the first of equal "
    "rivals, one log-normal time against theirs; trapezoidal rule"
)
def first_place(latency: Seconds, spread: Ratio, rival_latency: Seconds, rival_spread: Ratio, rivals: Count) -> Ratio:
    """Probability of being first among rivals whose times are log-normal, as one's own. spread: of the logarithms.

    1 / (1 + rivals) for equal distributions:

    >>> round(first_place(latency=40e-6, spread=0.5, rival_latency=40e-6, rival_spread=0.5, rivals=4.0), 6)
    0.2
    """
    behind = xp.log(xp.pure(latency / rival_latency))
    least = xp.maximum(rival_spread, 0.02)  # rivals that are never late or early would be a step
    found = 0.0
    for z, weight in zip(_STEPS, _WEIGHTS, strict=True):
        slower = xp.erfc((behind + spread * z) / least / sqrt(2)) / 2  # the chance that a rival takes longer
        found = found + weight * xp.power(slower, rivals)
    return xp.minimum(found, 1.0)


@formula(cite="definition: an expected number below one a year is none that anybody could count")
def countable(probability: Ratio, races: PerSecond) -> Ratio:
    """The probability of winning a race, 0 where not one race a year is won. races: per time.

    >>> countable(probability=0.2, races=0.4), countable(probability=1e-62, races=0.4)
    (0.2, 0.0)
    """
    won = xp.pure(probability * races * (8760 * 3600 * SECOND))
    return xp.where(won >= 1, probability, 0.0)


@formula(cite="definition: prize times the gain in probability")
def race_value(prize: UsDollarsPerSecond, probability: Ratio, baseline_probability: Ratio) -> UsDollarsPerSecond:
    """Value per time of being first more often.

    >>> race_value(prize=2.0, probability=0.5, baseline_probability=0.25)
    0.5
    """
    return prize * (probability - baseline_probability)


@formula(cite=_MOALLEMI)
def latency_cost_share(latency: Seconds, spread_time: Seconds) -> Ratio:
    """Cost of latency as a share of the bid-offer spread: sqrt(x) * sqrt(log(1 / (2 pi x))), x = latency / spread_time.

    spread_time = (spread / volatility)**2. For short latencies: nan from x = 1 / (2 pi e), where it begins
    to fall. The square root is the result of the paper; its logarithmic factor is from a secondary source.

    >>> round(latency_cost_share(latency=0.0005, spread_time=1.0), 6)
    0.05368
    """
    share = xp.pure(latency / spread_time)
    positive = xp.where(share > 0, share, _LARGEST_SHARE)
    cost = xp.where(share > 0, xp.sqrt(-positive * xp.log(2 * xp.pi * positive)), 0.0)
    return xp.where(share < _LARGEST_SHARE, cost, xp.nan)


_LARGEST_SHARE = 1 / (2 * xp.pi * xp.exp(1.0))


@formula(cite=_MOALLEMI)
def square_root_value(
    spread_cost: UsDollarsPerSecond, cost_share: Ratio, baseline_cost_share: Ratio
) -> UsDollarsPerSecond:
    """Value per time of paying a smaller share of the spread for latency.

    >>> square_root_value(spread_cost=100.0, cost_share=0.25, baseline_cost_share=0.5)
    25.0
    """
    return spread_cost * (baseline_cost_share - cost_share)


@formula(cite=_MOALLEMI + ": where it stops growing")
def square_root_range_excess(baseline: Seconds, latency: Seconds, spread_time: Seconds) -> Seconds:
    """How far the longer latency lies beyond the range of latency_cost_share; positive is outside.

    >>> round(square_root_range_excess(baseline=0.1, latency=0.01, spread_time=1.0), 6)
    0.04145
    """
    return xp.maximum(baseline, latency) - spread_time * _LARGEST_SHARE


@formula(cite="definition: share of the gain that is kept")
def kept_value(value: UsDollarsPerSecond, share_kept: Ratio) -> UsDollarsPerSecond:
    """The part of the value that is the owner's, such as a performance fee.

    >>> kept_value(value=10.0, share_kept=0.25)
    2.5
    """
    return value * share_kept


@formula(cite="definition: share of a known total")
def prize_share(value: UsDollarsPerSecond, world_prize: UsDollarsPerSecond) -> Ratio:
    """Value per time over what all the world's stock markets have at stake in latency races; above 1 it cannot be.

    >>> round(prize_share(value=2.264079147640792, world_prize=158.54895991882293), 5)
    0.01428
    """
    return value / world_prize


@record
class LatencyGain:
    """What a latency earns over the baseline.

    gain: USD/s, kept by the owner. gross: USD/s before the share kept. saved: s. outside_range: s beyond the range in
    which the model is believed, positive is outside (linear, square-root). probability, baseline_probability: of being
    first (race). prize_share: gross value over the latency prize of the world's stock markets (not for saturating,
    which need not be trading).
    """

    gain: Quantity
    gross: Quantity
    saved: Quantity
    outside_range: Quantity | None = None
    probability: Quantity | None = None
    baseline_probability: Quantity | None = None
    prize_share: Quantity | None = None


# Fields without a default that each kind needs.
NEEDS = {
    "linear": ("rate", "capital"),
    "saturating": ("tau", "maximum"),
    "race": ("prize", "rival_latency"),
    "square-root": ("spread_cost", "spread_time"),
}


def missing(spec: LatencyValue) -> tuple[str, ...]:
    """Names of the fields that the kind of value needs and the spec lacks."""
    return tuple(name for name in NEEDS[spec.kind] if getattr(spec, name) is None)


def latency_value(
    spec: LatencyValue,
    latency: Quantity,
    baseline: Quantity | None = None,
    distribution: tuple[Quantity, Quantity] | None = None,
) -> LatencyGain:
    """Value of a latency (s) compared with the baseline (s, by default that of the spec), by the model of the spec.

    distribution: median and 99th percentile of the latency, for a race against the rivals' distribution; without it
    the latency is always the same. ValueError when missing(spec) is not empty.
    """
    if missing(spec):
        raise ValueError(f"latency value of kind {spec.kind} needs {' and '.join(missing(spec))}")
    baseline = spec.baseline if baseline is None else baseline
    saved = time_saved(baseline=baseline, latency=latency)
    if spec.kind == "race":
        gain = _race(spec, saved, latency, baseline, distribution)
    else:
        gain = _MODELS[spec.kind](spec, saved, latency, baseline)
    value = gain.gross if spec.maximum is None else limited_value(value=gain.gross, maximum=spec.maximum)
    share = None if spec.kind == "saturating" else _prize_share(value)
    kept = kept_value(value=value, share_kept=spec.share_kept)
    return replace(gain, gross=value, gain=kept, prize_share=share)


def _linear(spec: Any, saved: Quantity, latency: Quantity, baseline: Quantity) -> LatencyGain:
    value = linear_value(saved=saved, rate=spec.rate, capital=spec.capital)
    excess = linear_range_excess(saved=saved, cap=spec.cap)
    return LatencyGain(value, value, saved, excess)


def _saturating(spec: Any, saved: Quantity, latency: Quantity, baseline: Quantity) -> LatencyGain:
    value = saturating_value(saved=saved, tau=spec.tau, maximum=spec.maximum)
    return LatencyGain(value, value, saved)


def _race(
    spec: Any,
    saved: Quantity,
    latency: Quantity,
    baseline: Quantity,
    distribution: tuple[Quantity, Quantity] | None,
) -> LatencyGain:
    """By the rivals' distribution where their p99 is stated; the baseline scatters as the latency does."""
    if spec.rival_p99 is None:
        race = {"rival_latency": spec.rival_latency, "rivals": spec.rivals, "window": spec.window}
        now, before = win_probability(latency=latency, **race), win_probability(latency=baseline, **race)
    else:
        median, p99 = (latency, latency) if distribution is None else distribution
        race = {
            "spread": log_spread(median=median, p99=p99),
            "rival_latency": spec.rival_latency,
            "rival_spread": log_spread(median=spec.rival_latency, p99=spec.rival_p99),
            "rivals": spec.rivals,
        }
        now, before = first_place(latency=median, **race), first_place(latency=baseline, **race)
    now, before = (countable(probability=chance, races=spec.races) for chance in (now, before))
    value = race_value(prize=spec.prize, probability=now, baseline_probability=before)
    return LatencyGain(value, value, saved, None, now, before)


def _square_root(spec: Any, saved: Quantity, latency: Quantity, baseline: Quantity) -> LatencyGain:
    now = latency_cost_share(latency=latency, spread_time=spec.spread_time)
    before = latency_cost_share(latency=baseline, spread_time=spec.spread_time)
    value = square_root_value(spread_cost=spec.spread_cost, cost_share=now, baseline_cost_share=before)
    excess = square_root_range_excess(baseline=baseline, latency=latency, spread_time=spec.spread_time)
    return LatencyGain(value, value, saved, excess)


def _prize_share(value: Quantity) -> Quantity:
    world = constant(5e9 / (8760 * 3600), "USD/s", "world_prize", "published", "abo21", "about 5 billion USD a year")
    return prize_share(value=value, world_prize=world)


_MODELS = {"linear": _linear, "saturating": _saturating, "square-root": _square_root}
