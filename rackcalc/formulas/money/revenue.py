"""Revenue from tokens and requests, before and after running costs."""

from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    Ratio,
    RequestsPerSecond,
    TokensPerSecond,
    UsDollarsPerRequest,
    UsDollarsPerSecond,
    UsDollarsPerToken,
)


@formula(cite="definition: price times tokens sold per time")
def token_revenue(price: UsDollarsPerToken, tokens: TokensPerSecond, utilization: Ratio) -> UsDollarsPerSecond:
    """Income per time from tokens of one kind.

    >>> token_revenue(price=1e-06, tokens=5000.0, utilization=0.5)
    0.0025
    """
    return price * tokens * utilization


@formula(cite="definition: price times requests served per time")
def request_revenue(price: UsDollarsPerRequest, requests: RequestsPerSecond, utilization: Ratio) -> UsDollarsPerSecond:
    """Income per time from requests.

    >>> request_revenue(price=1e-05, requests=200.0, utilization=0.5)
    0.001
    """
    return price * requests * utilization


@formula(cite="definition: value less running cost")
def net_value(value: UsDollarsPerSecond, opex: UsDollarsPerSecond) -> UsDollarsPerSecond:
    """What is left of the value per time after running costs.

    >>> net_value(value=3.0, opex=1.0)
    2.0
    """
    return value - opex
