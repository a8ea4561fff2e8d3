"""Examples at the end of the help of every command, and where its documentation is. Each runs in the tests."""

# what a new user wants first -> the command for it
TASKS = {
    "your rack": "rackcalc init rack.yaml --gpu h100-sxm --model qwen3-32b",
    "your model": "rackcalc estimate RACK --set model.hf_config=config.json",
    "in a script": "rackcalc estimate RACK --get latency.ttft:ms --get cost.per_hour",
    "limits in CI": 'rackcalc check RACK --fail-if "latency.p99 > 20 s"',
    "a branch": "rackcalc diff main...",
    "buy or rent": "rackcalc compare RACK --scenario buy --scenario rent",
    "racks per MW": "rackcalc solve --help",
    "the article": "rackcalc claims rack-of-god",
}

# command -> examples, and the page on it
EXAMPLES: dict[str, tuple[tuple[str, ...], str]] = {
    "estimate": (
        (
            "rackcalc estimate llama70b-8xh100",
            'rackcalc estimate llama70b-8xh100 --set "workload.concurrency=64" --section latency,cost',
            "rackcalc estimate llama70b-8xh100 --set model.hf_config=config.json "
            "--get latency.ttft:ms --get latency.tpot --labels",
        ),
        "docs/how-it-computes.md",
    ),
    "compare": (
        (
            "rackcalc compare bert-a100 bert-8xb200",
            "rackcalc compare bert-a100 bert-8xb200 --path latency.p99",
            "rackcalc compare llama70b-8xh100 llama70b-8xh100 --set 2:serving.tensor_parallel=4",
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
        (
            "rackcalc explain bert-a100 latency.p99",
            "rackcalc explain llama70b-8xh100 cost.per_hour --depth 1",
            "rackcalc explain llama70b-8xh100 latency.ttft --sources",
        ),
        "docs/figures.md",
    ),
    "figures": (("rackcalc figures latency.p99", 'rackcalc figures "cost.*" --json'), "docs/figures.md"),
    "sweep": (
        (
            "rackcalc sweep bert-a100 --vary workload.batch=1,8,32",
            'rackcalc sweep bert-a100 --vary workload.batch=1..32 --where "latency.p99 < 20 ms" '
            "--by -throughput.capacity --top 3",
            "rackcalc sweep llama70b-8xh100 --vary economics.acquisition=purchase,rent "
            "--get cost.per_hour --get cost.tco",
        ),
        "docs/planning.md",
    ),
    "solve": (
        (
            'rackcalc solve bert-a100 --vary workload.batch=1..32 --so-that "latency.p99 < 5 ms"',
            'rackcalc solve bert-a100 --vary workload.batch=1..32 --so-that "latency.p99 < 5 ms" '
            "--maximise throughput.capacity",
            "rackcalc solve gb200-nvl72-deepseek-v3 --zip --vary site.racks=1..20 "
            '--vary accelerators.gpu.count=72..1440:72 --so-that "power.peak.facility < 1 MW" --maximise site.racks',
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


def tasks() -> str:
    """The end of the help of the program: a command for each of the first tasks, and where to read on."""
    widest = max(map(len, TASKS))
    lines = "\n".join(f"  {task.ljust(widest)}  {command}" for task, command in TASKS.items())
    more = "What figures mean: rackcalc figures. Keys of a rack file and their units: rackcalc schema."
    return (
        f"\b\nFirst tasks, where RACK is a file or a name from `rackcalc racks`:\n{lines}\n\n"
        f"Each command shows examples: rackcalc estimate --help. {more} Documentation: docs/."
    )
