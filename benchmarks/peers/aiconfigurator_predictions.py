"""What NVIDIA's aiconfigurator says to the bundled serving runs, in the format that `validation.score` reads.

It needs an environment of its own, because rackcalc does not depend on it:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install aiconfigurator==0.12.0
    /tmp/peer/bin/python benchmarks/peers/aiconfigurator_predictions.py > benchmarks/peers/aiconfigurator.csv
    python -m rackcalc.validation.score benchmarks/peers/aiconfigurator.csv

It is asked for every fourth run, as its command `estimate` asks: mode agg, its newest tables of the engine, its own
default for the tokens of a step, formats by what the run states. Where it has no table for a row (its mode SILICON),
it is asked for its mixture of tables and formulas (HYBRID). Lengths of InferenceX are 0.9 of the stated ones, as
rackcalc takes them too. Nothing here is read by rackcalc, and nothing is fitted to it.
"""

import csv
import logging
import sys
import warnings
from collections import Counter
from pathlib import Path

import yaml

yaml.SafeLoader = yaml.CSafeLoader  # it reads hundreds of small files for each estimate; this changes no value

from aiconfigurator.cli.api import cli_estimate  # noqa: E402

MEASURED = Path(__file__).parents[2] / "rackcalc" / "validation" / "measured" / "serving.csv"
SYSTEMS = {"h100-sxm": "h100_sxm", "h200-sxm": "h200_sxm", "b200-sxm": "b200_sxm"}
MODELS = {
    "deepseek-r1": "deepseek-ai/DeepSeek-R1",
    "gpt-oss-120b": "openai/gpt-oss-120b",
    "llama-3.1-8b": "meta-llama/Meta-Llama-3.1-8B",
    "llama-3.1-70b": "meta-llama/Meta-Llama-3.1-70B",
    "llama-3.3-70b": "meta-llama/Meta-Llama-3.1-70B",
    "minimax-m2.5": "MiniMaxAI/MiniMax-M2.5",
    "qwen3-32b": "Qwen/Qwen3-32B",
    "qwen3-235b-a22b": "Qwen/Qwen3-235B-A22B",
}
EVERY = 4  # of the runs: an estimate takes it seconds
IN_BLOCKS = ("deepseek-r1", "minimax-m2.5")  # models whose published weights have 8-bit blocks
METRICS = {"ttft_mean": "ttft", "tpot_mean": "tpot"}


def formats(row: dict[str, str]) -> dict[str, str]:
    """Formats of products and of the cache, in its words."""
    eight = "fp8_block" if row["model"] in IN_BLOCKS else "fp8"
    products = {"bf16": "bfloat16", "fp8": eight, "fp4": "nvfp4"}.get(row["precision"])
    if row["model"] == "gpt-oss-120b":
        products = None  # its own file of the model says which
    found = {} if products is None else {"gemm_quant_mode": products, "moe_quant_mode": products}
    if "kv-fp8" in row["runtime"].split():
        found["kvcache_quant_mode"] = "fp8"
    return found


def asked(row: dict[str, str]) -> dict[str, object]:
    """The arguments of its estimate for one run."""
    width, groups = int(row["tensor_parallel"] or row["parts"] or 1), int(row["data_parallel"] or 1)
    apart = int(row["expert_parallel"] or 1)
    share = 0.9 if row["scenario"] == "inferencex" else 1.0
    layout = {"tp_size": width, "attention_dp_size": groups}
    if row["model"] in ("deepseek-r1", "gpt-oss-120b", "minimax-m2.5", "qwen3-235b-a22b"):
        layout |= {"moe_tp_size": width * groups // apart, "moe_ep_size": apart}
    return {
        "model_path": MODELS[row["model"]],
        "system_name": SYSTEMS[row["part"]],
        "backend_name": row["runtime"].split()[0],
        "isl": round(share * float(row["input_tokens"])),
        "osl": round(share * float(row["output_tokens"])),
        "batch_size": max(1, round(float(row["concurrency"]) / groups)),
        **layout,
        **formats(row),
    }


def estimate(arguments: dict[str, object]) -> object:
    """Its answer; the first reason where it has none."""
    try:
        return cli_estimate(**arguments, database_mode="SILICON")
    except Exception as first:  # whatever it raises: it is no answer
        try:
            return cli_estimate(**arguments, database_mode="HYBRID")
        except Exception:
            return first


def main() -> None:
    """Write a line for each row of a run that keeps a number of requests in flight on one server."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers: dict[str, object] = {}
    failed: Counter[str] = Counter()
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("kind", "case", "metric", "predicted"))
    with MEASURED.open(newline="") as file:
        for row in csv.DictReader(file):
            known = row["part"] in SYSTEMS and row["model"] in MODELS
            if row["mode"] != "agg" or not row["concurrency"] or row["metric"] not in METRICS or not known:
                continue
            if int(row["case"].rpartition("-")[2]) % EVERY:
                continue
            if "mtp" in row["runtime"].split() or row["runtime"].split()[0] not in ("vllm", "sglang", "trtllm"):
                continue
            arguments = asked(row)
            key = repr(arguments)
            if key not in answers:
                answers[key] = estimate(arguments)
            answer = answers[key]
            if isinstance(answer, Exception):
                failed[f"{type(answer).__name__}: {str(answer)[:110]}"] += 1
                continue
            out.writerow(
                (row["kind"], row["case"], row["metric"], f"{getattr(answer, METRICS[row['metric']]) / 1e3:.6g}")
            )
    for reason, count in failed.most_common(20):
        print(count, reason, file=sys.stderr)


if __name__ == "__main__":
    main()
