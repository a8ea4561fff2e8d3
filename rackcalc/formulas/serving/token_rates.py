"""Decoding at a given batch: times between tokens and their quantiles, token rates, shares of a GPU in use."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    TOKEN,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
    TokensPerSecond,
)


@formula(
    cite="definition: prefills and steps share one mean; Poisson number of prefills per step, Cornish-Fisher quantile"
)
def itl_quantile(
    tpot: SecondsPerToken, decoding: Count, output: Tokens, prefill: Seconds, z: Ratio, correction: Ratio, floor: Ratio
) -> SecondsPerToken:
    """Quantile of the time between two tokens: a step, with the number of prefills in it that the quantile has.

    tpot: without prefills. z: normal quantile; correction: (z^2 - 1) / 6 - 1/2. floor: prefills at least, where the
    quantile is beyond the steps without one.

    >>> round(1e3 * itl_quantile(tpot=0.02, decoding=64.0, output=400.0, prefill=0.04, z=1.2816, correction=-0.3929,
    ...                          floor=1.0), 1)
    60.0
    """
    rate = xp.pure(decoding * TOKEN / output)
    prefills = xp.maximum(rate + z * xp.sqrt(rate) + correction, floor)
    return tpot + prefill * xp.where(rate > 0, xp.maximum(prefills, 0.0), 0.0) / TOKEN


@formula(cite="definition: the steps without any prefill are exp(-rate) of all")
def least_prefills(decoding: Count, output: Tokens, level: Ratio) -> Count:
    """1 where fewer than `level` of the steps are free of prefills, else 0.

    >>> least_prefills(decoding=64.0, output=400.0, level=0.9)
    1.0
    """
    rate = xp.pure(decoding * TOKEN / output)
    return xp.where(xp.exp(-rate) < level, 1.0, 0.0)


@formula(cite="definition: tokens of all sequences over the mean time between tokens")
def batch_rate(decoding: Count, tpot: SecondsPerToken) -> TokensPerSecond:
    """Output tokens per second of a batch.

    >>> batch_rate(decoding=64.0, tpot=0.02)
    3200.0
    """
    return xp.divide(decoding, tpot)


@formula(cite="definition: the mean step has rate prefills, the median one about half a prefill less")
def typical_stall(prefill: Seconds, decoding: Count, output: Tokens) -> SecondsPerToken:
    """Prefill time in the median step of a full batch.

    >>> typical_stall(prefill=0.04, decoding=400.0, output=400.0)
    0.02
    """
    rate = xp.pure(decoding * TOKEN / output)
    return prefill * xp.maximum(rate - 0.5, 0.0 * rate) / TOKEN


@formula(cite="definition: every request is prefilled once while it generates its tokens")
def mean_stall(prefill: Seconds, decoding: Count, output: Tokens) -> SecondsPerToken:
    """Prefill time in the mean step of a full batch.

    >>> mean_stall(prefill=0.04, decoding=200.0, output=400.0)
    0.02
    """
    return prefill * decoding / output


@formula(cite="definition: a batch is prefilled, then generates all its tokens")
def static_rate(batch: Count, output: Tokens, prefill: Seconds, tpot: SecondsPerToken) -> TokensPerSecond:
    """Output tokens per second of batches one after the other. prefill: of the whole batch.

    >>> static_rate(batch=8.0, output=100.0, prefill=1.0, tpot=0.01)
    400.0
    """
    return xp.divide(batch * output, prefill + tpot * output)


@formula(cite="definition")
def user_rate(tpot: SecondsPerToken) -> TokensPerSecond:
    """Tokens per second that one user sees.

    >>> user_rate(tpot=0.02)
    50.0
    """
    return xp.divide(1.0, tpot)


@formula(cite="definition: a share of the stated length")
def shortened(length: Tokens, share: Ratio) -> Tokens:
    """Mean length of requests that have a share of the stated one.

    >>> shortened(length=1000.0, share=0.5)
    500.0
    """
    return length * share


@formula(cite="definition: engines side by side")
def all_engines(rate: RequestsPerSecond, gpus: Count, devices: Count) -> RequestsPerSecond:
    """Request rate of all GPUs from that of one engine of `devices`.

    >>> all_engines(rate=2.0, gpus=8.0, devices=2.0)
    8.0
    """
    return rate * gpus / devices


@formula(cite="definition: tokens of a request times requests")
def token_rate(rate: RequestsPerSecond, tokens: Tokens) -> TokensPerSecond:
    """Tokens per second; tokens: counted per request.

    >>> token_rate(rate=2.0, tokens=500.0)
    1000.0
    """
    return rate * tokens / REQUEST


@formula(cite="definition: an even share")
def per_part(rate: TokensPerSecond, parts: Count) -> TokensPerSecond:
    """Token rate per GPU.

    >>> per_part(rate=8000.0, parts=8.0)
    1000.0
    """
    return rate / parts


@formula(cite="definition: a benchmark ends with the answer to its last request")
def rate_of_run(rate: RequestsPerSecond, time: Seconds, requests: Count) -> RequestsPerSecond:
    """Requests over the length of a run that offers them at `rate`. time: of one request.

    >>> rate_of_run(rate=10.0, time=5.0, requests=200.0)
    8.0
    """
    return xp.divide(requests * REQUEST, requests * REQUEST / rate + time)
