"""Parameter counts against the classes of `transformers`, built on the meta device (no weights, no memory).

The library is an optional group (`pip install --group oracle`); without it these tests skip.
"""

from __future__ import annotations

import pytest

import isoflop as iso

torch = pytest.importorskip("torch", reason="the optional group `oracle` is not installed")
transformers = pytest.importorskip("transformers", reason="the optional group `oracle` is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

SMALL = {"num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 8, "vocab_size": 211}
GQA = {**SMALL, "num_key_value_heads": 2, "intermediate_size": 100}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LATENT = {
    "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 12,
    "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 20, "n_shared_experts": 2,
    "first_k_dense_replace": 1, "n_group": 2, "topk_group": 1, "num_key_value_heads": 8,
}  # fmt: skip

#: (model_type, what the config says beyond its defaults).
CASES = [
    ("gpt2", {"n_embd": 48, "n_layer": 3, "n_head": 4, "vocab_size": 97, "n_positions": 33}),
    ("gpt2", {}),
    ("gpt2", {"n_embd": 1600, "n_layer": 48, "n_head": 25}),
    ("llama", GQA),
    ("llama", {**GQA, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True, "head_dim": 16}),
    ("llama", {}),
    ("mistral", GQA),
    ("mistral", {}),
    ("mixtral", {**GQA, "num_local_experts": 5}),
    ("mixtral", {}),
    ("qwen2", GQA),
    ("qwen2", {}),
    ("qwen2_moe", {**GQA, **EXPERTS, "shared_expert_intermediate_size": 40}),
    ("qwen3", {**GQA, "head_dim": 12}),
    ("qwen3", {}),
    ("qwen3_moe", {**GQA, **EXPERTS, "head_dim": 12}),
    ("qwen3_moe", {}),
    ("gemma", {**GQA, "head_dim": 16}),
    ("gemma2", {**GQA, "head_dim": 16}),
    ("gemma2", {}),
    ("gemma3_text", {**GQA, "head_dim": 16, "num_hidden_layers": 7}),
    ("deepseek_v2", {**GQA, **LATENT}),
    ("deepseek_v2", {**GQA, **LATENT, "q_lora_rank": None}),
    ("deepseek_v3", {**GQA, **LATENT}),
    ("deepseek_v3", {}),
    ("gpt_oss", {**GQA, "num_local_experts": 6, "head_dim": 16}),
    ("gpt_oss", {}),
    ("olmo", GQA),
    ("olmo2", GQA),
    ("olmoe", {**GQA, "num_experts": 6, "num_experts_per_tok": 2}),
    ("falcon", SMALL),
    ("falcon", {}),
    ("falcon", {**SMALL, "new_decoder_architecture": True, "num_kv_heads": 2}),
    ("falcon", {**SMALL, "parallel_attn": False, "multi_query": False, "bias": True, "alibi": True}),
    ("mpt", {"d_model": 64, "n_layers": 3, "n_heads": 8, "vocab_size": 211}),
    ("opt", {**SMALL, "ffn_dim": 100, "word_embed_proj_dim": 64, "max_position_embeddings": 50}),
    ("opt", {}),
    ("bloom", {"hidden_size": 64, "n_layer": 3, "n_head": 8, "vocab_size": 211}),
    ("phi", {**SMALL, "intermediate_size": 100}),
    ("phi", {}),
    ("phi3", {**GQA, "pad_token_id": 0}),
    ("phi3", {"pad_token_id": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("family", "changes"), CASES, ids=[f"{f}-{i}" for i, (f, _) in enumerate(CASES)])
def test_counts_are_those_of_the_class(family, changes):
    config = transformers.AutoConfig.for_model(family, **changes)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    # What a checkpoint stores, shared tensors once: DeepSeek-V3's correction biases are stored but are no parameters.
    stored = {id(tensor): tensor.numel() for tensor in [*model.parameters(), *persistent(model)]}
    assert iso.Architecture.from_hf(config.to_dict()).n_params == sum(stored.values())


def persistent(model):
    """Yield the buffers that are saved with the weights."""
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                yield buffer
