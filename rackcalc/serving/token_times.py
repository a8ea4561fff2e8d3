"""Percentiles of the time between two tokens of a serving engine, whose steps now and then hold prefills of others."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.serving.concurrency import Prefill
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.inter_token_latency import itl_quantile, least_prefills, typical_stall
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.runtimes import Engine

NORMAL = {"p90": (1.2816, 0.9), "p95": (1.6449, 0.95), "p99": (2.3263, 0.99)}  # normal quantile, and level


def token_times(
    engine: Engine, prefill: Prefill, alone: Quantity, decoding: Quantity, output: Quantity
) -> dict[str, Quantity]:
    """Median and percentiles of the time between two tokens [s/token] of a sequence that decodes among `decoding`.

    alone: time per token of a step without prefills.
    """
    front_end = per_token_sent(time=engine.token_time, interval=engine.stream_interval)
    pace = {"decoding": decoding, "front_end": front_end, "sharpness": SHARPNESS}
    load = {"decoding": decoding, "output": output}
    added = prefill.work
    stall = typical_stall(prefill=added, **load)
    found = {"p50": paced(tpot=total(step=alone, stall=stall), **pace)}
    for name, (z, level) in NORMAL.items():
        at = {
            "z": constant(z, "1", "normal quantile", "published"),
            "correction": constant((z * z - 1) / 6 - 0.5, "1", "Cornish-Fisher correction", "published"),
            "floor": least_prefills(**load, level=constant(level, "1", "level", "given")),
        }
        found[name] = paced(tpot=itl_quantile(tpot=alone, prefill=added, **load, **at), **pace)
    return found
