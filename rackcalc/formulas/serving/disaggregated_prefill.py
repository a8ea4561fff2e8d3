"""Prefill on some GPUs and decoding on others: the queues of both pools, and the request rate of the slower one."""

from rackcalc.formulas.serving.prompt_passes import PASSES
from rackcalc.formulas.serving.time_to_first_token import LITTLE
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
)


@formula(cite="definition: those that do not prefill")
def decoding_gpus(count: Count, prefill: Count) -> Count:
    """GPUs that generate.

    >>> decoding_gpus(count=16.0, prefill=4.0)
    12.0
    """
    return count - prefill


@formula(cite="definition: the turn of a prompt but for its work and its tokens' share of a step")
def held_beyond_work(turn: Seconds, base: Seconds, work: Seconds, prompt: Tokens, budget: Tokens) -> Seconds:
    """Time by which a prompt holds the engine longer than it computes, as while its KV cache is sent over a slow link.

    base: of a step but for its prompts; budget: tokens in a step at most.

    >>> held_beyond_work(turn=0.5, base=0.125, work=0.25, prompt=1000.0, budget=2000.0)
    0.1875
    """
    return turn - work - base * xp.pure(prompt / budget)


@formula(cite="definition: requests that come over those that can be served")
def load_of_pool(rate: RequestsPerSecond, capacity: RequestsPerSecond) -> Ratio:
    """Share of the time in which the engines of a pool work.

    >>> load_of_pool(rate=3.0, capacity=4.0)
    0.75
    """
    return xp.pure(xp.divide(rate, capacity))


@formula(cite=PASSES + "; a pass under way has half of its time left on average, and more fit into the next")
def until_next_pass(time: Seconds, rate: RequestsPerSecond, engines: Count, prompts: Count, most: Count) -> Seconds:
    """Mean wait for the pass under way to end, where the next one has room; 0 where a pass holds one prompt.

    prompts: in a pass, mean; most: that fit into one. With one, the whole wait is that of a queue.

    >>> until_next_pass(time=2.0, rate=16.0, engines=1.0, prompts=32.0, most=128.0)
    0.9921875
    >>> until_next_pass(time=2.0, rate=0.4, engines=1.0, prompts=1.0, most=1.0)
    0.0
    """
    busy = xp.minimum(xp.pure(xp.divide(rate * time, engines * prompts) / REQUEST), 1.0)
    return busy * time / 2 * (1 - 1 / most)


@formula(cite=PASSES + "; D. R. Cox, Renewal Theory (1962), section 5.4: those that came while a request waits")
def prompts_with_it(time: Seconds, rate: RequestsPerSecond, engines: Count, prompts: Count, most: Count) -> Count:
    """Prompts in the pass of a request, its own included: those that arrive during the pass under way join it.

    time: of a pass with `prompts`, the mean over all passes.

    >>> prompts_with_it(time=2.0, rate=16.0, engines=1.0, prompts=32.0, most=128.0)
    33.0
    """
    each = xp.pure(xp.divide(rate * time, engines) / REQUEST)
    return xp.minimum(1 + xp.minimum(xp.divide(each, prompts), 1.0) * each, most)


@formula(cite=LITTLE)
def generation_rate(engines: Count, number: Count, tpot: SecondsPerToken, output: Tokens) -> RequestsPerSecond:
    """Requests per second that `engines` finish, each with `number` under way.

    >>> generation_rate(engines=2.0, number=50.0, tpot=0.02, output=500.0)
    10.0
    """
    return xp.divide(engines * number * REQUEST, tpot * output)


@formula(cite=LITTLE)
def number_generating(rate: RequestsPerSecond, engines: Count, tpot: SecondsPerToken, output: Tokens) -> Count:
    """Requests that generate in one engine, mean; at least one.

    >>> number_generating(rate=10.0, engines=2.0, tpot=0.02, output=500.0)
    50.0
    """
    return xp.maximum(xp.pure(rate * tpot * output / engines / REQUEST), 1.0)


@formula(cite="A. C. Aitken, On Bernoulli's numerical solution of algebraic equations (1926): delta squared")
def extrapolated(first: Count, second: Count, third: Count) -> Count:
    """Where a sequence ends whose steps shrink by the same ratio; at least one. From three of its values.

    A ratio beyond 0.95 counts as 0.95, one below -0.95 as -0.95.

    >>> extrapolated(first=9.0, second=7.0, third=6.0), extrapolated(first=7.0, second=7.0, third=7.0)
    (5.0, 7.0)
    """
    moved, before = third - second, second - first
    ratio = xp.clip(xp.where(before != 0, xp.divide(moved, xp.where(before != 0, before, 1.0)), 0.0), -0.95, 0.95)
    return xp.maximum(third + moved * xp.divide(ratio, 1 - ratio), 1.0)


@formula(cite="P. Schweitzer, Approximate analysis of closed networks of queues (1979): one queue, the rest a delay")
def prompts_at_engine(requests: Count, engines: Count, prefill: Seconds, elsewhere: Seconds) -> Count:
    """Requests that wait or are prefilled at one engine, `requests` in flight in all; elsewhere: the rest of a cycle.

    With many requests in flight nearly all of them are at the engine, which then never pauses and has the rate
    1 / prefill.

    >>> round(prompts_at_engine(requests=2.0, engines=2.0, prefill=1.0, elsewhere=9.0), 9)
    0.1
    """
    number = xp.divide(requests, engines)
    others = xp.divide(xp.maximum(number - 1, 0 * number), number)
    free = elsewhere + prefill - others * number * prefill
    return xp.pure(
        xp.divide(2 * number * prefill, free + xp.sqrt(free * free + 4 * others * number * prefill * prefill))
    )


@formula(cite=LITTLE)
def rate_elsewhere(requests: Count, engines: Count, queued: Count, elsewhere: Seconds) -> RequestsPerSecond:
    """Requests per second of all engines, from those that are not queued at one.

    >>> rate_elsewhere(requests=2.0, engines=2.0, queued=0.1, elsewhere=9.0)
    0.2
    """
    return xp.divide((requests - engines * queued) * REQUEST, elsewhere)


@formula(cite=LITTLE)
def cycle_time(requests: Count, rate: RequestsPerSecond) -> Seconds:
    """Time of one request when so many are kept in flight.

    >>> cycle_time(requests=100.0, rate=10.0)
    10.0
    """
    return xp.divide(requests * REQUEST, rate)


@formula(cite="definition: what generation leaves of a request's time")
def before_generation(cycle: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Time to first token.

    >>> before_generation(cycle=10.0, tpot=0.018, output=500.0)
    1.0
    """
    return cycle - tpot * output


@formula(cite="Y. Zhong et al., DistServe, arXiv:2401.09670: prompts on their own GPUs; queue M/D/1 (Kleinrock)")
def separate_first_token(
    request_host: Seconds, prefill: Seconds, rate: RequestsPerSecond, engines: Count, transfer: Seconds, step: Seconds
) -> Seconds:
    """Time to first token with a pool of prefill engines and another that decodes: queue, prefill, KV transfer, step.

    rate: of all requests. inf if the prefill pool cannot sustain it.

    >>> round(separate_first_token(request_host=0.05, prefill=0.1, rate=5.0, engines=1.0, transfer=0.01, step=0.02), 9)
    0.23
    """
    load = xp.pure(rate * prefill / REQUEST / engines)
    wait = xp.where(load < 1, prefill * xp.divide(load, 2 * (1 - load)), xp.inf * SECOND)
    return request_host + wait + prefill + transfer + step
