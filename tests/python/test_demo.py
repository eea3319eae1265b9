"""The demo: runs that are ours and can be made again, a forecast near the truth, a picture, no network."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest

import isoflop as iso
from isoflop import _demo
from isoflop.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("the demo opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)


def test_the_table_is_what_the_project_simulates(tmp_path):
    _demo.make_table().write_csv(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == _demo.PATH.read_text()


def test_the_card_says_that_the_runs_are_simulated():
    assert "**Simulated, not measured.**" in _demo.PATH.with_suffix(".md").read_text(encoding="utf-8")


def test_the_table_is_a_design_of_ten_budgets():
    runs = _demo.demo_runs()
    assert runs.n_rows == 120
    assert runs.variable("C") == pytest.approx(6 * runs.variable("N") * runs.variable("D"), rel=1e-6)
    assert len(np.unique(runs.variable("C").round(-16))) == 10


def test_the_fit_finds_what_is_true():
    fit, truth = _demo.demo_fit(_demo.demo_runs()), iso.laws.chinchilla.published[_demo.TRUTH].params
    for name in ("E", "alpha", "beta"):
        assert abs(fit.params[name] - truth[name]) < 3 * fit.standard_error[name]


def test_the_demo_prints_every_step_and_draws(tmp_path, capsys):
    assert main(["demo", "--bootstrap", "2000"]) == 0
    text = capsys.readouterr().out
    for step in ("1. Runs", "2. Fit", "3. Bootstrap", "4. Forecast", "5. Picture"):
        assert step in text
    assert "2,000 refits in" in text
    assert "95 % band, mean curve" in text
    assert "95 % band, new run" in text
    picture = tmp_path / "isoflop-demo.png"
    assert str(picture) in text
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_forecast_is_that_of_the_api_and_holds_the_truth(capsys):
    assert main(["demo", "--bootstrap", "2000", "--seed", "1", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    boot = _demo.demo_fit(_demo.demo_runs()).bootstrap(2000, rng=1)
    at = out["forecast"]
    mean = boot.band(N=at["N"], D=at["D"]).row(0, named=True)
    assert (at["loss"], at["mean_low"], at["mean_high"]) == (mean["estimate"], mean["low"], mean["high"])
    assert at["mean_low"] < at["truth"] < at["mean_high"]
    assert at["C"] == pytest.approx(3e22, rel=1e-6)
    assert out["bootstrap"]["n_resamples"] == 2000
