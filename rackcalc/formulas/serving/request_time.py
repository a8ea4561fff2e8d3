"""Time of a request from the times of its parts, and times per step and per token."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Seconds, SecondsPerToken, Tokens


@formula(cite="definition: the first token, then the others one by one")
def generation_time(ttft: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """End-to-end time of one request that generates `output` tokens.

    >>> round(generation_time(ttft=0.5, tpot=0.02, output=101.0), 9)
    2.5
    """
    return ttft + tpot * (output - TOKEN)


@formula(
    cite="definition: an answer of one token has no time between tokens, but a sequence beside it would take a step"
)
def step_where_one_token(per_token: SecondsPerToken, step: SecondsPerToken, output: Tokens) -> SecondsPerToken:
    """Time per token after the first; of answers without a second token that of a decode step.

    >>> step_where_one_token(per_token=0.3, step=0.02, output=1)
    0.02
    """
    return xp.where(output > TOKEN, per_token, step)


@formula(cite="definition: a step makes one token per sequence")
def step_per_token(step: Seconds) -> SecondsPerToken:
    """Time per output token of one sequence when every step makes one.

    >>> step_per_token(step=0.02)
    0.02
    """
    return step / TOKEN


@formula(cite="definition: a difference")
def left_over(whole: Seconds, part: Seconds) -> Seconds:
    """What a part leaves of the whole; a part is never more, but for rounding.

    >>> left_over(whole=5.0, part=3.0)
    2.0
    """
    return xp.maximum(whole - part, 0 * whole)


@formula(cite="definition: the time to the first token, and one step for each")
def request_time(ttft: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Time one request is in flight.

    >>> request_time(ttft=1.0, tpot=0.01, output=400.0)
    5.0
    """
    return ttft + tpot * output


@formula(cite="J. Little, Operations Research 9 (1961) 383-387: those in flight, and those that find a place")
def waiting_cycle(requests: Count, held: Count, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Time of one of `requests` in flight in an engine that only decodes, of which `held` decode and the others wait.

    >>> waiting_cycle(requests=150.0, held=100.0, tpot=0.01, output=400.0)
    6.0
    """
    return xp.divide(requests, held) * tpot * output


@formula(cite="definition: what the tokens after the first leave of a request's time")
def first_of_cycle(cycle: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Time to the first token of a request that takes a given time.

    >>> round(first_of_cycle(cycle=6.0, tpot=0.01, output=401.0), 9)
    2.0
    """
    return cycle - tpot * (output - TOKEN)


@formula(cite="definition: a step yields one token of each sequence")
def one_step(tpot: SecondsPerToken) -> Seconds:
    """Time of a step from the time per token.

    >>> one_step(tpot=0.02)
    0.02
    """
    return tpot * TOKEN


@formula(cite="definition: a time for each of several")
def repeated(time: Seconds, times: Count) -> Seconds:
    """Time of several equal parts in sequence.

    >>> repeated(time=50e-6, times=80.0)
    0.004
    """
    return time * times
