"""From passes to service: replicas, generation, capacity, what a busy chip means for its pool."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    TOKEN,
    Bytes,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
    TokensPerSecond,
)


@formula(cite="definition: whole groups of tensor-parallel GPUs")
def replicas(count: Count, tensor_parallel: Count) -> Count:
    """Copies of the model that a pool of GPUs can run side by side; a remainder stays idle.

    >>> replicas(count=8.0, tensor_parallel=4.0)
    2.0
    """
    return xp.floor(count / tensor_parallel)


@formula(cite="definition: one request is one sequence")
def slots(replicas: Count, batch: Count) -> Count:
    """Requests that can be in service at once.

    >>> slots(replicas=2.0, batch=32.0)
    64.0
    """
    return replicas * batch


@formula(cite="definition: the first token, then the others one by one")
def generation_time(ttft: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """End-to-end time of one request that generates `output` tokens.

    >>> round(generation_time(ttft=0.5, tpot=0.02, output=101.0), 9)
    2.5
    """
    return ttft + tpot * (output - TOKEN)


@formula(cite="definition: a step makes one token per sequence")
def step_per_token(step: Seconds) -> SecondsPerToken:
    """Time per output token of one sequence when every step makes one.

    >>> step_per_token(step=0.02)
    0.02
    """
    return step / TOKEN


@formula(cite="A. Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3: prefills stall decodes on the same GPUs")
def prefill_interference(prefill: Seconds, batch: Count, output: Tokens) -> SecondsPerToken:
    """Added to every output token in a steady batch: while one request decodes, each other one is prefilled once.

    prefill: work of one prompt; what a layer costs in any case is in the step that the prompt shares.

    >>> round(prefill_interference(prefill=0.1, batch=33.0, output=320.0), 9)
    0.01
    """
    return xp.maximum(batch - 1, 0 * batch) * prefill / output


@formula(cite="derivation: closed loop of two stages; the running step, and the prompts that came at the same moment")
def prompt_wait(tpot: SecondsPerToken, prefill: Seconds, batch: Count, output: Tokens, burst: Ratio) -> Seconds:
    """Mean wait of a prompt in an engine that holds `batch` requests: the running step, and other prompts before it.

    Of the others, the share prefill / (output * tpot + prefill) is in the line for prefill; a share `burst` came at the
    same moment, half of it goes first. Alone (batch 1) it waits for nothing.

    >>> round(prompt_wait(tpot=0.02, prefill=0.05, batch=33.0, output=100.0, burst=0.2), 4)
    0.219
    """
    others = xp.maximum(batch - 1, 0 * batch)
    line = xp.pure(xp.divide(prefill, output * tpot + prefill)) + burst / 2
    return xp.minimum(others, 1.0) * tpot * TOKEN + others * line * prefill


@formula(cite="definition: copies of the model share the load evenly")
def rate_per_copy(arrival_rate: RequestsPerSecond, copies: Count) -> RequestsPerSecond:
    """Requests per second of one of several copies of the model.

    >>> rate_per_copy(arrival_rate=18.0, copies=9.0)
    2.0
    """
    return xp.divide(arrival_rate, copies)


@formula(cite="definition: work of several users over those that do it")
def shared_time(time: Seconds, users: Count, servers: Count) -> Seconds:
    """Time that `servers` alike need for one piece of work of each user.

    >>> shared_time(time=1e-3, users=9.0, servers=18.0)
    0.0005
    """
    return xp.divide(time * users, servers)


@formula(cite="definition: a difference")
def left_over(whole: Seconds, part: Seconds) -> Seconds:
    """What a part leaves of the whole; a part is never more, but for rounding.

    >>> left_over(whole=5.0, part=3.0)
    2.0
    """
    return xp.maximum(whole - part, 0 * whole)


@formula(cite="definition: servers over the time each is held")
def capacity(servers: Count, batch: Count, time: Seconds) -> RequestsPerSecond:
    """Requests per second of the saturated rack. time: between two batches of one server.

    >>> capacity(servers=8.0, batch=4.0, time=0.016)
    2000.0
    """
    return xp.divide(servers * batch * REQUEST, time)


@formula(cite="definition: batches arrive whole")
def batch_rate(arrival_rate: RequestsPerSecond, batch: Count) -> RequestsPerSecond:
    """Rate at which batches arrive when clients send `batch` sequences at a time.

    >>> batch_rate(arrival_rate=800.0, batch=8.0)
    100.0
    """
    return arrival_rate / batch


@formula(cite="definition")
def tokens_per_second(requests: RequestsPerSecond, tokens: Tokens) -> TokensPerSecond:
    """Token rate of a request rate. tokens: counted per request.

    >>> tokens_per_second(requests=2.0, tokens=512.0)
    1024.0
    """
    return requests * tokens / REQUEST


@formula(cite="definition: bytes of the layers a pool holds")
def layers_weights(attention: Bytes, feed_forward: Bytes, layers: Count) -> Bytes:
    """Weights of so many dense layers.

    >>> layers_weights(attention=8.4e6, feed_forward=16.8e6, layers=24.0)
    604800000.0
    """
    return (attention + feed_forward) * layers


@formula(cite="definition: the layers that are not elsewhere")
def remaining_layers(layers: Count, elsewhere: Count) -> Count:
    """Layers left for the other pool.

    >>> remaining_layers(layers=24.0, elsewhere=4.0)
    20.0
    """
    return layers - elsewhere


@formula(cite="definition: KV cache of all sequences in flight")
def cache_of_batch(kv_cache: Bytes, batch: Count) -> Bytes:
    """KV cache of `batch` sequences.

    >>> cache_of_batch(kv_cache=1.34e9, batch=4.0)
    5360000000.0
    """
    return kv_cache * batch


@formula(cite="definition: prompt, and on average half of the answer")
def mean_context(prompt: Tokens, output: Tokens) -> Tokens:
    """Tokens a sequence holds while it generates, mean over the steps.

    >>> mean_context(prompt=1024.0, output=512.0)
    1280.0
    """
    return prompt + output / 2


@formula(cite="definition: prompt and the whole answer")
def longest_context(prompt: Tokens, output: Tokens) -> Tokens:
    """Tokens a sequence holds at its end.

    >>> longest_context(prompt=1024.0, output=512.0)
    1536.0
    """
    return prompt + output


@formula(cite="definition: equal parts, at least one sequence each")
def microbatch(batch: Count, microbatches: Count) -> Count:
    """Sequences in one microbatch.

    >>> microbatch(batch=64.0, microbatches=2.0)
    32.0
    """
    return xp.maximum(xp.ceil(batch / microbatches), 1.0)


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192")
def verified_rows(batch: Count, drafted: Count) -> Count:
    """Tokens that one verification pass computes: the drafted ones and one more per sequence.

    >>> verified_rows(batch=8.0, drafted=4.0)
    40.0
    """
    return batch * (drafted + 1)


@formula(cite="definition: sequences arrive in batches")
def sequence_rate(batches: RequestsPerSecond, batch: Count) -> RequestsPerSecond:
    """Sequences per second of a rate of batches.

    >>> sequence_rate(batches=100.0, batch=8.0)
    800.0
    """
    return batches * batch


@formula(cite="definition")
def sustained_rate(capacity: RequestsPerSecond, utilization: Ratio) -> RequestsPerSecond:
    """Rate at which the capacity is used at a planned utilization.

    >>> sustained_rate(capacity=800.0, utilization=0.5)
    400.0
    """
    return capacity * utilization
