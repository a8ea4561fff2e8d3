"""Examples at the end of the help of every command, and where its documentation is. Each runs in the tests."""

# command -> examples, and the page on it
EXAMPLES: dict[str, tuple[tuple[str, ...], str]] = {
    "estimate": (
        (
            "rackcalc estimate llama70b-8xh100",
            'rackcalc estimate llama70b-8xh100 --set "workload.concurrency=64" --section latency,cost',
            "rackcalc estimate rack-of-god --get latency.p99:ms --get cost.per_hour --labels",
        ),
        "docs/how-it-computes.md",
    ),
    "compare": (
        (
            "rackcalc compare bert-a100 bert-8xb200",
            "rackcalc compare bert-a100 bert-8xb200 --path latency.p99",
        ),
        "docs/planning.md",
    ),
    "check": (
        (
            "rackcalc check llama70b-8xh100",
            'rackcalc check bert-a100 --fail-if "latency.p99 > 20 ms" --warn-if "cost.tco > 50 kUSD"',
        ),
        "docs/gates.md",
    ),
    "diff": (
        (
            "rackcalc diff main...",
            'rackcalc diff main..HEAD --fail-if "delta(cost.tco) > 5 %" --format markdown',
        ),
        "docs/gates.md",
    ),
    "claims": (("rackcalc claims vendor-quote", "rackcalc claims rack-of-god --all"), "docs/gates.md"),
    "explain": (
        ("rackcalc explain bert-a100 latency.p99", "rackcalc explain llama70b-8xh100 cost.per_hour --depth 1"),
        "docs/figures.md",
    ),
    "figures": (("rackcalc figures latency.p99", 'rackcalc figures "cost.*" --json'), "docs/figures.md"),
    "sweep": (
        (
            "rackcalc sweep bert-a100 --vary workload.batch=1,8,32",
            'rackcalc sweep bert-a100 --vary workload.batch=1..32 --where "latency.p99 < 20 ms" '
            "--by -throughput.capacity --top 3",
        ),
        "docs/planning.md",
    ),
    "solve": (
        (
            'rackcalc solve bert-a100 --vary workload.batch=1..32 --so-that "latency.p99 < 5 ms"',
            'rackcalc solve bert-a100 --vary workload.batch=1..32 --so-that "latency.p99 < 5 ms" '
            "--maximise throughput.capacity",
        ),
        "docs/planning.md",
    ),
    "uncertainty": (
        ("rackcalc uncertainty bert-a100", "rackcalc uncertainty bert-a100 latency.p99 --samples 256 --top 3"),
        "docs/planning.md",
    ),
    "plot": (
        (
            "rackcalc plot llama70b-8xh100 roofline -o roofline.svg",
            "rackcalc plot llama70b-8xh100 load -o load.png",
            "rackcalc plot bert-8xb200 front --vary workload.batch=1..64 --pareto latency.p99,-throughput.capacity",
        ),
        "docs/planning.md",
    ),
    "link": (
        ('rackcalc link nvlink5 "64 MiB"', 'rackcalc link nvlink5 "1 MB" --hops 2 --explain'),
        "docs/how-it-computes.md",
    ),
    "validate": (
        ("rackcalc validate measured.csv", "rackcalc validate measured.csv --worst 3"),
        "docs/accuracy.md",
    ),
    "racks": (("rackcalc racks", "rackcalc racks --json"), "docs/requests.md"),
    "parts": (("rackcalc parts gpus", "rackcalc parts gpus h100-sxm"), "docs/adding-a-part.md"),
    "schema": (("rackcalc schema", "rackcalc schema estimate"), "docs/python.md"),
    "init": (
        (
            "rackcalc init",
            "rackcalc init chat.yaml --gpu h100-sxm --count 8 --model qwen3-32b --engine vllm --concurrency 64",
        ),
        "docs/requests.md",
    ),
}


def closing(command: str) -> str:
    """The end of the help of a command; lines are kept as they are."""
    examples, page = EXAMPLES[command]
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{lines}\n\nDocumentation: {page}. What each figure means: rackcalc figures."
