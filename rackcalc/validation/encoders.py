"""Encoders at fixed batch and length, MLPerf's BERT, and the LPU."""

from typing import Any

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import forward_pass as passes
from rackcalc.formulas.gpu.compiled import engine_tails, kept_tokens, pipelined_share, rate_at_power, share_of_rate
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.lpu.decode import decode, user_rate
from rackcalc.formulas.lpu.encoder import encoder as encode
from rackcalc.formulas.serving.request_rates import capacity
from rackcalc.formulas.serving.sequence_lengths import mean_context
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.serving.pool_links import own_link
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Runtime
from rackcalc.validation.kernels import gpu, runtime_named
from rackcalc.validation.read import Row, Unanswerable

FILLED = Quantity(
    0.59, "1", "tokens over padded length", low=0.5, high=0.7,
    source=Source("measured", "ft-bert", note="sequences of mixed length; padding is removed"),
)  # fmt: skip
MICROBATCH = Quantity(
    8.0, "1", "sequences per micro-batch", low=4.0, high=12.0, source=Source("estimate", "ft-bert")
)  # fmt: skip
MOST_MICROBATCHES = constant(4.0, "1", "micro-batches in flight", "estimate", "ft-bert")


def model_of(row: Row) -> Model:
    """The encoder of a row."""
    model: Model = load_part("models", row.model)
    if model.family != "encoder":
        raise Unanswerable(f"{row.model} is a decoder; this kind is about encoders")
    return model


def one_pass(row: Row, runtime: Runtime, batch: Quantity, tokens: Quantity) -> GpuPass:
    """An encoder pass as a row describes it."""
    part, model = gpu(row), model_of(row)
    group: dict[str, Any] = {}
    if row.tensor_parallel not in ("", "1"):
        group = {"devices": row.number("tensor_parallel", "1"), "link": own_link(part.ports)}
    family = load_part("families", part.family)
    return passes.encoder(part, family, runtime, model, row.precision, batch, tokens, **group)


def encoder(row: Row) -> Quantity:
    """Latency of BERT in a steady loop: mean or percentile."""
    words = row.runtime.split()
    runtime = runtime_named(f"{words[0]}-int8-v1" if "int8-v1" in words else words[0])
    batch, tokens = row.number("batch", "1"), row.number("input_tokens", "token")
    if words[:2] == ["fastertransformer", "triton"]:
        tokens = kept_tokens(tokens=tokens, share=FILLED)
    time = one_pass(row, runtime, batch, tokens).time
    if row.pipeline_parallel not in ("", "1"):
        stages = row.number("pipeline_parallel", "1")
        share = pipelined_share(stages=stages, batch=batch, per_microbatch=MICROBATCH, most=MOST_MICROBATCHES)
        time = repeated(time=time, copies=share)
    return percentile(row.metric, runtime, time)


def percentile(metric: str, runtime: Runtime, time: Quantity) -> Quantity:
    """Mean or percentile of the latency of a steady loop of passes."""
    if metric == "latency_mean" or runtime.compiled is None:
        return time
    tails = engine_tails(runtime.compiled, time)
    if metric.removeprefix("latency_") not in tails:
        raise Unanswerable(f"{metric} of an encoder")
    return tails[metric.removeprefix("latency_")]


# MLPerf's BERT answers SQuAD at natural lengths, at most 384 tokens. Lengths that give a pass the time of the data set:
# offline sorts a large batch by length; alone, a question and its page are longer than the mean of the sorted rest.
OFFLINE_BATCH = constant(256.0, "1", "sequences of an offline batch", "estimate", "mlperf-bert")
LENGTHS = {
    "offline": constant(177.0, "token", "length of a sorted batch", "measured", "mlperf-bert", "fitted, all parts"),
    "latency_mean": constant(244.0, "token", "length that takes the mean time alone", "measured", "mlperf-bert"),
    "latency_p50": constant(200.0, "token", "length that takes the median time alone", "measured", "mlperf-bert"),
    "latency_p90": constant(305.0, "token", "length that takes the p90 time alone", "measured", "mlperf-bert"),
    "latency_p99": constant(384.0, "token", "longest sequence", "published", "mlperf-bert"),
}
SERVER_SHARE = Quantity(
    0.82, "1", "server over offline rate", low=0.72, high=0.92,
    source=Source("measured", "mlperf-bert", note="0.67 to 0.97; 130 ms allowed"),
)  # fmt: skip
EXACT_SHARE = constant(0.88, "1", "rate that holds 99.9 % of accuracy in fp8", "measured", "mlperf-bert", "H100")
EFFICIENT = constant(0.643, "1", "power in the efficiency mode, over TDP", "measured", "mlperf-power")


