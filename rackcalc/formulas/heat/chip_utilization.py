"""Utilization of chips, mean over time, which sets their power."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, SecondsPerToken, Tokens


@formula(cite="definition: mean over the time of a decode step and of the prefills between two steps")
def serving_utilization(
    step: Ratio,
    step_time: Seconds,
    prefill: Ratio,
    prefill_time: Seconds,
    prefill_work: Seconds,
    batch: Count,
    output: Tokens,
) -> Ratio:
    """Mean utilization of a GPU that serves a full batch, from that of a step and of a prefill that ran alone.

    prefill_work: the part of prefill_time that the other sequences wait for.

    >>> round(serving_utilization(
    ...     step=0.1, step_time=0.01, prefill=0.5, prefill_time=0.1, prefill_work=0.08, batch=32.0, output=320.0
    ... ), 4)
    0.3333
    """
    prefills = batch * TOKEN / output
    return xp.pure(xp.divide(step * step_time + prefills * prefill * prefill_time, step_time + prefills * prefill_work))


@formula(cite="definition: time in use over time there")
def busy_share(time: Seconds, cycle: Seconds, servers: Count) -> Ratio:
    """Share of the time that each of `servers` alike works when the rack is saturated, one batch per cycle.

    >>> busy_share(time=1e-3, cycle=2e-3, servers=1.0)
    0.5
    """
    return xp.minimum(xp.pure(xp.divide(time, cycle * servers)), 1.0)


@formula(cite="assumption: each slot is held independently of the others")
def share_in_use(utilization: Ratio, slots: Count) -> Ratio:
    """Share of time in which chips that serve up to `slots` requests together hold at least one.

    >>> share_in_use(utilization=0.5, slots=2.0)
    0.75
    """
    return 1 - xp.power(1 - xp.minimum(utilization, 1.0), slots)


@formula(cite="definition: busy only while requests are served")
def chip_utilization(utilization: Ratio, busy: Ratio, activity: Ratio) -> Ratio:
    """Power utilization of a chip, mean over time. activity: of a busy chip, 0 idle to 1 TDP.

    >>> round(chip_utilization(utilization=0.5, busy=0.8, activity=0.7), 9)
    0.28
    """
    return xp.minimum(utilization * busy, 1.0) * activity


@formula(cite="definition: several requests in turn")
def filled(share: Ratio, requests: Count) -> Ratio:
    """Share of time that `requests` in flight keep a pool busy when one of them needs `share` of it; at most all.

    >>> filled(share=0.125, requests=4.0)
    0.5
    """
    return xp.minimum(share * requests, 1.0)


@formula(cite="definition: mean over the GPUs of both pools")
def mean_of_pools(
    prefill: Ratio, share: Ratio, prefill_gpus: Count, decode: Ratio, working: Ratio, decode_gpus: Count
) -> Ratio:
    """Power utilization of a GPU. share, working: of the time in which those that prefill, or decode, have a request.

    >>> round(mean_of_pools(prefill=0.8, share=0.5, prefill_gpus=4.0, decode=0.6, working=1.0, decode_gpus=12.0), 9)
    0.55
    """
    return (prefill * share * prefill_gpus + decode * working * decode_gpus) / (prefill_gpus + decode_gpus)


@formula(cite="definition: what a step does, over the mean time from step to step")
def diluted(utilization: Ratio, step: SecondsPerToken, interval: SecondsPerToken) -> Ratio:
    """Utilization of a resource, mean over time, from that during a step; at most 1.

    >>> diluted(utilization=0.8, step=0.02, interval=0.04)
    0.4
    """
    return xp.minimum(xp.pure(xp.divide(utilization * step, interval)), 1.0)


@formula(cite="definition: prefills add their share of the time")
def with_prefills(steps: Ratio, prefill: Ratio, stall: SecondsPerToken, interval: SecondsPerToken) -> Ratio:
    """Utilization of a resource by steps and prefills together; at most 1. prefill: during a prefill.

    >>> with_prefills(steps=0.25, prefill=0.75, stall=0.01, interval=0.03)
    0.5
    """
    return xp.minimum(steps + prefill * xp.pure(xp.divide(stall, interval)), 1.0)
