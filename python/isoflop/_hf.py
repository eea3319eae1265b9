"""Hugging Face `config.json` → `Architecture`: one alias table, one function per family of switches.

A size that is missing is named, with the aliases that were looked for; a switch that would change the counts and is not
understood raises. Nothing is guessed in silence: defaults are those of the family's own configuration class.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._architecture import Architecture, Latent
from ._errors import DataError, compose, listed, nearest

if TYPE_CHECKING:
    from os import PathLike

#: Names that families give to one size, in the order in which they are looked for.
ALIASES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "n_embed"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads"),
    "mlp_width": ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"),
    "vocab": ("vocab_size",),
    "max_seq_len": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
    "experts": ("num_experts", "num_local_experts", "n_routed_experts"),
    "experts_per_token": ("num_experts_per_tok", "top_k"),
    "expert_width": ("moe_intermediate_size",),
}


class Config(Mapping[str, Any]):
    """The content of a file, with the alias table and errors that name what is missing."""

    def __init__(self, content: Mapping[str, Any]):
        self.content = content

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def __iter__(self) -> Any:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    @property
    def family(self) -> str:
        """The `model_type`."""
        return str(self.content.get("model_type", ""))

    def size(self, name: str, default: int | None = None) -> int:
        """Return a size by any of its aliases; without a default it must be there."""
        for alias in ALIASES[name]:
            if self.content.get(alias) is not None:
                return int(self.content[alias])
        if default is None:
            text = f"the {self.family} config has no {name}"
            raise DataError(compose(text, f"looked for {listed(ALIASES[name])}"))
        return default

    def switch(self, key: str, default: Any) -> Any:
        """Return a switch, or the family's default."""
        value = self.content.get(key)
        return default if value is None else value

    def need(self, key: str) -> Any:
        """Return a value that has no default."""
        if self.content.get(key) is None:
            raise DataError(compose(f"the {self.family} config has no {key}", "pass the complete config.json"))
        return self.content[key]

    def expect(self, key: str, *allowed: Any) -> None:
        """Refuse a switch whose value is not understood here; absent is fine."""
        value = self.content.get(key)
        if value is not None and value not in allowed:
            text = f"{key} is {value!r} in the {self.family} config, expected {listed(allowed)}"
            raise DataError(compose(text, "build an iso.Architecture by hand for this variant"))


def read(config: str | PathLike[str] | Mapping[str, Any]) -> Architecture:
    """Read a file, a folder or a dict; see `Architecture.from_hf`."""
    c = Config(_load(config))
    if "text_config" in c and c.family not in FAMILIES:
        c = Config(c["text_config"])
    if c.family not in FAMILIES:
        close = nearest(c.family, FAMILIES)
        hint = f"did you mean {listed(close)}?" if close else f"known are {listed(FAMILIES, limit=40)}"
        what = f"unknown model_type {c.family!r}" if c.family else "the config has no model_type"
        raise DataError(compose(what, hint))
    found = FAMILIES[c.family](c)
    name = str(c.switch("_name_or_path", "")).rpartition("/")[2]
    basics = {"name": name or c.family, "layers": c.size("layers"), "width": c.size("width"), "vocab": c.size("vocab")}
    return Architecture(**{**basics, "heads": c.size("heads"), "max_seq_len": c.size("max_seq_len", 0), **found})


