"""What a row of measurements is about, in a word, and the group it is scored in."""

from rackcalc.validation.read import Row

CENTRES = ("_mean", "_p50")


def subject(row: Row) -> str:
    """What a row measures, in a word: tpot, ttft, latency, rate, power; percentiles keep theirs (latency_p99).

    In MLPerf the plain words are those of single stream and offline; other scenarios are named (server_rate). A
    collective outside a CUDA graph names its launch (eager_latency, nccl_latency).
    """
    word = row.metric
    for centre in CENTRES:
        word = word.removesuffix(centre)
    if "rate" in word and row.kind != "facility":
        word = "rate"
    if row.kind == "mlperf" and row.scenario not in ("single_stream", "offline"):
        return f"{row.scenario}_{word}"
    if row.kind == "collective" and row.launch not in ("", "cuda_graph"):
        return f"{row.launch}_{word}"
    return word


def group_of(row: Row) -> str:
    """The group a row is scored in: as the file says, else part and model or operation or format."""
    return row.group or f"{row.part}|{row.model or row.operation or row.precision}"
