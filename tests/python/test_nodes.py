"""Nodes that formulas name like functions: the implicit law M4 and functionals of learning-rate schedules."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.optimize import brentq

import isoflop as iso

from .helpers import run_python

M4 = iso.Law("implicit_m4(E_inf, E_0, alpha, log(beta) - c * log(X))", variables=("X",))
ANNEAL = iso.Law("L0 + A * lr_sum(lr)**-alpha - C * anneal(lr, lam)", schedules=("lr",), unit=("lam",))
MULTI_POWER = iso.Law("L0 + A * (lr_sum(lr) + S_W)**-alpha - B * multi_power(lr, C, beta, gamma)", schedules=("lr",))
AT = {"E_inf": 0.12, "E_0": 0.95, "beta": 7.5, "c": 0.35}
#: 100M model of Luo et al. 2025 (2503.12811).
LUO = {"L0": 2.651, "A": 0.601, "alpha": 0.453, "B": 437.946, "C": 2.132, "beta": 0.598, "gamma": 0.655, "S_W": 0.324}
STEPS = 600


def curves() -> dict[str, np.ndarray]:
    """Return a cosine, a two-stage and a constant schedule."""
    step = np.arange(STEPS)
    cosine = 3e-5 + 1.35e-4 * (1 + np.cos(np.pi * step / STEPS))
    return {"cosine": cosine, "stages": np.where(step < 400, 3e-4, 1e-4), "constant": np.full(STEPS, 3e-4)}


def rows() -> list[np.ndarray]:
    """Return schedules up to 60 points of the three curves."""
    return [curve[:length] for curve in curves().values() for length in range(30, STEPS + 1, 30)]


# -- the implicit law


@pytest.mark.parametrize(
    ("alpha", "x", "expected"),
    [  # law_vectors.csv, m4-1 to m4-8: 60 digits, rounded
        (0.5, 1e2, 0.76450558355248570),
        (0.5, 1e4, 0.35107255687457556),
        (1.0, 1e2, 0.61752745494000323),
        (1.0, 1e4, 0.31084048849362024),
        (2.0, 1e2, 0.46786101569258459),
        (2.0, 1e4, 0.26152602747876948),
    ],
)
def test_m4_is_the_root(alpha, x, expected):
    assert M4.predict({**AT, "alpha": alpha}, X=x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("alpha", [0.4, 0.7, 3.0, 20.0])
def test_m4_agrees_with_brent(alpha):
    x = np.geomspace(1, 1e8, 17)
    found = M4.predict({**AT, "alpha": alpha}, X=x)
    low, high = AT["E_inf"], AT["E_0"]
    for e, value in zip(found, x, strict=True):
        right = np.log(AT["beta"]) - AT["c"] * np.log(value)
        root = brentq(
            lambda e, right=right: np.log(e - low) - alpha * np.log(high - e) - right,
            low + 1e-13,
            high - 1e-13,
            xtol=1e-15,
            rtol=1e-14,
        )
        assert e == pytest.approx(root, rel=1e-12)


def test_m4_is_found_by_the_search_and_refitted():
    x = np.geomspace(1, 1e5, 60)
    truth = {**AT, "alpha": 0.5}
    exact = iso.fit(iso.simulate(M4, {"X": x}, params=truth, noise=0.0), M4)
    assert exact.success
    assert exact.params == pytest.approx(truth, rel=1e-6)
    noisy = iso.fit(iso.simulate(M4, {"X": x}, params=truth, noise=0.003), M4)
    near = iso.fit(noisy.to_frame(), M4, starts=[truth])
    assert noisy.objective <= near.objective * (1 + 1e-9)
    boot = noisy.bootstrap(50)
    assert boot.n_failed == 0
    assert np.allclose(boot.predict(X=[10.0])[3], M4.predict(dict(zip(boot.names, boot.draws[3], strict=True)), X=10.0))


def test_m4_without_a_range_is_no_number():
    """Where E_0 lies below E_inf there is no root."""
    assert np.isnan(M4.predict({**AT, "alpha": 1.0, "E_0": 0.1}, X=10.0))


# -- functionals of schedules


DECAY = [1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]


@pytest.mark.parametrize(
    ("lr", "lam", "s1", "s2", "loss"),
    [  # law_vectors.csv, lr_annealing-1, -2 and -4
        (DECAY, 0.99, 6.0, 1.9800998, 2.0874144424626241),
        ([1.0] * 6, 0.99, 6.0, 0.0, 2.7804493724626241),
        (DECAY, 0.999, 6.0, 1.9980009998, 2.0811490225326241),
    ],
)
def test_annealing_vectors(lr, lam, s1, s2, loss):
    at = {"L0": 2.6, "A": 0.45, "C": 0.35, "alpha": 0.51, "lam": lam}
    assert ANNEAL.predict(at, lr=lr) == pytest.approx(loss, rel=1e-12)
    one = iso.Law("anneal(lr, lam)", schedules=("lr",), scale="linear")
    assert one.predict({"lam": lam}, lr=lr) == pytest.approx(s2, rel=1e-12, abs=0)
    total = iso.Law("a * lr_sum(lr)", schedules=("lr",), scale="linear")
    assert total.predict({"a": 1.0}, lr=lr) == pytest.approx(s1, rel=1e-12)


@pytest.mark.parametrize(
    ("lr", "drop", "loss"),
    [  # law_vectors.csv, mpl-1 and mpl-2
        ([3e-4, 3e-4, 2.4e-4, 1.5e-4, 6e-5, 3e-5], 0.0094503459235609562, 3.6414181580888662),
        ([3e-4, 2e-4, 1e-4, 3e-5], 0.0080518412265938992, 3.6434442880067964),
    ],
)
def test_multi_power_vectors(lr, drop, loss):
    assert MULTI_POWER.predict(LUO, lr=lr) == pytest.approx(loss, rel=1e-12)
    part = iso.Law("B * multi_power(lr, C, beta, gamma)", schedules=("lr",), scale="linear")
    assert part.predict(LUO, lr=lr) == pytest.approx(drop, rel=1e-12)


def test_long_schedules_are_those_of_plain_loops():
    lr = curves()["cosine"]
    rest = np.cumsum(lr[::-1])[::-1]
    gain = 1 - (1 + LUO["C"] * lr[1:] ** -LUO["gamma"] * rest[1:]) ** -LUO["beta"]
    drop = LUO["B"] * np.sum((lr[:-1] - lr[1:]) * gain)
    loss = LUO["L0"] + LUO["A"] * (lr.sum() + LUO["S_W"]) ** -LUO["alpha"] - drop
    assert MULTI_POWER.predict(LUO, lr=lr) == pytest.approx(loss, rel=1e-12)


def test_many_schedules_broadcast():
    cosine, stages, constant = curves().values()
    found = MULTI_POWER.predict(LUO, lr=[cosine, stages[:100], constant])
    assert found.tolist() == [MULTI_POWER.predict(LUO, lr=x) for x in (cosine, stages[:100], constant)]
    frame = MULTI_POWER.predict(LUO, pl.DataFrame({"lr": [cosine.tolist(), stages[:100].tolist()]}))
    assert frame["loss"].to_list() == found[:2].tolist()


@pytest.mark.parametrize("law", ["anneal", "multi_power"])
def test_laws_over_schedules_are_found(law):
    law, truth, fixed = {
        "anneal": (ANNEAL, {"L0": 2.6, "A": 0.45, "C": 10.0, "alpha": 0.51, "lam": 0.99}, None),
        "multi_power": (MULTI_POWER, LUO, {"S_W": LUO["S_W"]}),
    }[law]
    found = iso.fit(iso.simulate(law, {"lr": rows()}, params=truth, noise=0.0), law, fixed=fixed)
    assert found.success
    assert found.params == pytest.approx(truth, rel=1e-6)


@pytest.fixture(scope="module")
def noisy():
    truth = {"L0": 2.6, "A": 0.45, "C": 10.0, "alpha": 0.51, "lam": 0.99}
    return iso.simulate(ANNEAL, {"lr": rows()}, params=truth, noise=0.001)


@pytest.fixture(scope="module")
def fit(noisy):
    return iso.fit(noisy, ANNEAL)


def test_bootstraps_and_bands(fit):
    boot = fit.bootstrap(200)
    assert boot.n_failed == 0
    curve = curves()["cosine"]
    low, high = boot.band(lr=[curve], level=0.9).select("low", "high").row(0)
    values = boot.predict(lr=curve)[:, 0]
    assert np.quantile(values, [0.05, 0.95], method="weibull") == pytest.approx([low, high], rel=1e-12)
    draw = dict(zip(boot.names, boot.draws[7], strict=True))
    assert values[7] == pytest.approx(ANNEAL.predict(draw, lr=curve), rel=1e-12)
    again = iso.fit(fit.to_frame(), ANNEAL, weights=boot.weights(7))
    assert again.objective == pytest.approx(boot.objective[7], rel=1e-7)
    assert (boot.band(lr=[curve], kind="new_run")["high"] > high).all()


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow", "arrays", "lists"])
def test_every_kind_of_frame(fit, noisy, kind):
    lists = [row.tolist() for row in rows()]
    table = {
        "polars": lambda: pl.DataFrame({"lr": lists, "loss": noisy.loss}),
        "pandas": lambda: pd.DataFrame({"lr": rows(), "loss": noisy.loss}),
        "pyarrow": lambda: pa.table({"lr": lists, "loss": noisy.loss}),
        "arrays": lambda: {"lr": rows(), "loss": noisy.loss},
        "lists": lambda: {"lr": lists, "loss": noisy.loss},
    }[kind]()
    again = iso.fit(table, ANNEAL)
    assert again.params == fit.params
    assert again.fingerprint == fit.fingerprint == noisy.fingerprint_of(["loss", "lr"])


def test_another_name_for_the_column(fit, noisy):
    table = pl.DataFrame({"rates": [row.tolist() for row in rows()], "loss": noisy.loss})
    again = iso.fit(table, ANNEAL, lr="rates")
    assert again.params == fit.params
    assert again.predict(table)["loss_predicted"].to_list() == fit.predict(noisy)["loss_predicted"].to_list()
    assert "list" in repr(iso.Runs(table, lr="rates"))


def test_fits_are_stored(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    for other in (iso.load(tmp_path / "fit.json"), pickle.loads(pickle.dumps(fit))):
        assert other.predict(lr=rows()).tolist() == fit.predict(lr=rows()).tolist()
        assert other.bootstrap(5).draws.tolist() == fit.bootstrap(5).draws.tolist()
        assert other.law == fit.law


def test_levels_within_schedules(noisy):
    """A decay per family: every level scans the curves with its own."""
    law = iso.Law("L0 + A * lr_sum(lr)**-alpha - C * anneal(lr, lam[kind])", schedules=("lr",), unit=("lam",))
    kind = np.where(np.arange(len(noisy)) % 2 == 0, "a", "b")
    truth = {"L0": 2.6, "A": 0.45, "C": 10.0, "alpha": 0.51, "lam[a]": 0.99, "lam[b]": 0.97}
    runs = iso.simulate(law, {"lr": rows(), "kind": kind}, params=truth, noise=0.0)
    found = iso.fit(runs, law)
    assert found.params == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[3e-4, -1e-4], [3e-4]], "the rate -0.0001"),
        ([[3e-4, float("nan")], [3e-4]], "the rate nan"),
        ([[], [3e-4]], "an empty list"),
        ([[0.0, 0.0], [3e-4]], "only rates of zero"),
        ([["a"], [3e-4]], "a list of str"),
        ([None, [3e-4]], "None"),
    ],
)
def test_bad_schedules_name_the_row(value, message):
    runs = iso.Runs({"lr": value * 4, "loss": [3.0] * 8})
    with pytest.raises(iso.DataError, match="row") as caught:
        iso.fit(runs, ANNEAL)
    assert "column 'lr' holds no schedule" in str(caught.value)
    assert message in str(caught.value)
    left, n_omitted = runs.with_roles(nan_policy="omit").for_variables([], schedules=["lr"])
    assert (len(left), n_omitted) == (4, 4)


def test_numbers_are_no_schedules():
    with pytest.raises(iso.DataError, match="expected a schedule"):
        ANNEAL.predict({"L0": 1.0, "A": 1.0, "C": 1.0, "alpha": 1.0, "lam": 0.5}, lr=3e-4)
    with pytest.raises(iso.DataError, match="holds no schedule"):
        iso.fit({"lr": np.linspace(1e-4, 3e-4, 8), "loss": np.ones(8)}, ANNEAL)
    with pytest.raises(iso.LawError, match="'lr' is a schedule"):
        iso.Law("A * lr", schedules=("lr",))
    with pytest.raises(iso.LawError, match="name of a schedule variable"):
        iso.Law("E + lr_sum(N)")


SCRIPT = """
import hashlib, json
import numpy as np
import isoflop as iso
from tests.python.test_nodes import ANNEAL, AT, LUO, M4, MULTI_POWER, rows
out = {"level": iso._engine.info()["level"]}
for name, law, points, truth in (
    ("m4", M4, {"X": np.geomspace(1, 1e5, 61)}, {**AT, "alpha": 0.5}),
    ("anneal", ANNEAL, {"lr": rows()}, {"L0": 2.6, "A": 0.45, "C": 10.0, "alpha": 0.51, "lam": 0.99}),
    ("multi_power", MULTI_POWER, {"lr": rows()}, LUO),
):
    runs = iso.simulate(law, points, params=truth, noise=0.001)
    held = ("S_W", "gamma", "C") if name == "multi_power" else ()
    fit = iso.fit(runs, law, starts=[truth], fixed={word: truth[word] for word in held})
    boot = fit.bootstrap(6)
    out[name] = hashlib.sha256(boot.draws.tobytes() + boot.predict(points).tobytes()).hexdigest()
