"""Time of a whole pass from its terms, one formula for each way in which the terms are computed.

error: mean absolute relative error of such passes against the bundled measurements, on a GPU or model left out of the
fit. It includes the errors of the kernels.
"""

from rackcalc.formulas.combine import total
from rackcalc.quantities.quantity import Formula, formula
from rackcalc.quantities.units import Same
from rackcalc.spec.runtimes import Runtime

SUM = "definition: a sum of its named terms"


@formula(cite=SUM, error=0.04)  # TensorRT BERT: 2 to 6 % fitted, 3 to 6 % on a GPU left out
def compiled_pass(**terms: Same) -> Same:
    """Pass of an encoder inside a compiled engine.

    >>> compiled_pass(layers=1.0, ends=0.5)
    1.5
    """
    return total.function(**terms)


@formula(cite=SUM, error=0.15)  # kernels 8 to 14 %; whole passes of this kind have not been compared
def kernel_pass(**terms: Same) -> Same:
    """Pass of kernels one after another.

    >>> kernel_pass(layers=1.0, ends=0.5)
    1.5
    """
    return total.function(**terms)


@formula(cite=SUM, error=0.01)  # of the sum alone: the doubt about a step is its novelty (novelty.py)
def engine_step(**terms: Same) -> Same:
    """Decode step of a serving engine.

    >>> engine_step(layers=1.0, ends=0.5)
    1.5
    """
    return total.function(**terms)


@formula(cite=SUM, error=0.01)  # of the sum alone: the doubt about a prefill is its novelty (novelty.py)
def engine_prefill(**terms: Same) -> Same:
    """Prefill of a serving engine.

    >>> engine_prefill(layers=1.0, ends=0.5)
    1.5
    """
    return total.function(**terms)


@formula(cite=SUM, error=0.30)  # a guess: this bound has not been compared with measurements
def megakernel_pass(**terms: Same) -> Same:
    """Pass inside one persistent kernel.

    >>> megakernel_pass(layers=1.0, ends=0.5)
    1.5
    """
    return total.function(**terms)


def whole_pass(runtime: Runtime, phase: str) -> Formula:
    """The formula that adds up a pass. phase: encode, prefill, decode."""
    if runtime.megakernel is not None:
        return megakernel_pass
    if phase == "encode":
        return kernel_pass if runtime.compiled is None else compiled_pass
    if runtime.engine is None:
        return kernel_pass
    return engine_step if phase == "decode" else engine_prefill
