"""What the options of serving engines and of benchmark tools are called here, for messages about unknown keys."""

SEATS, BUDGET = "write serving.max_num_seqs", "write serving.max_num_batched_tokens"
MEMORY, EAGER = "write serving.gpu_memory_utilization", "write serving.cuda_graphs: false"
TENSOR, DATA = "write serving.tensor_parallel", "write serving.data_parallel"
RATE, CLIENTS = "write workload.arrival_rate", "write workload.concurrency"
PIPELINE = "write serving.pipeline_parallel"
EXPERTS = "write serving.expert_parallel: true for whole experts on each GPU, false for a part of each"
PREFIX = (
    "write serving.prefix_caching: true or false, and workload.cached: the share of the prompts that is found there"
)
THINKING = "an open load is the same however long users think: write workload.arrival_rate, all turns of all users"
OFFLOAD = "write serving.kv_offload: {bandwidth: 50 GB/s, hits: 30 %}"
WEIGHTS_AWAY = "weights in host memory are not modelled; use more GPUs per copy, or a smaller format"
DRAFTS = "write serving.speculation: {kind: mtp, tokens: 3, acceptance: 0.7}; kinds are draft-model, eagle, mtp, ngram"
DRAFTED = "write serving.speculation.tokens"
ADAPTERS = "write serving.lora: {rank: 16, adapters: 8}"
CONTEXT = (
    "write serving.context_parallel: groups of GPUs that share each prompt, with serving.split: prefill-decode and "
    "serving.prefill_gpus, or with serving.phase: prefill"
)
DECODE_CONTEXT = (
    "a KV cache that GPUs divide by its tokens is not modelled in decode steps; serving.tensor_parallel divides it by "
    "its heads, and serving.context_parallel divides the prompts of engines that prefill"
)
SEQUENCE = (
    "sequence parallelism within a tensor-parallel group is not modelled: an all-reduce counts as that; prompts are "
    "divided over groups by serving.context_parallel"
)
APART = "write serving.split: prefill-decode, and serving.prefill_gpus: how many GPUs prefill"
ONE_PHASE = (
    "write serving.phase: decode (kv_consumer) or prefill (kv_producer) for engines that do only that, or "
    "serving.split: prefill-decode and serving.prefill_gpus for both pools"
)
COPIES = "write serving.redundant_experts"
OVERLAP = "write serving.two_batch_overlap: true"
ONE_BATCH_OVERLAP = (
    "overlap within one batch is not modelled: an exchange with experts counts in full, or write "
    "serving.two_batch_overlap: true"
)
THRESHOLDS = "leave it out: from how many tokens on a batch is split is the engine's own default"
CHUNKS = (
    "engines that can share steps between prompts and tokens do; how many tokens a step may have is "
    "serving.max_num_batched_tokens"
)
BLOCKS = "leave it out: the KV cache is counted by tokens"
ORDER = "requests are served in the order of their arrival; other orders are not modelled"
ENGINES_OWN = "leave it out: how an engine launches steps follows from serving.runtime and serving.version"
LENGTHS = "leave it out: lengths follow from workload.input and workload.output"