print(json.dumps(out))
"""


def test_the_same_bits_at_every_fused_level(root):
    levels = [level for level in iso._engine.info()["available"] if level != "baseline"]
    if len(levels) < 2:
        pytest.skip("this CPU has one level with fused multiply-add")
    found = [
        json.loads(run_python(f"import sys; sys.path.insert(0, {str(root)!r})\n{SCRIPT}", ISOFLOP_SIMD=level))
        for level in levels
    ]
    assert [x.pop("level") for x in found] == levels
    assert all(x == found[0] for x in found)


# -- measured curves


def measured(folder, thin: int) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Return every `thin`-th point of the 100M curves of Luo et al. 2025: rates since the warm-up, and losses."""
    with (folder / "lr_schedule_curves_25m_100m.csv").open(newline="") as file:
        found = [row for row in csv.DictReader(file) if row["params"] == "100000000"]
    out = {}
    for schedule in sorted({row["schedule"] for row in found}):
        curve = [row for row in found if row["schedule"] == schedule]
        steps, rates, losses = (np.array([float(row[k]) for row in curve]) for k in ("step", "lr", "loss"))
        every = np.arange(2160, steps[-1] + 1)  # the warm-up ends at step 2160
        smooth = np.interp(every, steps, rates)
        stages = rates[np.minimum(np.searchsorted(steps, every), len(steps) - 1)]
        rate = stages if schedule.startswith("wsdcon") else smooth
        out[schedule] = ([rate[: int(x) - 2160 + 1] for x in steps[::thin]], losses[::thin])
    return out


def test_the_multi_power_law_predicts_measured_curves(shared):
    """Luo et al. 2025, 100M: fitted on three curves it predicts the six others to 0.0044; A and alpha are theirs."""
    curves = measured(shared, 24)
    fitted = ("constant_24000", "cosine_24000", "wsdcon_9")
    lists = [rate for name in fitted for rate in curves[name][0]]
    table = {"lr": lists, "loss": np.concatenate([curves[name][1] for name in fitted])}
    fit = iso.fit(table, MULTI_POWER, fixed={"S_W": LUO["S_W"]})
    assert fit.success
    assert fit.params["A"] == pytest.approx(LUO["A"], rel=0.03)
    assert fit.params["alpha"] == pytest.approx(LUO["alpha"], rel=0.05)
    others = [(lr, loss) for name, (lr, loss) in curves.items() if name not in fitted]
    assert len(others) == 6
    assert np.mean([np.abs(fit.predict(lr=lr) - loss).mean() for lr, loss in others]) < 0.007
    # The printed constants have the shape of these curves; their level is another loss (0.13 lower).
    gaps = np.concatenate([loss - MULTI_POWER.predict(LUO, lr=lr) for lr, loss in others])
    assert gaps.std() < 0.012
