"""Token rates of a batch, of all engines, per user and per GPU."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    Count,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
    TokensPerSecond,
)


@formula(cite="definition: tokens of all sequences over the mean time between tokens")
def batch_rate(decoding: Count, tpot: SecondsPerToken) -> TokensPerSecond:
    """Output tokens per second of a batch.

    >>> batch_rate(decoding=64.0, tpot=0.02)
    3200.0
    """
    return xp.divide(decoding, tpot)


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


@formula(cite="definition")
def tokens_per_second(requests: RequestsPerSecond, tokens: Tokens) -> TokensPerSecond:
    """Token rate of a request rate. tokens: counted per request.

    >>> tokens_per_second(requests=2.0, tokens=512.0)
    1024.0
    """
    return requests * tokens / REQUEST
