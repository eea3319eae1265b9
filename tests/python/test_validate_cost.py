"""`isoflop cost` and `isoflop validate-cost`, and what the calibration promises on measured steps."""

from __future__ import annotations

import csv
import json

import pytest

import isoflop as iso
from isoflop._measured import NotExpressedError, read_row
from isoflop.cli import main

CONFIG = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
          "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
          "max_position_embeddings": 131072}  # fmt: skip
ROW = {"source_id": "mine", "model": "8B", "arch": "llama", "n_layers": "32", "d_model": "4096", "n_heads": "32",
       "n_kv_heads": "8", "head_dim": "128", "d_ff": "14336", "vocab": "128256", "ffn_type": "swiglu",
       "seq_len": "8192", "accelerator": "H100-SXM-80GB", "n_devices": "64", "tp": "2", "pp": "1",
       "zero_stage": "1", "micro_batch": "1", "global_batch": "256", "precision": "bf16", "recompute": "full",
       "sequence_parallel": "1", "flash_attn": "1", "step_time_s": "4.0", "peak_mem_gib": "30"}  # fmt: skip


def written(path, rows):
    """Write rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return str(path)


def run(capsys, *words):
    """Return the exit code, stdout and stderr of a command."""
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_cost_prints_json_and_text(config, capsys):
    words = ["cost", "--hf", config, "--tokens", "15e12", "--gpu", "H100-SXM", "--count", "256"]
    code, out, _ = run(capsys, *words, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["model"]["n_params"] == 8_030_261_248
    assert found["cluster"] == {"accelerator": "H100-SXM-80GB", "count": 256}
    for name in ("step_time_s", "days", "usd", "mfu", "energy_kwh"):
        assert found["low"][name] < found[name] < found["high"][name]
    code, out, _ = run(capsys, *words, "--no-json", "--layout", "tp=2,zero=1,micro=1,recompute=full", "--batch", "512")
    assert code == 0
    assert "tp 2, pp 1" in out
    assert "GiB" in out


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--gpu", "H100-SMX"], "nearest are 'H100-SXM'"),
        (["--layout", "tp=2,qq=1"], "--layout has 'qq=1'"),
        (["--layout", "tp=two"], "expected a whole number"),
        (["--hf", "nowhere.json"], "no file 'nowhere.json'"),
    ],
)
def test_cost_names_what_is_wrong(config, capsys, change, text):
    options = {"--hf": config, "--tokens": "1e12", "--gpu": "H100", "--count": "8", change[0]: change[1]}
    code, _, err = run(capsys, "cost", *(word for option in options.items() for word in option))
    assert code == 1
    assert text in err


def test_validate_reports_what_it_could_and_could_not(tmp_path, capsys):
    odd = [{"tp": ""}, {"accelerator": "Abacus"}, {"accelerator": "A100", "precision": "fp8"}, {"n_layers": "many"},
           {"n_heads": "30"}]  # fmt: skip
    rows = [ROW, {**ROW, "step_time_s": ""}, *({**ROW, **change} for change in odd)]
    code, out, _ = run(capsys, "validate-cost", written(tmp_path / "rows.csv", rows), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["step_time"]["n"] == 1
    assert found["memory"]["n"] == 2
    assert set(found["step_time"]) == {"n", "mape", "median_ape", "coverage_80"}
    assert set(found["memory"]) == {"n", "mape", "median_ape"}
    assert found["sources"]["mine"]["step_time"] == found["step_time"]
    assert found["not_expressed"] == {
        "tp not stated": 1,
        "unknown accelerator 'Abacus'": 1,
        "A100-SXM-80GB has no fp8": 1,
        "could not convert string to float: 'many'": 1,
        "heads is 30, expected a multiple of kv_heads (8)": 1,
    }
    code, out, _ = run(capsys, "validate-cost", written(tmp_path / "rows.csv", rows), "--no-json")
    assert "not expressed: 1 (tp not stated)" in out


def test_validate_error_is_that_of_the_prediction(tmp_path):
    found = iso.validate_cost(written(tmp_path / "rows.csv", [ROW]))
    arch = iso.Architecture.from_hf(CONFIG)
    layout = iso.Layout(tp=2, recompute="full")
    cost = iso.training_cost(arch, 1e12, iso.Cluster("H100", 64), layout, seq_len=8192, batch=256)
    assert found.step_time_s[0] == pytest.approx(cost.step_time_s, rel=1e-12)
    figures = found.to_dict()["step_time"]
    assert figures["mape"] == pytest.approx(100 * abs(cost.step_time_s / 4.0 - 1))
    assert figures["coverage_80"] == float(cost.low["step_time_s"] <= 4.0 <= cost.high["step_time_s"])


def test_the_measured_time_is_never_looked_at(tmp_path):
    found = [
        iso.validate_cost(written(tmp_path / "rows.csv", [{**ROW, "step_time_s": t, "recompute": "unstated"}]))
        for t in ("4.0", "400.0")
    ]
    assert found[0].step_time_s[0] == found[1].step_time_s[0]


def test_validate_refuses_other_tables(tmp_path, capsys):
    code, _, err = run(capsys, "validate-cost", written(tmp_path / "rows.csv", [{"a": "1"}]))
    assert code == 1
    assert "has no column 'n_layers'" in err
    code, _, err = run(capsys, "validate-cost", str(tmp_path / "none.csv"))
    assert code == 1


@pytest.mark.parametrize("name", ["n_layers", "global_batch", "precision", "n_devices"])
def test_rows_that_are_not_complete_are_not_guessed(name):
    with pytest.raises(NotExpressedError, match=f"{name} not stated"):
        read_row({**ROW, name: ""})


def test_figures_on_the_measured_steps(shared):
    """With the shipped constants; what they promise on rows not seen is measured by benches/python/calibrate.py."""
    found = iso.validate_cost(shared.parent / "science" / "measured_training.csv").to_dict()
    assert found["step_time"]["n"] > 500
    assert found["step_time"]["mape"] < 10
    assert found["step_time"]["median_ape"] < 6
    assert found["step_time"]["coverage_80"] > 0.75
