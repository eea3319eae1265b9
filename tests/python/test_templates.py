"""Templates: published ladders come out again, sizes are met, and every shape divides over devices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isoflop as iso
from isoflop._templates import FAMILIES

#: family, parameters, layers, width, heads, key and value heads, inner width; from the papers and model cards.
PUBLISHED = [
    ("llama", 8_030_261_248, 32, 4096, 32, 8, 14336),  # arXiv:2407.21783, table 3
    ("llama", 70_553_706_496, 80, 8192, 64, 8, 28672),
    ("llama2", 6_738_415_616, 32, 4096, 32, 32, 11008),  # arXiv:2302.13971, table 2
    ("llama2", 13_015_864_320, 40, 5120, 40, 40, 13824),
    ("llama2", 65_285_660_672, 80, 8192, 64, 64, 22016),
    ("qwen", 8_190_735_360, 36, 4096, 32, 8, 12288),  # arXiv:2505.09388
    ("gpt", 174_604_259_328, 96, 12288, 96, 96, 49152),  # arXiv:2005.14165, table 2.1
    ("mixtral", 46_702_792_704, 32, 4096, 32, 8, 0),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0]}-{row[1]:.2g}")
def test_published_shapes_come_out_again(row):
    family, n, *shape = row
    found = iso.template(n, family)
    assert [found.layers, found.width, found.heads, found.kv_heads, found.mlp_width] == shape
    assert found.n_params == pytest.approx(n, rel=2e-4)


@pytest.mark.parametrize(
    ("family", "n", "layers", "width"),
    [("llama", 405_853_388_800, 126, 16384), ("llama", 3.213e9, 28, 3072), ("llama2", 32_528_943_616, 60, 6656),
     ("qwen", 14.768e9, 40, 5120), ("qwen", 4.022e9, 36, 2560), ("gpt", 1.3e9, 24, 2048), ("gpt", 125e6, 12, 768),
     ("deepseek", 671_026_419_200, 61, 7168)],
)  # fmt: skip
def test_other_published_shapes_are_close(family, n, layers, width):
    found = iso.template(n, family)
    assert found.n_params == pytest.approx(n, rel=0.02)
    assert found.width == pytest.approx(width, rel=0.21)
    assert found.layers == pytest.approx(layers, rel=0.22)


@given(st.floats(8.5, 12.5), st.sampled_from(["llama", "llama2", "qwen", "gpt"]))
@settings(max_examples=40, deadline=None)
def test_sizes_are_met_and_shapes_divide(power, family):
    found = iso.template(10.0**power, family)
    assert found.n_params == pytest.approx(10.0**power, rel=0.02)
    assert found.width % 128 == 0
    assert found.heads * found.head_size == found.width
    assert found.heads % found.kv_heads == 0
    assert found.layers % (4 if found.layers >= 32 else 2) == 0
    assert 20 < found.width / found.layers < 330
    assert found.mlp_width % 128 == 0


def test_what_N_counts_is_said():
    total, inner = iso.template(1e9, "qwen"), iso.template(1e9, "qwen", count="non_embedding")
    assert inner.n_non_embedding == pytest.approx(1e9, rel=0.02)
    assert inner.n_params > 1.1e9 > total.n_params
    active = iso.template(37.5e9, "deepseek", count="active")
    assert active.n_active_params == pytest.approx(37.5e9, rel=0.05)
    assert active.n_params > 4e11


def test_a_model_of_ones_own_is_a_family():
    own = iso.Architecture(layers=24, width=2048, heads=16, kv_heads=4, mlp_width=5632, vocab=50304, name="ours")
    assert iso.template(own.n_params, own).layers == 24
    large = iso.template(2e10, own)
    assert large.kv_heads == 4
    assert large.name.startswith("ours 2")
    assert large.mlp_width / large.width == pytest.approx(2.75, rel=0.12)


def test_embeddings_are_tied_where_they_weigh_much():
    assert [iso.template(n).tied for n in (1e9, 3e9, 8e9, 70e9)] == [True, True, False, False]


def test_the_tables_models_count_as_published():
    exact = {"llama": 8_030_261_248, "llama2": 6_738_415_616, "qwen": 8_190_735_360, "deepseek": 671_026_419_200}
    assert {name: FAMILIES[name].n_params for name in exact} == exact


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("llama", 1e6), ["no model of 1e+06 parameters", "the nearest has 8"]),
        (("lama", 1e9), ["unknown family 'lama'", "did you mean 'llama'"]),
        (("llama", -1.0), ["N is -1.0, expected a positive"]),
        (("llama", np.nan), ["N is nan"]),
    ],
)
def test_bad_input(words, texts):
    with pytest.raises(iso.DataError) as caught:
        iso.template(words[1], words[0])
    assert all(text in str(caught.value) for text in texts)
    with pytest.raises(iso.DataError, match="count is 'all'"):
        iso.template(1e9, count="all")
