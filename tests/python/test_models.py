"""Every kind of model goes through every decision; results are frozen, pickle, and go to JSON and to frames."""

from __future__ import annotations

import dataclasses
import json
import pickle

import narwhals.stable.v2 as nw
import numpy as np
import pytest
from matplotlib.figure import Figure

import isoflop as iso

BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
GRID = {"N": np.tile(np.geomspace(5e7, 5e9, 6), 6), "D": np.repeat(np.geomspace(1e9, 3e11, 6), 6)}
CLUSTER = iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5)
KINDS = ("fit", "bootstrap", "forecaster", "published", "pair")


@pytest.fixture(scope="module")
def table():
    runs = iso.simulate("chinchilla", GRID, params="epoch2024", noise=0.005, rng=0)
    return {"N": GRID["N"], "D": GRID["D"], "loss": runs.loss}


@pytest.fixture(scope="module")
def models(table):
    fit = iso.fit(table, "chinchilla")
    published = iso.laws.get("chinchilla").published["epoch2024"]
    kinds = (fit, fit.bootstrap(200, rng=0), iso.forecaster(table), published, ("chinchilla", BESIROGLU))
    return dict(zip(KINDS, kinds, strict=True))


@pytest.fixture(scope="module", params=KINDS)
def results(request, models):
    """Return what every decision makes of one kind of model."""
    model = models[request.param]
    noise = {"sigma": 0.005} if request.param in ("published", "pair") else {}
    return [
        iso.compute_optimal(model, C=1e22),
        iso.compute_optimal(model, usd=[1e5, 1e6], cluster=CLUSTER),
        iso.plan(model, cluster=CLUSTER, usd=1e6),
        iso.plan_runs(model, budget=1e21, target_C=1e23, k=8, **noise),
    ]


def test_results_go_to_json_without_numbers_that_json_lacks(results):
    for result in results:
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert '"nan"' not in text


def test_results_pickle_and_cannot_be_changed(results):
    for result in results:
        assert repr(pickle.loads(pickle.dumps(result))) == repr(result)
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.notes = ()


def test_results_fit_a_screen(results):
    for result in results:
        assert max(map(len, result.summary().splitlines())) <= 125
        assert len(repr(result).splitlines()) <= 40


@pytest.mark.parametrize("kind", KINDS)
def test_surfaces_draw_every_kind_of_model(models, kind):
    axes = Figure().subplots(1, 2)
    iso.plot.valleys(models[kind], budgets=[1e20, 1e21], ax=axes[0])
    iso.plot.contours(models[kind], ax=axes[1], **({} if kind in KINDS[:3] else {"N": (1e8, 1e10), "D": (1e9, 1e12)}))
    assert all(ax.get_lines() or ax.collections for ax in axes)


def test_a_pair_is_planned_as_published_values_of_the_law(models):
    law, params = models["pair"]
    own = iso.Published(params, law=iso.laws.get(law))
    pair, published = (iso.plan(model, cluster=CLUSTER, usd=1e6) for model in (models["pair"], own))
    assert pair.to_dict() == published.to_dict()


@pytest.mark.parametrize("backend", ["polars", "pandas", "pyarrow"])
def test_frames_are_of_the_kind_that_went_in(table, backend):
    frame = nw.from_dict(table, backend=backend).to_native()
    fit = iso.fit(frame, "chinchilla")
    made = iso.plan_runs(fit, budget=1e21, target_C=1e23, k=4)
    given = iso.plan_runs(iso.Runs(frame), budget=1e21, target_C=1e23, k=4)
    frames = [
        iso.compute_optimal(fit, C=[1e21, 1e22]).to_frame(),
        iso.plan(fit, cluster=CLUSTER, usd=1e6, n_resamples=50).to_frame(),
        *(one for plan in (made, given) for one in (plan.runs, plan.expected)),
    ]
    assert {str(nw.from_native(one).implementation.value) for one in frames} == {backend}


def test_tasks_go_to_json(table):
    scores = {**table, "acc": 1 / (1 + np.exp(3 * (table["loss"] - 2.8)))}
    found = iso.downstream(scores, metric="acc", n_resamples=50)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["tasks"]["acc"]["params"] == dict(found.steps["acc"].second.fit.params)
    assert content["tasks"]["acc"]["explained"] == found.looseness["acc"].explained
    assert content["loss"]["law"] == "E + A / N**alpha + B / D**beta"
