"""Parts of the time to first token: prompts that wait for their prefill, and steps before it starts.

`first_token` in concurrency.py adds them up.
"""

from rackcalc.formulas.gpu.serving_engine import MIXED
from rackcalc.formulas.serving.front_end import FITTED
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, TOKEN, Count, Ratio, RequestsPerSecond, Seconds, SecondsPerToken, Tokens

LITTLE = "J. D. C. Little, A Proof for the Queuing Formula L = lambda W, Operations Research 9 (1961) 383-387"

EULER_MASCHERONI = 0.5772156649


@formula(cite="derivation: closed loop of two stages; the running step, and the prompts that came at the same moment")
def prompt_wait(tpot: SecondsPerToken, prefill: Seconds, batch: Count, output: Tokens, burst: Ratio) -> Seconds:
    """Mean wait of a prompt in an engine that holds `batch` requests: the running step, and other prompts before it.

    Of the other requests, the share prefill / (output * tpot + prefill) waits for its prefill. A share `burst` arrived
    at the same moment, and half of these go first. A single request (batch 1) does not wait.

    >>> round(prompt_wait(tpot=0.02, prefill=0.05, batch=33.0, output=100.0, burst=0.2), 4)
    0.219
    """
    others = xp.maximum(batch - 1, 0 * batch)
    line = xp.pure(xp.divide(prefill, output * tpot + prefill)) + burst / 2
    return xp.minimum(others, 1.0) * tpot * TOKEN + others * line * prefill


@formula(cite="assumption: requests that a host handles at the same time delay each other, by the share that is others")
def handling_time(alone: Seconds, crowded: Seconds, held: Count) -> Seconds:
    """Host time of a request among `held`. crowded: as fitted to runs of four clients and more.

    >>> round(handling_time(alone=0.006, crowded=0.036, held=1.0), 9), handling_time(alone=0.0, crowded=0.032, held=4.0)
    (0.006, 0.03)
    """
    return crowded - (crowded - alone) / (held * held)


@formula(cite=MIXED + "; " + FITTED)
def prefills_ahead(held: Count, burst: Ratio, lockstep: Count) -> Count:
    """Other prefills that come before one's own, mean. At most half of the others: the mean place in a full wave.

    burst: share of the others that arrive at the same moment. lockstep: number of further prefills ahead; 0 unless all
    requests have the same length and therefore finish together; large if prefills do not share steps with decoding.

    >>> prefills_ahead(held=9.0, burst=0.25, lockstep=1.0)
    2.0
    """
    most = xp.maximum(held - 1, 0.0 * held) / 2
    return xp.minimum(most, lockstep + burst * most)


@formula(cite=MIXED + ": a step computes at most one chunk of prompts, and the others wait")
def prefills_crowded_out(held: Count, output: Tokens, chunk: Tokens, prompt: Tokens) -> Count:
    """Prefills of others that find no room in the steps between a request's tokens, and so come before its first.

    In the example 100 steps take 50 prompts of two chunks each.

    >>> prefills_crowded_out(held=64.0, output=100.0, chunk=2048.0, prompt=4096.0)
    13.0
    """
    return xp.maximum(held - 1 - output * chunk / (prompt * TOKEN), 0.0 * held)


@formula(cite="definition: prompts that wait together share passes, of `chunk` tokens at most in all groups")
def prefills_first(
    number: Count, each: Seconds, work: Seconds, prompt: Tokens, chunk: Tokens, groups: Count
) -> Seconds:
    """Time of so many prefills. each: of one in a pass with no other of its group. work: its part that no other shares.

    >>> prefills_first(number=1.0, each=0.5, work=0.25, prompt=1024.0, chunk=4096.0, groups=1.0)
    0.5
    >>> prefills_first(number=8.0, each=0.5, work=0.25, prompt=1024.0, chunk=4096.0, groups=1.0)
    2.5
    """
    passes = xp.minimum(number, groups * xp.maximum(1.0, number * xp.pure(prompt / chunk)))
    return number * work + passes * (each - work)