def _load(config: str | PathLike[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(config, Mapping):
        return config
    path = Path(config)
    path = path / "config.json" if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(compose(f"no file {str(path)!r}", "pass a config.json, its folder, or a dict")) from None
    except ValueError as error:
        raise DataError(f"{str(path)!r} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{str(path)!r} holds a {type(content).__name__}, expected a JSON object")
    return content


_BIASES = ("qkv_bias", "attention_out_bias", "mlp_bias")


def _biases(yes: bool) -> dict[str, Any]:
    return dict.fromkeys(_BIASES, yes)


def _gpt2(c: Config) -> dict[str, Any]:
    c.expect("add_cross_attention", False)
    return {
        **_biases(True),
        "mlp": "gelu",
        "norm": "layer",
        "mlp_width": c.size("mlp_width", 4 * c.size("width")),
        "positions": c.size("max_seq_len"),
        "tied": c.switch("tie_word_embeddings", True),
    }


def _llama(c: Config, *, kv_heads: int | None = None, tied: bool = False) -> dict[str, Any]:
    """Sizes that all relatives of Llama share."""
    c.expect("hidden_act", "silu")
    return {
        "kv_heads": c.size("kv_heads", kv_heads or c.size("heads")),
        "head_size": int(c.switch("head_dim", 0)) or 0,
        "mlp_width": c.size("mlp_width"),
        "tied": c.switch("tie_word_embeddings", tied),
        "qkv_bias": c.switch("attention_bias", False),
        "attention_out_bias": c.switch("attention_bias", False),
        "mlp_bias": c.switch("mlp_bias", False),
    }


def _windows(c: Config, default: int = 0) -> dict[str, Any]:
    """Read the layers with windowed attention: as listed, or all where only a window is given."""
    window = c.switch("sliding_window", default)
    kinds = c.get("layer_types")
    if kinds is not None:
        count = sum(kind == "sliding_attention" for kind in kinds)
        return {"window": window, "windowed_layers": count} if count else {}
    return {"window": window, "windowed_layers": c.size("layers")} if window else {}


def _mistral(c: Config) -> dict[str, Any]:
    return {**_llama(c, kv_heads=8), **_windows(c, 4096 if "sliding_window" not in c else 0)}


def _mixtral(c: Config) -> dict[str, Any]:
    experts = {"experts": c.size("experts", 8), "experts_per_token": c.size("experts_per_token", 2)}
    return {**_llama(c, kv_heads=8), **experts, "expert_width": c.size("mlp_width"), **_windows(c)}


def _qwen_windows(c: Config) -> dict[str, Any]:
    if not c.switch("use_sliding_window", False):
        return {}
    if "layer_types" in c:
        return _windows(c)
    layers = c.size("layers") - int(c.switch("max_window_layers", 28))
    return {"window": c.switch("sliding_window", 4096), "windowed_layers": max(layers, 0)}


def _qwen2(c: Config) -> dict[str, Any]:
    biases = {"qkv_bias": c.switch("qkv_bias", True), "attention_out_bias": False, "mlp_bias": False}
    return {**_llama(c, kv_heads=32), **biases, **_qwen_windows(c)}


def _qwen3(c: Config) -> dict[str, Any]:
    return {**_llama(c, kv_heads=32), "head_size": c.switch("head_dim", 128), "qk_norm": "head", **_qwen_windows(c)}


def _sparse(c: Config, experts: int, used: int, width: int) -> dict[str, Any]:
    """Experts in every layer, Qwen's names."""
    c.expect("decoder_sparse_step", 1)
    c.expect("mlp_only_layers", [])
    return {
        "experts": c.size("experts", experts),
        "experts_per_token": c.size("experts_per_token", used),
        "expert_width": c.size("expert_width", width),
    }


def _qwen2_moe(c: Config) -> dict[str, Any]:
    shared = {"shared_width": c.switch("shared_expert_intermediate_size", 5632), "shared_gate": True}
    base = {**_llama(c, kv_heads=16), "qkv_bias": c.switch("qkv_bias", True), "attention_out_bias": False}
    return {**base, **_sparse(c, 60, 4, 1408), **shared, **_qwen_windows(c)}


def _qwen3_moe(c: Config) -> dict[str, Any]:
    head = {"head_size": int(c.switch("head_dim", 0)) or 0, "qk_norm": "head"}
    return {**_llama(c, kv_heads=4), **head, **_sparse(c, 128, 8, 768), **_qwen_windows(c)}


def _olmoe(c: Config) -> dict[str, Any]:
    experts = {"experts": c.size("experts", 64), "experts_per_token": c.size("experts_per_token", 8)}
    return {**_llama(c), **experts, "expert_width": c.size("mlp_width"), "qk_norm": "full"}


def _olmo(c: Config) -> dict[str, Any]:
    return {**_llama(c), "norm": "none"}


def _olmo2(c: Config) -> dict[str, Any]:
    return {**_llama(c), "qk_norm": "full"}


def _gemma(c: Config) -> dict[str, Any]:
    for key in ("hidden_act", "hidden_activation"):
        c.expect(key, "gelu", "gelu_pytorch_tanh")
    kv = {"gemma": 16, "gemma2": 4, "gemma3_text": 4}[c.family]
    return {
        "kv_heads": c.size("kv_heads", kv),
        "head_size": c.switch("head_dim", 256),
        "mlp_width": c.size("mlp_width"),
        "mlp": "geglu",
        "tied": c.switch("tie_word_embeddings", True),
        "qkv_bias": c.switch("attention_bias", False),
        "attention_out_bias": c.switch("attention_bias", False),
    }


def _gemma2(c: Config) -> dict[str, Any]:
    layers = {} if c.get("layer_types") else {"windowed_layers": (c.size("layers") + 1) // 2}
    return {**_gemma(c), "norms_per_layer": 4, **_windows(c, 4096), **layers}


def _gemma3(c: Config) -> dict[str, Any]:
    every = int(c.switch("sliding_window_pattern", 6))
    n = c.size("layers")
    layers = {} if c.get("layer_types") else {"windowed_layers": n - n // every}
    return {**_gemma(c), "norms_per_layer": 4, "qk_norm": "head", **_windows(c, 4096), **layers}


def _deepseek(c: Config) -> dict[str, Any]:
    c.expect("hidden_act", "silu")
    c.expect("moe_layer_freq", 1)
    mla = Latent(
        query_rank=c.switch("q_lora_rank", 0),
        kv_rank=c.need("kv_lora_rank"),
        nope_size=c.need("qk_nope_head_dim"),
        rope_size=c.need("qk_rope_head_dim"),
        value_size=c.need("v_head_dim"),
    )
    width = c.size("expert_width")
    return {
        "mla": mla,
        "head_size": mla.value_size,
        "mlp_width": c.size("mlp_width"),
        "tied": c.switch("tie_word_embeddings", False),
        "experts": c.size("experts"),
        "experts_per_token": c.size("experts_per_token"),
        "expert_width": width,
        "shared_width": width * int(c.switch("n_shared_experts", 0)),
        "dense_layers": min(int(c.need("first_k_dense_replace")), c.size("layers")),
        "router_bias": c.family == "deepseek_v3",  # stored with the weights, though no gradient reaches it
    }


def _gpt_oss(c: Config) -> dict[str, Any]:
    base = _llama(c, kv_heads=8)
    n = c.size("layers")
    layers = {} if c.get("layer_types") else {"windowed_layers": (n + 1) // 2}
    bias = c.switch("attention_bias", True)
    return {
        **base,
        "head_size": c.switch("head_dim", 64),
        "qkv_bias": bias,
        "attention_out_bias": bias,
        "mlp_bias": True,
        "router_bias": True,
        "sinks": True,
        "experts": c.size("experts", 128),
        "experts_per_token": c.size("experts_per_token", 4),
        "expert_width": c.size("mlp_width"),
        **_windows(c, 128),
        **layers,
    }


def _falcon(c: Config) -> dict[str, Any]:
    new, parallel = c.switch("new_decoder_architecture", False), c.switch("parallel_attn", True)
    heads = c.size("heads")
    one = 1 if c.switch("multi_query", True) else heads
    kv = c.size("kv_heads", heads) if new else one
    norms = c.switch("num_ln_in_parallel_attn", 2) or 2 if new else 1 if parallel else 2
    return {
        **_biases(c.switch("bias", False)),
        "kv_heads": kv,
        "mlp": "gelu",
        "mlp_width": c.size("mlp_width", 4 * c.size("width")),
        "norm": "layer",
        "norms_per_layer": norms,
        "tied": c.switch("tie_word_embeddings", True),
    }


def _mpt(c: Config) -> dict[str, Any]:
    attention = c.switch("attn_config", {})
    for key, plain in (("attn_type", "multihead_attention"), ("qk_ln", False), ("prefix_lm", False)):
        Config({"model_type": "mpt", **attention}).expect(key, plain)
    c.expect("no_bias", True)
    alibi = attention.get("alibi", True)
    return {
        "mlp": "gelu",
        "mlp_width": int(c.switch("expansion_ratio", 4) * c.size("width")),
        "positions": 0 if alibi else c.size("max_seq_len"),
        "tied": c.switch("tie_word_embeddings", True),
    }


def _opt(c: Config) -> dict[str, Any]:
    c.expect("word_embed_proj_dim", c.size("width"))
    c.expect("do_layer_norm_before", True)
    c.expect("layer_norm_elementwise_affine", True)
    return {
        **_biases(c.switch("enable_bias", True)),
        "mlp": "relu",
        "mlp_width": c.size("mlp_width"),
        "norm": "layer",
        "outer_norms": 0 if c.switch("_remove_final_layer_norm", False) else 1,
        "positions": c.size("max_seq_len") + 2,  # its table starts with two rows that no position uses
        "tied": c.switch("tie_word_embeddings", True),
    }


def _bloom(c: Config) -> dict[str, Any]:
    return {
        **_biases(True),
        "mlp": "gelu",
        "mlp_width": 4 * c.size("width"),
        "norm": "layer",
        "outer_norms": 2,  # one after the embedding
        "tied": c.switch("tie_word_embeddings", True),
    }


def _phi(c: Config) -> dict[str, Any]:
    c.expect("qk_layernorm", False)
    return {
        **_biases(True),
        "kv_heads": c.size("kv_heads", c.size("heads")),
        "mlp": "gelu",
        "mlp_width": c.size("mlp_width"),
        "norm": "layer",
        "norms_per_layer": 1,
        "tied": c.switch("tie_word_embeddings", False),
        "output_bias": True,
    }


def _phi3(c: Config) -> dict[str, Any]:
    return {**_llama(c), **_windows(c), **_biases(False)}


FAMILIES: dict[str, Callable[[Config], dict[str, Any]]] = {
    "gpt2": _gpt2,
    "llama": _llama,
    "mistral": _mistral,
    "mixtral": _mixtral,
    "qwen2": _qwen2,
    "qwen2_moe": _qwen2_moe,
    "qwen3": _qwen3,
    "qwen3_moe": _qwen3_moe,
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3,
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "gpt_oss": _gpt_oss,
    "olmo": _olmo,
    "olmo2": _olmo2,
    "olmoe": _olmoe,
    "falcon": _falcon,
    "mpt": _mpt,
    "opt": _opt,
    "bloom": _bloom,
    "phi": _phi,
    "phi3": _phi3,
}
