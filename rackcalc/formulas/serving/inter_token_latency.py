"""Time between two tokens of a request, and the stalls by prefills of other requests."""

from rackcalc.formulas.gpu.serving_engine import MIXED
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, SecondsPerToken, Tokens


@formula(cite="A. Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3: prefills stall decodes on the same GPUs")
def prefill_interference(prefill: Seconds, batch: Count, output: Tokens) -> SecondsPerToken:
    """Added to every output token in a steady batch: while one request decodes, each other one is prefilled once.

    prefill: work of one prompt, without the fixed times of the layers, which the shared step already includes.

    >>> round(prefill_interference(prefill=0.1, batch=33.0, output=320.0), 9)
    0.01
    """
    return xp.maximum(batch - 1, 0 * batch) * prefill / output


@formula(cite=MIXED + "; every other request is prefilled once while one is served")
def prefill_stall(work: Seconds, fixed: Seconds, held: Count, ahead: Count, output: Tokens) -> SecondsPerToken:
    """Added to every output token by the prefills of others that fall between one's first and last.

    work: of one prefill, in proportion to its tokens. fixed: the rest, once for all prefills that share a step.

    >>> round(prefill_stall(work=0.08, fixed=0.02, held=33.0, ahead=0.0, output=320.0), 9)
    0.01
    """
    per_step = xp.pure(xp.maximum(held - 1 - ahead, 0.0 * held) * TOKEN / output)
    return (work * per_step + fixed * xp.minimum(per_step, 1.0)) / TOKEN


@formula(
    cite="definition: prefills and steps share one mean; Poisson number of prefills per step, Cornish-Fisher quantile"
)
def itl_quantile(
    tpot: SecondsPerToken, decoding: Count, output: Tokens, prefill: Seconds, z: Ratio, correction: Ratio, floor: Ratio
) -> SecondsPerToken:
    """Quantile of the time between two tokens: a step, with the number of prefills in it that the quantile has.

    tpot: without prefills. z: normal quantile; correction: (z^2 - 1) / 6 - 1/2. floor: least number of prefills, if the
    quantile lies beyond the steps without a prefill.

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
