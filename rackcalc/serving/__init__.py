"""Who does what: one function per split turns pools, links and a workload into a Service. SPLITS is the whole list."""

from collections.abc import Callable

from rackcalc.serving.decoders import gpu_decoder, lpu_decoder
from rackcalc.serving.disaggregated import on_gpus
from rackcalc.serving.encoders import encoder_pipeline, gpu_encoder, lpu_encoder
from rackcalc.serving.gpu_and_lpu import attention_ffn, draft_verify, onto_lpus
from rackcalc.serving.pools import Service
from rackcalc.spec.rack import Rack


def prefill_decode(rack: Rack) -> Service:
    """Prompts and generation apart: on two pools of GPUs, or on GPUs and LPUs."""
    return onto_lpus(rack) if rack.serving.prefill_gpus is None else on_gpus(rack)


SPLITS: dict[str, dict[str, Callable[[Rack], Service]]] = {
    "gpu": {"encoder": gpu_encoder, "decoder": gpu_decoder},
    "lpu": {"encoder": lpu_encoder, "decoder": lpu_decoder},
    "encoder-pipeline": {"encoder": encoder_pipeline},
    "prefill-decode": {"decoder": prefill_decode},
    "attention-ffn": {"decoder": attention_ffn},
    "draft-verify": {"decoder": draft_verify},
}


def serve(rack: Rack) -> Service:
    """The Service of a rack whose structure has been checked."""
    return SPLITS[rack.serving.split][rack.model.family](rack)