@formula(cite=MIXED + ": a step computes at most one chunk of prompts; so does a pass of prompts alone")
def step_under_way(
    step: SecondsPerToken, stall: SecondsPerToken, work: Seconds, prompt: Tokens, chunk: Tokens
) -> SecondsPerToken:
    """The step that a prompt finds: one between two tokens, but with one chunk of prompts at most. stall: by all.

    >>> step_under_way(step=2.5, stall=2.0, work=0.25, prompt=1024.0, chunk=4096.0)
    1.5
    """
    return step - stall + xp.minimum(stall, work * xp.maximum(xp.pure(chunk / prompt), 1.0) / TOKEN)


@formula(cite="assumption: a host reads and tokenizes a prompt at a steady rate; " + FITTED)
def with_tokenizing(host: Seconds, each: SecondsPerToken, prompt: Tokens) -> Seconds:
    """Host time of a request, with what grows with the tokens of its prompt.

    >>> round(with_tokenizing(host=0.03, each=2e-6, prompt=10000.0), 9)
    0.05
    """
    return host + each * prompt


@formula(cite="L. Kleinrock, Queueing Systems I (1975), section 5.6: M/D/1, mean number waiting before an arrival")
def prefills_queued(rate: RequestsPerSecond, prefill: Seconds, held: Count) -> Count:
    """Other prefills before one's own when requests arrive at random; at most half of the others.

    >>> round(prefills_queued(rate=8.0, prefill=0.1, held=33.0), 9)
    2.0
    """
    load = xp.pure(rate * prefill / REQUEST)
    most = xp.maximum(held - 1, 0.0 * held) / 2
    return xp.minimum(most, xp.where(load < 1, xp.divide(load, 2 * (1 - load)), most))


@formula(cite="definition: half an interval on average, and the step under way")
def looked_at(wait: Count, interval: Count) -> Count:
    """Steps until an engine takes a request up that looks at new ones every `interval` steps.

    >>> looked_at(wait=1.0, interval=11.0)
    6.0
    """
    return wait + (interval - 1) / 2


@formula(cite="definition: the first of a held batch waits for the whole time, those that join it for half, on average")
def held_back(hold: Count, held: Count, output: Tokens) -> Count:
    """Steps a prefill waits in an engine that holds prefills back for `hold` steps to batch them.

    >>> held_back(hold=20.0, held=50.0, output=1000.0)
    15.0
    """
    joining = xp.pure(hold * held * TOKEN / output)
    return hold * xp.divide(1 + joining / 2, 1 + joining)


@formula(
    cite="W. Feller, An Introduction to Probability Theory I (1968), section IX.3: draws until each of n kinds came; "
    "TensorRT-LLM, py_executor.py: with enable_balance prompts start when all groups have one, or when a time is up "
    "that is counted without prompts too"
)
def wait_for_groups(hold: Count, held: Count, output: Tokens, groups: Count) -> Count:
    """Steps a prompt waits, on average, until each data-parallel group has one: half of the time between two starts.

    hold: most steps between two starts. Each answer that ends lets a prompt come, to a group at random.

    >>> wait_for_groups(hold=60.0, held=64.0, output=1024.0, groups=8.0)
    30.0
    >>> round(wait_for_groups(hold=60.0, held=256.0, output=1024.0, groups=4.0), 1)
    16.7
    """
    draws = groups * (xp.log(groups) + EULER_MASCHERONI + xp.divide(0.5, groups))
    return xp.minimum(hold, xp.divide(xp.pure(draws * output / TOKEN), held)) / 2


@formula(cite=LITTLE)
def room_wait(concurrency: Count, held: Count, first: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Wait for KV room: requests outside pass through at the rate of those inside.

    >>> room_wait(concurrency=15.0, held=10.0, first=1.0, tpot=0.01, output=401.0)
    2.5
    """
    return xp.divide(concurrency - held, held) * (first + tpot * (output - TOKEN))