_NAMES: dict[str, str] = {
    **dict.fromkeys(("max_running_requests", "max_batch_size", "max_num_seqs"), SEATS),
    **dict.fromkeys(("chunked_prefill_size", "max_num_tokens", "max_prefill_tokens", "max_num_batched_tokens"), BUDGET),
    **dict.fromkeys(("mem_fraction_static", "free_gpu_memory_fraction", "kv_cache_free_gpu_mem_fraction"), MEMORY),
    "kv_cache_free_gpu_memory_fraction": MEMORY,
    **dict.fromkeys(("enable_chunked_prefill", "no_enable_chunked_prefill", "enable_mixed_chunk"), CHUNKS),
    **dict.fromkeys(("enable_chunked_context", "disable_chunked_prefill"), CHUNKS),
    **dict.fromkeys(("block_size", "page_size", "tokens_per_block"), BLOCKS),
    **dict.fromkeys(("scheduling_policy", "schedule_policy", "capacity_scheduler_policy"), ORDER),
    **dict.fromkeys(("async_scheduling", "num_scheduler_steps", "disable_overlap_schedule"), ENGINES_OWN),
    **dict.fromkeys(
        ("compilation_config", "enable_torch_compile", "attention_backend", "moe_a2a_backend"), ENGINES_OWN
    ),
    **dict.fromkeys(("enforce_eager", "disable_cuda_graph", "cudagraph_mode"), EAGER),
    **dict.fromkeys(("tp", "tp_size", "tensor_parallel_size"), TENSOR),
    **dict.fromkeys(("dp", "dp_size", "data_parallel_size", "enable_dp_attention", "enable_attention_dp"), DATA),
    **dict.fromkeys(("pp", "pp_size", "pipeline_parallel", "pipeline_parallel_size"), PIPELINE),
    **dict.fromkeys(("ep", "ep_size", "moe_ep_size", "enable_expert_parallel"), EXPERTS),
    **dict.fromkeys(("enable_prefix_caching", "no_enable_prefix_caching", "disable_radix_cache"), PREFIX),
    **dict.fromkeys(("prefix_caching", "cached", "enable_block_reuse", "cache_hit_rate", "hit_rate"), PREFIX),
    **dict.fromkeys(("think_time", "thinking_time", "delay"), THINKING),
    **dict.fromkeys(("swap_space", "kv_offloading_size", "host_cache_size"), OFFLOAD),
    **dict.fromkeys(("enable_hierarchical_cache", "hicache_ratio", "hicache_size", "kv_connector"), OFFLOAD),
    **dict.fromkeys(("cpu_offload_gb", "offload_group_size"), WEIGHTS_AWAY),
    **dict.fromkeys(("cp", "cp_size", "context_parallel", "context_parallel_size", "attn_cp_size"), CONTEXT),
    **dict.fromkeys(("prefill_context_parallel_size", "pcp", "pcp_size", "enable_prefill_cp"), CONTEXT),
    **dict.fromkeys(("enable_prefill_context_parallel", "enable_nsa_prefill_context_parallel"), CONTEXT),
    **dict.fromkeys(("decode_context_parallel_size", "dcp", "dcp_size", "helix"), DECODE_CONTEXT),
    **dict.fromkeys(("sequence_parallel", "enable_sequence_parallel", "ulysses"), SEQUENCE),
    **dict.fromkeys(("speculative_config", "speculative_algorithm", "speculative_model"), DRAFTS),
    **dict.fromkeys(("num_speculative_tokens", "speculative_num_steps", "speculative_num_draft_tokens"), DRAFTED),
    **dict.fromkeys(("num_nextn_predict_layers", "max_draft_len"), DRAFTED),
    **dict.fromkeys(("speculative_draft_model_path", "speculative_model_dir"), "write serving.speculation.model"),
    **dict.fromkeys(("enable_lora", "lora_modules", "lora_paths", "lora_config"), ADAPTERS),
    **dict.fromkeys(("max_loras", "max_loras_per_batch"), "write serving.lora.adapters"),
    **dict.fromkeys(("max_lora_rank", "lora_rank"), "write serving.lora.rank"),
    **dict.fromkeys(("disaggregation_mode", "kv_role", "kv_transfer_config"), ONE_PHASE),
    **dict.fromkeys(("disagg", "disaggregation"), APART),
    **dict.fromkeys(("ep_num_redundant_experts", "num_redundant_experts", "enable_eplb", "eplb"), COPIES),
    **dict.fromkeys(("enable_two_batch_overlap", "enable_dbo", "dbo", "tbo"), OVERLAP),
    **dict.fromkeys(("enable_single_batch_overlap", "single_batch_overlap"), ONE_BATCH_OVERLAP),
    **dict.fromkeys(("tbo_token_distribution_threshold", "ubatch_size"), THRESHOLDS),
    **dict.fromkeys(("dbo_decode_token_threshold", "dbo_prefill_token_threshold"), THRESHOLDS),
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
