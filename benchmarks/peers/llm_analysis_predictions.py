"""What llm-analysis, a closed form of work over peak rates, says to the bundled serving runs.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install llm-analysis==0.2.2
    /tmp/peer/bin/python benchmarks/peers/llm_analysis_predictions.py > benchmarks/peers/llm_analysis.csv
    python -m rackcalc.validation.score benchmarks/peers/llm_analysis.csv

It knows static batches and dense models, and of the GPUs of these runs only the H100; all others are not answered. The
time per token is that of a batch of all requests in flight, the time to first token a prompt by itself; efficiencies
are as it starts. Its feed-forward layers have two matrices, so three gated ones are one and a half times as wide, as
in its own file of Llama 2. Nothing here is read by rackcalc, and nothing is fitted to it.
"""

import contextlib
import csv
import json
import logging
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from llm_analysis.analysis import infer

MEASURED = Path(__file__).parents[2] / "rackcalc" / "validation" / "measured" / "serving.csv"
SHAPES = {  # layers, heads, KV heads, hidden, feed-forward, vocabulary
    "llama-3.1-8b": (32, 32, 8, 4096, 14336, 128256),
    "llama-3.1-70b": (80, 64, 8, 8192, 28672, 128256),
    "llama-3.3-70b": (80, 64, 8, 8192, 28672, 128256),
    "qwen3-32b": (64, 64, 8, 5120, 25600, 151936),
}
FORMATS = {"bf16": "w16a16e16", "fp8": "w8a8e16"}


def model_file(folder: str, name: str) -> str:
    """Its description of a model."""
    layers, heads, kv_heads, hidden, ffn, vocabulary = SHAPES[name]
    described = {
        "name": name,
        "num_layers": layers,
        "n_head": heads,
        "num_key_value_heads": kv_heads,
        "hidden_dim": hidden,
        "vocab_size": vocabulary,
        "max_seq_len": 131072,
        "ffn_embed_dim": round(1.5 * ffn),
        "expansion_ratio": 1.5 * ffn / hidden,
        "model_type": "llama",
    }
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(described))
    return str(path)


def answer(path: str, row: dict[str, str]) -> float:
    """Its time [s] for a row."""
    first = row["metric"] == "ttft_mean"
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        found = infer(
            model_name=path,
            gpu_name="h100-sxm-80gb",
            dtype_name=FORMATS[row["precision"]],
            log_level="CRITICAL",
            batch_size_per_gpu=1 if first else int(row["concurrency"]),
            tp_size=int(row["tensor_parallel"] or row["parts"] or 1),
            seq_len=int(row["input_tokens"]),
            num_tokens_to_generate=int(row["output_tokens"]),
        )
    return float(found["prefill_latency"] if first else found["decode_latency"])


def main() -> None:
    """Write a line for each row that it can be asked for."""
    logging.disable(logging.CRITICAL)
    failed: Counter[str] = Counter()
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("kind", "case", "metric", "predicted"))
    with tempfile.TemporaryDirectory() as folder, MEASURED.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["mode"] != "agg" or not row["concurrency"] or row["metric"] not in ("ttft_mean", "tpot_mean"):
                continue
            if row["part"] != "h100-sxm" or row["model"] not in SHAPES or row["precision"] not in FORMATS:
                continue
            try:
                predicted = answer(model_file(folder, row["model"]), row)
            except Exception as error:  # whatever it raises: it is no answer
                failed[f"{type(error).__name__}: {str(error)[:110]}"] += 1
                continue
            out.writerow((row["kind"], row["case"], row["metric"], f"{predicted:.6g}"))
    for reason, count in failed.most_common(20):
        print(count, reason, file=sys.stderr)


if __name__ == "__main__":
    main()
