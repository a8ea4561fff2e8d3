"""What the options of serving engines and of benchmark tools are called here, for messages about unknown keys."""

SEATS, BUDGET = "write serving.max_num_seqs", "write serving.max_num_batched_tokens"
MEMORY, EAGER = "write serving.gpu_memory_utilization", "write serving.cuda_graphs: false"
TENSOR, DATA = "write serving.tensor_parallel", "write serving.data_parallel"
RATE, CLIENTS = "write workload.arrival_rate", "write workload.concurrency"
PIPELINE = "pipeline parallelism is not modelled; use serving.tensor_parallel, or more copies of the model"
EXPERTS = "an engine spreads experts over its GPUs by itself; that they are not cannot be said yet"
PREFIX = "hits in a prefix cache are not modelled; shorten workload.input by the share that is found there"
OFFLOAD = "offloading of the KV cache is not modelled"
DRAFTS = "drafting on GPUs is not modelled; serving.speculation is for split draft-verify"
APART = "write serving.split: prefill-decode, and serving.prefill_gpus: how many GPUs prefill"
COPIES = "write serving.redundant_experts"
OVERLAP = "overlap of two batches is not modelled: an exchange between experts counts in full"
ADAPTERS = "LoRA adapters are not modelled"
LENGTHS = "leave it out: lengths follow from workload.input and workload.output"

_NAMES: dict[str, str] = {
    **dict.fromkeys(("max_running_requests", "max_batch_size", "max_num_seqs"), SEATS),
    **dict.fromkeys(("chunked_prefill_size", "max_num_tokens", "max_prefill_tokens", "max_num_batched_tokens"), BUDGET),
    **dict.fromkeys(("mem_fraction_static", "free_gpu_memory_fraction", "kv_cache_free_gpu_mem_fraction"), MEMORY),
    **dict.fromkeys(("enforce_eager", "disable_cuda_graph", "cudagraph_mode"), EAGER),
    **dict.fromkeys(("tp", "tp_size", "tensor_parallel_size"), TENSOR),
    **dict.fromkeys(("dp", "dp_size", "data_parallel_size", "enable_dp_attention", "enable_attention_dp"), DATA),
    **dict.fromkeys(("pp", "pp_size", "pipeline_parallel", "pipeline_parallel_size"), PIPELINE),
    **dict.fromkeys(("ep", "ep_size", "expert_parallel", "enable_expert_parallel"), EXPERTS),
    **dict.fromkeys(("prefix_caching", "enable_prefix_caching", "disable_radix_cache", "cached"), PREFIX),
    **dict.fromkeys(("swap_space", "cpu_offload_gb", "kv_offload", "hicache_ratio", "host_cache_size"), OFFLOAD),
    **dict.fromkeys(("speculative_config", "speculative_algorithm", "num_speculative_tokens"), DRAFTS),
    **dict.fromkeys(("disaggregation_mode", "kv_transfer_config", "disagg", "disaggregation"), APART),
    **dict.fromkeys(("ep_num_redundant_experts", "num_redundant_experts", "enable_eplb", "eplb"), COPIES),
    **dict.fromkeys(("enable_two_batch_overlap", "two_batch_overlap", "enable_dbo"), OVERLAP),
    **dict.fromkeys(("lora", "enable_lora", "lora_modules", "lora_paths"), ADAPTERS),
    **dict.fromkeys(("max_model_len", "context_length", "max_seq_len"), LENGTHS),
    **dict.fromkeys(("request_rate", "qps", "rps", "rate"), RATE),
    **dict.fromkeys(("max_concurrency", "num_clients", "users", "clients"), CLIENTS),
    **dict.fromkeys(("input_len", "random_input_len", "isl", "prompt"), "write workload.input"),
    **dict.fromkeys(("output_len", "random_output_len", "osl", "max_tokens"), "write workload.output"),
    "kv_cache_dtype": "write workload.kv_precision",
    **dict.fromkeys(("dtype", "quantization"), "write workload.precision"),
}
SECTIONS = ("serving", "workload")


def called_here(path: str) -> str:
    """'; write ...' for an option of an engine or a benchmark tool in a section that holds such; "" for all others.

    >>> called_here("serving.enforce-eager")
    '; write serving.cuda_graphs: false'
    """
    section, _, name = path.rpartition(".")
    known = _NAMES.get(name.casefold().replace("-", "_").lstrip("_"))
    return f"; {known}" if known and section.split(".")[0] in SECTIONS else ""
