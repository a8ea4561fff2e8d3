"""Prefill on some GPUs and decoding on others: the queues of both pools, and the request rate of the slower one."""

from rackcalc.formulas.serving.time_to_first_token import LITTLE
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Count, RequestsPerSecond, Seconds, SecondsPerToken, Tokens


@formula(cite="definition: those that do not prefill")
def decoding_gpus(count: Count, prefill: Count) -> Count:
    """GPUs that generate.

    >>> decoding_gpus(count=16.0, prefill=4.0)
    12.0
    """
    return count - prefill


PASSES = (
    "prompts that wait are computed in one pass, as engines batch them (max_num_batched_tokens, chunked_prefill_size)"
)


@formula(cite="definition: whole prompts within the tokens of a step, in each data-parallel group; one at least")
def prompts_per_pass(chunk: Tokens, prompt: Tokens, groups: Count) -> Count:
    """Most prompts that one engine computes in a pass. chunk: most tokens of a pass, in one group.

    >>> prompts_per_pass(chunk=8192.0, prompt=2000.0, groups=32.0)
    128.0
    """
    return groups * xp.maximum(xp.floor(xp.pure(chunk / prompt)), 1.0)


@formula(cite="definition: prompts of a pass leave together")
def time_per_prompt(time: Seconds, prompts: Count) -> Seconds:
    """Time of an engine for one of several prompts that share a pass.

    >>> time_per_prompt(time=2.0, prompts=128.0)
    0.015625
    """
    return xp.divide(time, prompts)


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
