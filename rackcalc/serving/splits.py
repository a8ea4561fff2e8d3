"""Which function computes which split of the work between the chips. FUNCTIONS is the whole list."""

from collections.abc import Callable
from importlib import import_module

from rackcalc.serving.service_model import ServiceModel
from rackcalc.spec.rack import Rack, Workload

# split -> family of the model -> module and function; a module is imported when its split is asked for
FUNCTIONS = {
    "gpu": {"encoder": "encoders.gpu_encoder", "decoder": "decoders.gpu_decoder"},
    "lpu": {"encoder": "encoders.lpu_encoder", "decoder": "decoders.lpu_decoder"},
    "encoder-pipeline": {"encoder": "encoders.encoder_pipeline"},
    "prefill-decode": {"decoder": "disaggregated.prefill_decode"},
    "attention-ffn": {"decoder": "gpu_and_lpu.attention_ffn"},
    "draft-verify": {"decoder": "gpu_and_lpu.draft_verify"},
}


def takes_what_comes(rack: Rack) -> bool:
    """Whether a serving engine batches requests by itself as they come: no batch is stated, and no closed loop."""
    work, runtime = rack.workload, rack.serving.runtime
    if work.batch is not None or work.concurrency is not None or rack.sharing is not None:
        return False
    engine = runtime is not None and runtime.engine is not None
    apart = prefills_on_own_gpus(rack)
    return engine and (apart or rack.serving.split == "gpu") and rack.model.family == "decoder"


def clients_differ(rack: Rack) -> bool:
    """Whether requests of an engine's closed loop differ in length, so that their percentiles can be told.

    Nothing is told of answers of one token, which never decode: the law is about those that do.
    """
    work, runtime = rack.workload, rack.serving.runtime
    engine = runtime is not None and runtime.engine is not None
    if work.concurrency is None or not engine or rack.serving.split != "gpu" or rack.model.family != "decoder":
        return False
    return lengths_vary(work) and not one_token(work)


def lengths_vary(work: Workload) -> bool:
    """Whether prompts or answers differ in length."""
    return any(cv is not None and not _is_zero(cv.value) for cv in (work.input_cv, work.output_cv))


def one_token(work: Workload) -> bool:
    """Whether answers have one token."""
    return work.output is not None and isinstance(work.output.value, float) and work.output.value <= 1


def _is_zero(value: object) -> bool:
    return isinstance(value, float) and value == 0


def serve(rack: Rack) -> ServiceModel:
    """The service of a rack whose parts, split and sizes have been checked (feasibility/)."""
    module, _, name = FUNCTIONS[rack.serving.split][rack.model.family].partition(".")
    split: Callable[[Rack], ServiceModel] = getattr(import_module(f"rackcalc.serving.{module}"), name)
    return split(rack)


def prefills_on_own_gpus(rack: Rack) -> bool:
    """Whether some of the GPUs prefill and the others decode."""
    return rack.serving.split == "prefill-decode" and rack.serving.prefill_gpus is not None
