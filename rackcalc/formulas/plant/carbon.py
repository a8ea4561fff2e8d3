"""Carbon of the energy, per time, request and token."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    KilogramsPerJoule,
    KilogramsPerRequest,
    KilogramsPerSecond,
    KilogramsPerToken,
    RequestsPerSecond,
    TokensPerSecond,
    Watts,
)


@formula(cite="GHG Protocol, Scope 2 Guidance (2015), location-based method: energy times the grid's factor")
def carbon_rate(power: Watts, carbon: KilogramsPerJoule) -> KilogramsPerSecond:
    """Carbon dioxide equivalent of a power.

    14 kW at 350 g/kWh emit 43 tonnes a year:

    >>> round(8760 * 3600 * carbon_rate(power=14e3, carbon=0.35 / 3.6e6))
    42924
    """
    return power * carbon


@formula(cite="definition: per time over rate")
def carbon_per_request(carbon: KilogramsPerSecond, requests: RequestsPerSecond) -> KilogramsPerRequest:
    """Carbon of one request; unbounded when none is served.

    >>> carbon_per_request(carbon=0.5, requests=100.0)
    0.005
    """
    return xp.divide(carbon, requests)


@formula(cite="definition: per time over rate")
def carbon_per_token(carbon: KilogramsPerSecond, tokens: TokensPerSecond) -> KilogramsPerToken:
    """Carbon of one generated token; unbounded when none is generated.

    >>> carbon_per_token(carbon=0.5, tokens=1000.0)
    0.0005
    """
    return xp.divide(carbon, tokens)
