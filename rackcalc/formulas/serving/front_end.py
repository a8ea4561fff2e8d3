"""The front end of an engine, which sends the tokens to the clients and can limit its pace."""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import SECOND, TOKEN, Count, Seconds, SecondsPerToken, Tokens

FITTED = (
    "fitted to runs of InferenceX and NVIDIA (rackcalc/validation/measured/serving.csv) by rackcalc/validation/fit.py"
)


@formula(cite="one server sends the tokens of all, softly the slower of two: form of our own, " + FITTED)
def paced(tpot: SecondsPerToken, decoding: Count, front_end: Seconds, sharpness: Count) -> SecondsPerToken:
    """Time per token when the front end works beside the engine: the slower of the two, softly.

    front_end: time of the front end for one token of one sequence.

    >>> round(1e3 * paced(tpot=5e-3, decoding=128.0, front_end=80e-6, sharpness=4.0), 2)
    10.38
    """
    return _slower(tpot, decoding, front_end, sharpness)


def _slower(tpot: Any, decoding: Any, front_end: Any, sharpness: Any) -> Any:
    engine, host = xp.pure(tpot * TOKEN / SECOND), xp.pure(decoding * front_end / SECOND)
    power = xp.power(engine, xp.pure(sharpness)) + xp.power(host, xp.pure(sharpness))
    return xp.power(power, 1 / xp.pure(sharpness)) * SECOND / TOKEN


@formula(cite=FITTED + "; in a steady engine as many prompts start in a step as answers end")
def paced_among_prompts(
    step: SecondsPerToken, decoding: Count, work: Seconds, output: Tokens, front_end: Seconds, sharpness: Count
) -> SecondsPerToken:
    """Time per token without prompts, to which the stalls by prompts are added: the front end works during these too.

    work: what each prompt adds. front_end: time of the front end for one token of one sequence.

    >>> round(1e3 * paced_among_prompts(
    ...     step=0.01, decoding=128.0, work=0.01, output=129.0, front_end=80e-6, sharpness=4.0
    ... ), 2)
    10.34
    """
    stall = decoding * work / xp.maximum(output - TOKEN, 1.0 * TOKEN)
    return _slower(step + stall, decoding, front_end, sharpness) - stall


@formula(cite="definition: one message for several tokens")
def per_token_sent(time: Seconds, interval: Count) -> Seconds:
    """Time of the front end per token when it sends `interval` tokens at a time.

    >>> per_token_sent(time=60e-6, interval=10.0)
    6e-06
    """
    return time / interval


SHARPNESS = Quantity(
    4.0,
    "1",
    "sharpness of a change of limits",
    source=Source("assumed", note="2 soft, 8 sharp"),
    low=2.0,
    high=8.0,
)