def mlperf(row: Row) -> Quantity:
    """MLPerf Inference rows: BERT here, language models by the serving forms."""
    if load_part("models", row.model).family == "encoder":
        return mlperf_encoder(row)
    from rackcalc.validation import predictor_at

    return predictor_at("mlperf.mlperf")(row)


def mlperf_encoder(row: Row) -> Quantity:
    """MLPerf's BERT: offline and server rate, single-stream latency."""
    exact, narrow = row.operation.endswith("99.9"), "fp8" in gpu(row).peak
    stored = "fp8" if narrow else "fp16" if exact else "int8"
    stated = row._replace(precision=row.precision or stored)
    runtime = runtime_named("tensorrt")
    single = constant(1.0, "1", "sequences at a time", "published", "mlperf-bert")
    if row.scenario == "single_stream" and row.metric in LENGTHS:
        return one_pass(stated, runtime, single, LENGTHS[row.metric]).time
    if row.scenario not in ("offline", "server") or row.metric != "sample_rate":
        raise Unanswerable(f"{row.scenario} {row.metric}: the batching of the server is not stated")
    time = one_pass(stated, runtime, OFFLINE_BATCH, LENGTHS["offline"]).time
    rate = capacity(servers=row.number("parts", "1"), batch=OFFLINE_BATCH, time=time)
    for applies, share in ((exact and narrow, EXACT_SHARE), (row.scenario == "server", SERVER_SHARE)):
        rate = share_of_rate(rate=rate, share=share) if applies else rate
    return rate_at_power(rate=rate, power=EFFICIENT) if "maxq" in row.mode.split() else rate


CHIPS = constant(576.0, "1", "chips of the public Llama-2-70B endpoint", "press", "hn-groq", "not stated by the run")
SEQUENCE = constant(128.0, "token", "padded length of SST-2 inputs", "assumed", note="not stated by the run")


def lpu(row: Row) -> Quantity:
    """Encoders on a chip, and the decode rate of a deployment."""
    if row.part not in part_names("lpus") or not row.model:
        raise Unanswerable("a property of the machine, which the catalog holds as an input")
    part, model = load_part("lpus", row.part), load_part("models", row.model)
    link = load_part("links", part.chip_link)
    stored = row.precision or "int8"
    if model.family == "encoder":
        tokens = row.number("input_tokens", "token") if row.input_tokens else SEQUENCE
        chips, batch = row.number("parts", "1"), row.number("batch", "1")
        done = encode(part, model, chips, stored, batch, tokens, link.latency, link.bandwidth)
        if row.metric == "sample_rate":
            return capacity(servers=ONE, batch=batch, time=done.bottleneck)
        if row.metric == "latency_mean":
            return done.bottleneck if row.operation == "on_chip" else done.time
    if row.metric != "token_rate_per_user":
        raise Unanswerable("measured across the internet, or no output of the chip")
    chips = row.number("parts", "1") if row.parts else CHIPS
    context = mean_context(prompt=row.number("input_tokens", "token"), output=row.number("output_tokens", "token"))
    one = constant(1.0, "1", "sequences per step", "assumed", note="each pipeline stage holds another")
    step = decode(part, model, chips, stored, stored, one, context, link.latency, link.bandwidth)
    return user_rate(tpot=step.tpot)
