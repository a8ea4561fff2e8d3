"""The least time in which an engine can serve all of its requests once, which bounds the rate of every closed loop.

It is the law of the engine with all seats taken (full_engine in formulas/queues/engine_steps.py), with the requests
held in place of the seats; so no closed loop does more than the engine can, and with all seats taken it does as much.
"""

from rackcalc.formulas.serving.prompt_passes import passes_at_most, passes_of_prompt
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, TOKEN, Count, Ratio, RequestsPerSecond, Seconds, SecondsPerToken, Tokens

BOUND = (
    "P. J. Denning, J. P. Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10 (1978) "
    "225-261: asymptotic bounds; each request is computed once a cycle"
)


@formula(cite="conservation: decoding and prompts have the shares of a full step in which a request needs them")
def filled_step(held: Count, prompt: Tokens, output: Tokens, chunk: Tokens) -> Count:
    """Requests that decode in a step filled with prompts: of `chunk` tokens. At least one, and no more than are held.

    >>> filled_step(held=64.0, prompt=1000.0, output=25.0, chunk=2048.0)
    48.0
    """
    number = chunk * xp.pure((output - TOKEN) / (output - TOKEN + prompt)) / TOKEN
    return xp.minimum(held, xp.maximum(number, 1.0))


@formula(cite=BOUND + "; prompts share the steps")
def least_cycle_of_steps(
    held: Count,
    output: Tokens,
    full: SecondsPerToken,
    filled: SecondsPerToken,
    base: Seconds,
    work: Seconds,
    prompt: Tokens,
    chunk: Tokens,
) -> Seconds:
    """Least time of a cycle of `held` requests, each of which is computed once, where prompts share the steps.

    full: a step with all of them and no prompt; filled: with as many as leave prompts the rest of its chunk. work: of
    one prompt. base: a step without any request, but for its prompts. chunk: tokens of a step at most.

    >>> round(least_cycle_of_steps(
    ...     held=64.0, output=101.0, full=0.01, filled=0.01, base=0.01, work=0.03, prompt=1024.0, chunk=2048.0
    ... ), 2)
    2.93
    """
    tokens = output - TOKEN
    room = xp.maximum(chunk - held * TOKEN / 2, chunk / 4)
    chunks = xp.pure(xp.maximum(prompt / room, 1.0))
    whole = xp.where(output > TOKEN, filled * TOKEN, base)
    in_full_steps = held * (work + whole * xp.pure((tokens + prompt) / chunk))
    return xp.maximum(full * (tokens + chunks * TOKEN) + held * work, in_full_steps)


@formula(cite=BOUND + "; prompts have passes of their own, which those share that wait")
def least_cycle_of_passes(
    held: Count, output: Tokens, full: SecondsPerToken, base: Seconds, work: Seconds, prompt: Tokens, chunk: Tokens
) -> Seconds:
    """Least time of a cycle of `held` requests where decoding stops for prompts, which come at random.

    base: a pass but for the work of its prompts. chunk: tokens of a pass at most. Others as above.

    >>> round(least_cycle_of_passes(
    ...     held=64.0, output=101.0, full=0.01, base=0.01, work=0.03, prompt=1024.0, chunk=2048.0
    ... ), 2)
    3.39
    """
    passes = passes_at_most(held=held, output=output, own=passes_of_prompt(prompt=prompt, chunk=chunk))
    return full * (output - TOKEN) + held * (work + base * passes)


@formula(cite="J. D. C. Little, A Proof for the Queuing Formula L = lambda W, Operations Research 9 (1961) 383-387")
def rate_of_others(held: Count, time: Seconds) -> RequestsPerSecond:
    """Requests per second of all but one of those held, each of which takes so long.

    >>> rate_of_others(held=11.0, time=5.0)
    2.0
    """
    return xp.divide(xp.maximum(held - 1, 0.0 * held) * REQUEST, time)


@formula(cite=BOUND)
def saturation(least: Seconds, time: Seconds) -> Ratio:
    """How much longer a request takes than it would by itself among the others, where the engine can do no more.

    >>> saturation(least=3.0, time=2.0), saturation(least=1.0, time=2.0)
    (1.5, 1.0)
    """
    return xp.maximum(xp.pure(xp.divide(least, time)), 1.0)
