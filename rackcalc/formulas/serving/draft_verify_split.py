"""Speculative decoding across chips: LPUs draft tokens, GPUs verify them."""

from rackcalc.formulas.serving.request_time import repeated
from rackcalc.formulas.serving.speculative_decoding import speculative_tpot, tokens_per_step
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Count, Seconds


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192")
def verified_rows(batch: Count, drafted: Count) -> Count:
    """Tokens that one verification pass computes: the drafted ones and one more per sequence.

    >>> verified_rows(batch=8.0, drafted=4.0)
    40.0
    """
    return batch * (drafted + 1)


@formula(
    cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192; "
    "drafting and verifying take turns"
)
def speculative_step(draft: Seconds, drafted: Count, verify: Seconds, forth: Seconds, back: Seconds) -> Seconds:
    """Time of one step: so many draft tokens, over, one verification, and back.

    >>> round(speculative_step(draft=0.2e-3, drafted=4.0, verify=6e-3, forth=5e-6, back=5e-6) * 1e3, 2)
    6.81
    """
    return draft * drafted + forth + verify + back


@record
class DraftVerify:
    """tokens [1] and step [s] of one draft-and-verify round, tpot [s/token]. terms: of the step."""

    tokens: Quantity
    step: Quantity
    tpot: Quantity
    terms: dict[str, Quantity]


def draft_verify(
    draft: Quantity, verify: Quantity, acceptance: Quantity, drafted: Quantity, forth: Quantity, back: Quantity
) -> DraftVerify:
    """The LPU drafts tokens one by one (draft: s per token), and the GPU verifies them in one pass (verify: s)."""
    tokens = tokens_per_step(acceptance=acceptance, drafted=drafted)
    step = speculative_step(draft=draft, drafted=drafted, verify=verify, forth=forth, back=back)
    terms = {"draft": repeated(time=draft, times=drafted), "forth": forth, "verify": verify, "back": back}
    return DraftVerify(tokens=tokens, step=step, tpot=speculative_tpot(step=step, tokens=tokens), terms=terms)
