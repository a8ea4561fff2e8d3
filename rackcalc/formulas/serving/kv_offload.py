"""KV cache in host memory or on SSDs: what is found there is fetched, and the rest of the prompt is computed."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    Bytes,
    BytesPerSecond,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    Tokens,
)

FETCHED = "R. Qin et al., Mooncake, arXiv:2407.00079: the KV cache of a known prefix is loaded, the rest is computed"


@formula(cite="definition: a share of the prompt")
def found_tokens(prompt: Tokens, hits: Ratio) -> Tokens:
    """Tokens of a prompt whose KV cache is found.

    >>> found_tokens(prompt=1000.0, hits=0.25)
    250.0
    """
    return prompt * hits


@formula(cite=FETCHED)
def fetch_time(size: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time to fetch a KV cache.

    >>> fetch_time(size=1e9, bandwidth=50e9)
    0.02
    """
    return xp.divide(size, bandwidth)


@formula(cite="definition: one prompt's cache after the other over the same path")
def rate_of_path(fetch: Seconds) -> RequestsPerSecond:
    """Requests per second whose KV cache gets through; no limit where nothing is fetched.

    >>> rate_of_path(fetch=0.02)
    50.0
    """
    return REQUEST / xp.maximum(fetch, 1e-12 * SECOND)


@formula(cite="L. Kleinrock, Queueing Systems I (1975), section 5.6: M/D/1, mean wait")
def path_wait(rate: RequestsPerSecond, fetch: Seconds) -> Seconds:
    """Mean wait for a path that others use.

    >>> round(path_wait(rate=25.0, fetch=0.02), 9)
    0.01
    """
    load = xp.pure(rate * fetch / REQUEST)
    return xp.where(load < 1, xp.divide(load * fetch, 2 * xp.maximum(1 - load, 1e-9)), xp.inf * fetch)


@formula(cite="definition: every request in flight fetches once in a cycle")
def path_cycle(requests: Count, fetch: Seconds) -> Seconds:
    """Least time from one answer of a client to its next, by the path alone.

    >>> path_cycle(requests=100.0, fetch=0.02)
    2.0
    """
    return requests * fetch
