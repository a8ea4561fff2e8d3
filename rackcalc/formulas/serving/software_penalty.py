"""Cost of a second software stack in time: padding, cuts of the graph, unsupported operators, and immaturity.

None of these is known in advance, so the composed result is a range and never a single value. Do not apply them to a
time that already includes them: the matrix cycles of an LPU include tile padding, and its compiler factor describes a
mature compiler.
"""

from rackcalc.formulas.combine import total
from rackcalc.formulas.money.costs import porting_cost, upkeep_cost
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.software import Software

GROQ = "assumption: exponential; Groq's Llama-2-70B: 100 tokens/s in 2023 (Moor Insights), 300 in early 2024"


@formula(cite="definition: read once, written once")
def layout_time(read: Bytes, written: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Conversion of a tensor to another layout or number format.

    >>> layout_time(read=2e6, written=1e6, bandwidth=1e12)
    3e-06
    """
    return xp.divide(read + written, bandwidth)


@formula(cite="definition: one conversion shared by all inferences")
def amortised_layout(layout: Seconds, inferences: Count) -> Seconds:
    """Share of a one-off conversion of the weights in one inference.

    >>> amortised_layout(layout=2.0, inferences=1e6)
    2e-06
    """
    return xp.divide(layout, inferences)


@formula(cite="R. Hockney, Parallel Computing 20 (1994) 389-398, eq. 1; both stacks pay the latency")
def cuts_time(cuts: Count, latency: Seconds, size: Bytes, bandwidth: BytesPerSecond, layout: Seconds) -> Seconds:
    """Cuts of the graph: leave one stack, cross, convert, enter the other.

    >>> cuts_time(cuts=1.0, latency=2e-6, size=1e6, bandwidth=1e12, layout=3e-6)
    8e-06
    """
    return cuts * (2 * latency + xp.divide(size, bandwidth) + layout)


@formula(cite="definition: every operator that is not covered goes to the host and back")
def fallback_time(operators: Count, coverage: Ratio, round_trip: Seconds, host: Seconds) -> Seconds:
    """Time of the operators that the stack cannot run.

    >>> round(fallback_time(operators=288.0, coverage=0.95, round_trip=20e-6, host=10e-6) * 1e6)
    432
    """
    return operators * (1 - coverage) * (round_trip + host)


@formula(cite="definition: operators of all layers")
def operator_count(per_layer: Count, layers: Count) -> Count:
    """Operators of the exported graph.

    >>> operator_count(per_layer=12.0, layers=24.0)
    288.0
    """
    return per_layer * layers


@formula(cite=GROQ)
def maturity_factor(start: Ratio, age: Seconds, time: Seconds) -> Ratio:
    """Time on a young stack over that on a mature one: an excess that decays exponentially.

    >>> maturity_factor(start=2.0, age=0.0, time=2.4e7)
    2.0
    """
    return 1 + (start - 1) * xp.exp(xp.pure(-xp.divide(age, time)))


@formula(cite="definition: hardware time over what padding and immaturity leave of it")
def degraded_time(hardware: Seconds, alignment: Ratio, maturity: Ratio) -> Seconds:
    """Hardware time on the second stack, without cuts and fallbacks.

    >>> degraded_time(hardware=1e-3, alignment=0.8, maturity=2.0)
    0.0025
    """
    return xp.divide(hardware, alignment) * maturity


@formula(cite="definition: what the software adds")
def added_time(software: Seconds, hardware: Seconds) -> Seconds:
    """Time beyond the hardware's.

    >>> added_time(software=3e-3, hardware=1e-3)
    0.002
    """
    return software - hardware


@formula(cite="definition: time with the added time, over the time without")
def penalty_factor(hardware: Seconds, added: Seconds) -> Ratio:
    """How many times longer; the claim to compare with is "one misstep costs ten times".

    >>> penalty_factor(hardware=1e-3, added=2e-3)
    3.0
    """
    return 1 + xp.divide(added, hardware)


@formula(cite="assumption: the added time is known to a factor either way")
def scaled_down(added: Seconds, spread: Ratio) -> Seconds:
    """Low end of the added time.

    >>> scaled_down(added=2e-3, spread=2.0)
    0.001
    """
    return xp.divide(added, spread)


@formula(cite="assumption: the added time is known to a factor either way")
def scaled_up(added: Seconds, spread: Ratio) -> Seconds:
    """High end of the added time.

    >>> scaled_up(added=2e-3, spread=2.0)
    0.004
    """
    return added * spread


@record
class SoftwarePenalty:
    """Added time [s] and factor, each with its low and high end; terms: of the added time [s]. Money: USD and USD/s."""

    time: Quantity
    added: Quantity
    added_low: Quantity
    added_high: Quantity
    factor: Quantity
    factor_low: Quantity
    factor_high: Quantity
    maturity: Quantity
    terms: dict[str, Quantity]
    porting: Quantity
    upkeep: Quantity


_ALIGNED = constant(1.0, "1", "padding already counted", "assumed", note="the matrix cycles contain whole tiles")


def software_penalty(
    software: Software,
    hardware: Quantity,
    layers: Quantity,
    size: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
    alignment: Quantity = _ALIGNED,
) -> SoftwarePenalty:
    """Time that the stack adds to the hardware time [s] of the part that runs on it, as a range.

    layers: number that run on it. size: bytes that cross at one cut; latency [s] and bandwidth [B/s]: of the link that
    they cross. alignment: only for a hardware time without padding.
    """
    maturity = maturity_factor(start=software.maturity_start, age=software.age, time=software.maturity_time)
    degraded = degraded_time(hardware=hardware, alignment=alignment, maturity=maturity)
    layout = layout_time(read=size, written=size, bandwidth=software.layout_bandwidth)
    terms = {
        "compiler": added_time(software=degraded, hardware=hardware),
        "cuts": cuts_time(cuts=software.cuts, latency=latency, size=size, bandwidth=bandwidth, layout=layout),
        "fallback": fallback_time(
            operators=operator_count(per_layer=software.operators_per_layer, layers=layers),
            coverage=software.operator_coverage,
            round_trip=software.fallback_round_trip,
            host=software.fallback_host,
        ),
    }
    added = total(**terms)
    low = scaled_down(added=added, spread=software.spread)
    high = scaled_up(added=added, spread=software.spread)
    porting = porting_cost(effort=software.porting_effort, engineer_cost=software.engineer_cost, stacks=software.stacks)
    return SoftwarePenalty(
        time=total(hardware=hardware, **terms),
        added=added,
        added_low=low,
        added_high=high,
        factor=penalty_factor(hardware=hardware, added=added),
        factor_low=penalty_factor(hardware=hardware, added=low),
        factor_high=penalty_factor(hardware=hardware, added=high),
        maturity=maturity,
        terms=terms,
        porting=porting,
        upkeep=upkeep_cost(porting=porting, upkeep=software.upkeep),
    )
