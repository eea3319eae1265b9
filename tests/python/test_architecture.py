"""Parameter counts and FLOPs against published numbers, to the last digit where one is printed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import isoflop as iso

GPT = {"mlp": "gelu", "norm": "layer", "tied": True, "qkv_bias": True, "attention_out_bias": True, "mlp_bias": True}


def gpt(layers, width, heads, *, vocab=50257, positions=1024, **more):
    return iso.Architecture(
        layers=layers, width=width, heads=heads, vocab=vocab, positions=positions, **{**GPT, **more}
    )


def llama(layers, width, heads, mlp_width, *, kv_heads=8, vocab=128256, **more):
    return iso.Architecture(
        layers=layers, width=width, heads=heads, mlp_width=mlp_width, kv_heads=kv_heads, vocab=vocab, **more
    )


def deepseek_v3(**more):
    latent = iso.Latent(kv_rank=512, query_rank=1536, nope_size=128, rope_size=64, value_size=128)
    return iso.Architecture(
        layers=61, width=7168, heads=128, vocab=129280, mlp_width=18432, experts=256, experts_per_token=8,
        expert_width=2048, shared_width=2048, dense_layers=3, mla=latent, router_bias=True, **more,
    )  # fmt: skip


GPT3 = gpt(96, 12288, 96, positions=2048)
#: Model, total parameters. Sources: model cards and public code (see the references of each family).
EXACT = [
    (gpt(12, 768, 12), 124_439_808),
    (gpt(24, 1024, 16), 354_823_168),
    (gpt(36, 1280, 20), 774_030_080),
    (gpt(48, 1600, 25), 1_557_611_200),
    (GPT3, 174_604_259_328),
    (gpt(96, 12288, 96, positions=2048, vocab=51200), 174_615_846_912),
    (gpt(32, 4096, 32, positions=2048, vocab=50368), 6_658_859_008),  # MPT 7b; its table
    (gpt(12, 768, 12, positions=2048, vocab=50368), 125_311_488),
    (llama(32, 4096, 32, 11008, kv_heads=32, vocab=32000), 6_738_415_616),
    (llama(40, 5120, 40, 13824, kv_heads=40, vocab=32000), 13_015_864_320),
    (llama(60, 6656, 52, 17920, kv_heads=52, vocab=32000), 32_528_943_616),
    (llama(80, 8192, 64, 22016, kv_heads=64, vocab=32000), 65_285_660_672),
    (llama(80, 8192, 64, 28672, vocab=32000), 68_976_648_192),
    (llama(32, 4096, 32, 14336), 8_030_261_248),
    (llama(80, 8192, 64, 28672), 70_553_706_496),
    (llama(126, 16384, 128, 53248), 405_853_388_800),
    (llama(16, 2048, 32, 8192, tied=True), 1_235_814_400),
    (llama(28, 3072, 24, 8192, tied=True), 3_212_749_824),
    (llama(32, 4096, 32, 14336, vocab=32000), 7_241_732_096),
    (llama(28, 1024, 16, 3072, vocab=151936, head_size=128, tied=True, qk_norm="head"), 596_049_920),
    (deepseek_v3(), 671_026_419_200),
]
#: Model, total and active parameters.
MIXTURES = [
    (llama(32, 4096, 32, 0, vocab=32000, experts=8, experts_per_token=2, expert_width=14336),
     46_702_792_704, 12_879_925_248),
    (llama(56, 6144, 48, 0, vocab=32768, experts=8, experts_per_token=2, expert_width=16384), 140_630_071_296, 39.16e9),
    (llama(48, 2048, 32, 0, kv_heads=4, vocab=151936, head_size=128, qk_norm="head", experts=128,
           experts_per_token=8, expert_width=768), 30_532_122_624, 3.353e9),
    (llama(94, 4096, 64, 0, kv_heads=4, vocab=151936, head_size=128, qk_norm="head", experts=128,
           experts_per_token=8, expert_width=1536), 235_093_634_560, 22.19e9),
    (deepseek_v3(), 671_026_419_200, 37.55e9),
]  # fmt: skip


@pytest.mark.parametrize(("model", "total"), EXACT, ids=[str(n) for _, n in EXACT])
def test_published_counts(model, total):
    assert model.n_params == total
    parts = model.parameters
    n_moe = model.layers - model.dense_count
    blocks = model.dense_count * parts["dense_block"]["total"] + n_moe * parts["moe_block"]["total"]
    assert blocks == parts["blocks"]
    outside = sum(parts[name] for name in ("embedding", "positions", "output", "outer_norms"))
    assert blocks + outside == total


@pytest.mark.parametrize(("model", "total", "active"), MIXTURES, ids=[str(n) for _, n, _ in MIXTURES])
def test_published_mixtures(model, total, active):
    assert model.n_params == total
    assert model.n_active_params == (active if isinstance(active, int) else pytest.approx(active, rel=2e-4))


def test_megatron_2021_table_1():
    published = [1.65, 3.56, 7.47, 18.45, 39.10, 76.05, 145.62, 310.13, 529.60, 1008.04]  # billions
    shapes = [(24, 2304), (30, 3072), (36, 4096), (40, 6144), (48, 8192), (60, 10240), (80, 12288), (96, 16384),
              (105, 20480), (128, 25600)]  # fmt: skip
    for (layers, width), billions in zip(shapes, published, strict=True):
        model = gpt(layers, width, 16, vocab=51200, positions=2048)
        assert round(model.n_params / 1e9, 2) == pytest.approx(billions, abs=0.011), width


def test_palm_540b():
    palm = iso.Architecture(
        layers=118, width=18432, heads=48, kv_heads=1, head_size=256, mlp_width=73728, vocab=256000, tied=True,
        norm="none",
    )  # fmt: skip
    assert palm.n_params / 1e9 == pytest.approx(540.35, abs=0.005)
    rate, peak = 238.3e3, 6144 * 275e12
    assert 100 * rate * palm.flops_per_token(2048, convention="palm") / peak == pytest.approx(46.2, abs=0.05)
    assert 100 * rate * palm.flops_per_token(2048, convention="6N") / peak == pytest.approx(45.7, abs=0.06)


def test_published_compute():
    assert GPT3.flops_per_token(2048, convention="6N") * 300e9 == pytest.approx(3.143e23, rel=1e-3)
    big = llama(126, 16384, 128, 53248)
    assert big.flops_per_token(8192, convention="6N") * 15.6e12 == pytest.approx(3.799e25, rel=1e-3)


def test_gpt2_conventions():
    small = gpt(12, 768, 12)
    assert small.flops_per_token(1024, convention="palm") == 859_885_056
    assert small.flops_per_token(1024, convention="nanogpt") == 855_166_464
    context = 6 * 12 * 1024 * 768
    assert small.flops_per_token(1024, convention="kaplan") == 6 * 84_934_656 + context
    assert GPT3.flops_per_token(2048, convention="kaplan") == 6 * 173_946_175_488 + 6 * 96 * 2048 * 12288


@pytest.mark.parametrize(
    ("layers", "width", "heads", "batch", "step", "devices", "mfu", "hfu"),
    [
        (48, 6144, 64, 4, 1.10, 8, 41.5, 43.7),
        (96, 12288, 96, 64, 13.75, 64, 51.4, 52.8),
        (105, 20480, 128, 280, 37.83, 280, 56.0, 57.0),
        (128, 25600, 160, 512, 71.49, 512, 56.3, 57.0),
    ],
)
def test_korthikanti_table_5(layers, width, heads, batch, step, devices, mfu, hfu):
    model = gpt(layers, width, heads, vocab=51200, positions=2048)
    per_second = batch * 2048 / step / devices / 312e12
    assert 100 * per_second * model.flops_per_token(2048, convention="megatron") == pytest.approx(mfu, abs=0.35)
    assert 100 * per_second * model.flops_per_token(2048, convention="korthikanti_hw") == pytest.approx(hfu, abs=0.35)


def test_megatron_equations():
    model = gpt(96, 12288, 96, vocab=51200, positions=2048)
    tokens, layers, s, h, v = 64 * 2048, 96, 2048, 12288, 51200
    plain = 72 * tokens * layers * h**2 * (1 + s / (6 * h) + v / (12 * layers * h))
    again = 96 * tokens * layers * h**2 * (1 + s / (6 * h) + v / (16 * layers * h))
    assert plain == pytest.approx(1.41092e17, rel=1e-5)
    assert tokens * model.flops_per_token(s, convention="megatron") == pytest.approx(plain, rel=1e-12)
    assert tokens * model.flops_per_token(s, convention="megatron", recompute="full") == pytest.approx(again, rel=1e-12)


def test_chinchilla_table_a4():
    """The printed ratios come out with one more h² per layer (a relative-position projection) and no logits."""
    published = {(10, 640, 10, 64): 1.03, (20, 1024, 16, 64): 1.10, (24, 1280, 10, 128): 1.08,
                 (26, 1792, 14, 128): 1.04, (28, 2048, 16, 128): 1.03, (40, 3584, 28, 128): 0.99}  # fmt: skip
    for (layers, width, heads, head_size), ratio in published.items():
        model = iso.Architecture(
            layers=layers, width=width, heads=heads, head_size=head_size, vocab=32000, mlp="gelu", norm="none"
        )
        n = layers * (5 * width**2 + 8 * width**2) + 32000 * width
        own = model.flops_per_token(2048, convention="chinchilla_a4")
        assert own / (6 * n) == pytest.approx(ratio, abs=0.011), width
        with_ends = model.flops_per_token(2048, convention="chinchilla")
        assert with_ends - own == 3 * 4 * 32000 * width


def test_megatron_bridge_counts():
    """Rows that print both TFLOP/s and tokens/s (Megatron-Bridge performance summary, 25.11 and 26.06)."""
    model = llama(126, 16384, 128, 53248)
    assert 1048 * model.flops_per_token(8192, convention="nemo") / 1e12 == pytest.approx(2646, rel=0.005)
    assert 33024 * llama(32, 4096, 32, 14336).flops_per_token(8192, convention="nemo") / 1e12 > 1600


def test_converts_between_conventions():
    model = llama(80, 8192, 64, 28672)
    there = iso.convert_mfu(0.4, model, 8192, given="nemo", wanted="palm")
    assert iso.convert_mfu(there, model, 8192, given="palm", wanted="nemo") == pytest.approx(0.4, rel=1e-12)
    assert there > 0.4  # the full square counts more


def test_window_span_is_the_mean_over_positions():
    s, w = 100, 16
    model = llama(4, 64, 4, 128, kv_heads=4, vocab=100, window=w, windowed_layers=4)
    mean = np.mean([min(i, w) for i in range(1, s + 1)])
    assert model.forward_flops(s)["scores"] == pytest.approx(4 * 4 * 64 * mean, rel=1e-12)


@pytest.mark.parametrize(
    ("model", "bytes_per_token"),
    [
        (llama(32, 4096, 32, 11008, kv_heads=32, vocab=32000), 524_288),
        (llama(32, 4096, 32, 14336), 131_072),
        (llama(80, 8192, 64, 28672), 327_680),
        (llama(126, 16384, 128, 53248), 516_096),
        (GPT3, 4_718_592),
        (deepseek_v3(), 70_272),
    ],
)
def test_kv_bytes(model, bytes_per_token):
    assert model.kv_bytes_per_token() == bytes_per_token


# -- many at once


sizes = st.tuples(st.integers(1, 200), st.integers(1, 16), st.integers(1, 8), st.integers(1, 64), st.integers(1, 90000))


@given(st.lists(sizes, min_size=1, max_size=8), st.sampled_from(["exact", "palm", "nemo", "mosaic", "6N"]))
def test_columns_give_what_single_models_give(rows, convention):
    layers, kv, group, size, vocab = (np.array(c) for c in zip(*rows, strict=True))
    heads = kv * group
    columns = {"layers": layers, "width": heads * size, "heads": heads, "kv_heads": kv, "mlp_width": 3 * heads * size,
               "vocab": vocab}  # fmt: skip
    counts = iso.transformer_params(**columns)
    flops = iso.transformer_flops(**columns, seq_len=512, convention=convention)
    for i in range(len(rows)):
        one = iso.Architecture(**{name: int(column[i]) for name, column in columns.items()})
        assert counts["total"][i] == one.n_params
        assert counts["non_embedding"][i] == one.n_non_embedding
        assert flops[i] == one.flops_per_token(512, convention=convention)


@given(st.lists(sizes, min_size=1, max_size=8), st.booleans())
def test_one_pass_gives_what_two_give(rows, experts):
    layers, kv, group, size, vocab = (np.array(c) for c in zip(*rows, strict=True))
    columns = {"layers": layers, "width": kv * group * size, "heads": kv * group, "kv_heads": kv, "vocab": vocab}
    columns |= {"mlp_width": 3 * size}
    if experts:
        columns |= {"experts": 8 * kv, "experts_per_token": 2, "expert_width": size}
    both = iso.transformer_counts(**columns, seq_len=640, convention="nemo", recompute="full")
    assert np.array_equal(
        both.pop("flops"), iso.transformer_flops(**columns, seq_len=640, convention="nemo", recompute="full")
    )
    counts = iso.transformer_params(**columns)
    assert list(both) == list(counts)
    assert all(np.array_equal(both[name], counts[name]) for name in counts)


def test_columns_broadcast_and_follow():
    counts = iso.transformer_params(layers=np.arange(1, 4)[:, None], width=[64, 128], heads=4, vocab=1000, mlp="gelu")
    assert counts["total"].shape == (3, 2)
    one = iso.Architecture(layers=2, width=128, heads=4, vocab=1000, mlp="gelu")
    assert counts["total"][1, 1] == one.n_params


# -- what is refused


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"layers": 0}, "layers is 0, expected a whole number of at least 1"),
        ({"width": -8}, "width is -8"),
        ({"layers": 2.5}, "layers is 2.5"),
        ({"heads": 5}, "width is 64, expected a multiple of heads"),
        ({"kv_heads": 3}, "heads is 4, expected a multiple of kv_heads (3)"),
        ({"mlp_width": 0}, "mlp_width is missing for a swiglu MLP"),
        ({"mlp": "silu"}, "mlp is 'silu', expected one of"),
        (
            {"experts": 4, "experts_per_token": 5, "expert_width": 8},
            "experts_per_token is 5, expected 1 to experts (4)",
        ),
        ({"experts": 4, "experts_per_token": 1}, "expert_width is missing"),
        ({"windowed_layers": 1}, "window is missing"),
        ({"windowed_layers": 9, "window": 4}, "windowed_layers is 9, expected at most layers"),
        ({"layers": 2**40, "width": 2**30}, "parameters, expected at most 9.2e18"),
    ],
)
def test_bad_sizes_are_named(change, text):
    with pytest.raises(iso.DataError) as caught:
        iso.Architecture(**{"layers": 2, "width": 64, "heads": 4, "vocab": 100, "mlp_width": 128, **change})
    assert text in str(caught.value)


def test_bad_columns_are_named():
    good = {"layers": [2, 3], "width": 64, "heads": 4, "vocab": 100, "mlp_width": 128}
    with pytest.raises(iso.DataError, match="row 1: layers is 0"):
        iso.transformer_params(**{**good, "layers": [2, 0]})
    far = np.full(20_000, 64)
    far[15_000] = 63
    with pytest.raises(iso.DataError, match="row 15000: width is 63, expected a multiple of heads"):
        iso.transformer_params(**{**good, "layers": 2, "width": far})
    with pytest.raises(iso.DataError, match="do not broadcast"):
        iso.transformer_params(**{**good, "width": [64, 64, 64]})
    with pytest.raises(iso.DataError, match="whole numbers"):
        iso.transformer_params(**{**good, "width": [64.5, 64]})
    with pytest.raises(iso.DataError, match="unknown convention 'chinchila'"):
        iso.transformer_flops(**good, seq_len=10, convention="chinchila")


def test_reads_files_and_folders(tmp_path):
    config = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
              "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    for source in (tmp_path, tmp_path / "config.json", str(tmp_path), config):
        assert iso.Architecture.from_hf(source).n_params == 8_030_261_248


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model_type": "lama"}, "did you mean 'llama'?"),
        ({"model_type": None}, "unknown model_type"),
        ({"hidden_size": None}, "the llama config has no width\n\nHint: looked for 'hidden_size', 'n_embd'"),
        ({"hidden_act": "quick_gelu"}, "hidden_act is 'quick_gelu' in the llama config"),
    ],
)
def test_configs_that_are_not_understood_are_refused(change, text):
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
              "intermediate_size": 128, "vocab_size": 100, **change}  # fmt: skip
    with pytest.raises(iso.DataError) as caught:
        iso.Architecture.from_hf(config)
    assert text in str(caught.value)


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(iso.DataError, match="no file"):
        iso.Architecture.from_hf(tmp_path / "none.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(iso.DataError, match="is not JSON"):
        iso.Architecture.from_hf(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(iso.DataError, match="expected a JSON object"):
        iso.Architecture.from_hf(tmp_path)


def test_sizes_beyond_a_word_are_refused():
    with pytest.raises(iso.DataError, match=r"head_size is 9223372036854775808, expected less than 2\*\*60"):
        iso.Architecture(layers=2, width=64, heads=1, mlp_width=128, vocab=10, head_size=2**63)
