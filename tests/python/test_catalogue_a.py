"""The catalogue's laws of one resource, of Kaplan and Chinchilla and their kin, repeated data and downstream scores.

Noiseless runs are fitted back by the plain global search. Values of the laws are pinned by `test_laws_check`,
published values by `test_published_a`, what follows from parameters by `test_calculations_a`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import isoflop as iso

from .catalogue import Case, check_params, grid, recover, slopes_by_differences

WIDE = grid(X=(1e3, 1e9, 40))
RUNS = grid(N=(4e7, 1.6e10, 8), D=(1e9, 1e12, 8))
CURVE = grid(X=(10.0, 1e5, 40))
BUDGETS = grid(C=(1e18, 1e24, 30))
LADDER = grid(N=(1.9e8, 1.3e10, 8), D=(4e9, 4e12, 8))
FAMILIES = np.repeat(["pythia", "llama", "qwen"], 9)
MEMBERS = {name: np.tile(x, 3) for name, x in grid(S=(1e8, 1e11, 3), T=(1e11, 1e13, 3)).items()}


#: Every parameter is identified: the search must find all of them.
IDENTIFIED = [
    Case("power", {"Xc": 8.8e13, "alpha": 0.076}, WIDE),
    Case("power_floor", {"E": 0.35, "A": 12.5, "alpha": 0.21}, WIDE),
    Case("power_floor_scale", {"E": 2.20, "X0": 63.0, "alpha": 0.13}, WIDE),
    Case("m3", {"beta": 4.2, "gamma": 1e-7, "c": 0.31}, WIDE),
    Case(
        "m4",
        {"E_inf": 0.12, "E_0": 0.95, "alpha": 0.5, "beta": 7.5, "c": 0.35},
        grid(X=(0.1, 1e9, 50)),
        label="m4, alpha 0.5",
    ),
    Case(
        "m4",
        {"E_inf": 0.12, "E_0": 0.95, "alpha": 1.0, "beta": 7.5, "c": 0.35},
        grid(X=(0.1, 1e9, 50)),
        label="m4, alpha 1.0",
    ),
    Case(
        "m4",
        {"E_inf": 0.12, "E_0": 0.95, "alpha": 2.0, "beta": 7.5, "c": 0.35},
        grid(X=(0.1, 1e9, 50)),
        label="m4, alpha 2.0",
    ),
    Case(
        "bnsl",
        {"a": 0.1, "b": 3.0, "c0": 0.02, "c1": 1.4, "d1": 600.0, "f1": 0.08},
        grid(X=(1, 1e5, 60)),
        shape={"breaks": 1, "span": (1, 1e5)},
        label="bnsl, one break",
    ),
    Case(
        "bnsl",
        {
            "a": 0.2,
            "b": 8.0,
            "c0": 0.05,
            "c1": -0.3,
            "d1": 800.0,
            "f1": 0.3,
            "c2": 0.5,
            "d2": 2e5,
            "f2": 0.2,
        },
        grid(X=(1, 1e9, 80)),
        shape={"breaks": 2, "span": (1, 1e9)},
        options={"starts": 60},
        label="bnsl, two breaks",
    ),
    Case(
        "bnsl",
        {
            "a": 1e-3,
            "b": 4.66e3,
            "c0": 0.05,
            "c1": 0.49,
            "c2": -0.811,
            "c3": 2.1,
            "d1": 3e6,
            "d2": 1e14,
            "d3": 2e20,
            "f1": 1.1,
            "f2": 1.425,
            "f3": 0.05,
        },
        grid(X=(1e2, 1e24, 120)),
        shape={"breaks": 3, "span": (1e2, 1e24)},
        options={"starts": 200},
        label="bnsl, the authors' example",
    ),
    Case("shifted_power", {"E": 0.11, "A": 9.0, "X0": 350.0, "alpha": 0.42}, grid(X=(1, 1e7, 50))),
    Case("exponential", {"E": 1.2, "A": 0.8, "k": 0.15}, {"X": np.linspace(0.0, 30.0, 31)}),
    Case("log_law", {"a": 5.0, "b": 0.145}, WIDE),
    Case("exp2", {"A": 2.0, "k": 0.15}, {"X": np.linspace(0.0, 30.0, 31)}),
    Case("wbl4", {"c": 0.2, "b": -0.7, "a": 0.05, "d": 0.5}, CURVE),
    Case("ilog2", {"a": 0.1, "b": 2.0}, CURVE),
    Case("mmf4", {"a": 0.9, "b": 60.0, "c": 0.1, "d": 0.7}, CURVE),
    Case("vap3", {"a": 0.3, "b": 5.0, "c": -0.2}, CURVE),
    Case("rectified", {"E": 1.2, "B": 900.0, "Dl": 280.0, "beta": 0.55}, grid(D=(10.0, 1e8, 40))),
    Case(
        "finetune_joint",
        {"E": 1.1, "A": 30.0, "alpha": 0.12, "beta": 0.09},
        grid(X=(1e8, 1.6e10, 6), D_f=(2e4, 2e7, 6)),
    ),
    Case(
        "kaplan_nd",
        {"Nc": 6.4e13, "alphaN": 0.076, "alphaD": 0.103, "Dc": 1.8e13},
        grid(N=(768, 1.5e9, 9), D=(2.2e7, 2.3e10, 9)),
    ),
    Case(
        "kaplan_ns",
        {"alphaN": 0.077, "alphaS": 0.76, "Nc": 6.5e13, "Sc": 2.1e3},
        grid(N=(768, 1.5e9, 8), Smin=(1e3, 2.5e5, 8)),
    ),
    Case("mccandlish", {"Smin": 2e4, "Emin": 3e10}, grid(B=(1e4, 1e8, 12))),
    Case("bcrit_loss", {"Bstar": 2.1e8, "alphaB": 0.21}, {"L": np.linspace(2.0, 6.0, 20)}),
    Case("kaplan_lr", {"c0": 0.003239, "c1": 0.0001395}, grid(N=(1e4, 1.5e9, 12))),
    Case("chinchilla", {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}, RUNS),
    Case("chinchilla_tied", {"E": 1.87, "A": 521.0, "B": 1488.0, "alpha": 0.353}, RUNS),
    Case("coupled", {"E": 1.220, "A": 3355.0, "B": 18186.0, "alpha": 0.408, "beta": 0.431, "q": 0.452}, RUNS),
    Case("pnorm", {"E": 1.7, "A": 30.0, "alpha": 0.2, "B": 60.0, "beta": 0.21, "p": 1.6}, RUNS),
    Case(
        "rosenfeld",
        {"eps0": 0.95, "a": 600.0, "alpha": 0.66, "b": 900.0, "beta": 0.72, "c_inf": 0.14, "eta": 1.0},
        grid(D=(1e3, 1e8, 10), N=(1e3, 1e8, 10)),
        fixed=("eta",),
    ),
    Case(
        "pearce_song_nd",
        {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658, "gamma": 47491.0},
        grid(N_nonemb=(1e5, 1e10, 9), D=(1e8, 1e12, 9)),
        fixed=("gamma",),
    ),
    Case("alloc_power", {"A": 0.299, "alpha": 0.537}, BUDGETS),
    Case("allocation", {"k": 0.1, "a": 0.497}, BUDGETS),
    Case(
        "muennighoff",
        {
            "a": 6.255414,
            "b": 7.3049974,
            "e": 0.6254804,
            "alpha": 0.3526596,
            "beta": 0.3526596,
            "RD_star": 15.387756,
            "RN_star": 5.309743,
        },
        grid(N=(1e8, 9e9, 6), D=(1e10, 3e11, 6), U=(1e9, 1e11, 5)),
        fixed=("a", "b", "e", "alpha", "beta"),
        label="muennighoff, base held",
    ),
    Case("gadre_loss", {"E": 1.51, "a": 141.0, "b": 190.0, "eta": 0.121}, grid(C=(1e17, 1e22, 8), M=(5.0, 640.0, 8))),
    Case("gadre_err", {"eps": 0.85, "k": 2.08, "gamma": 0.756}, {"L": np.linspace(1.8, 6.0, 30)}),
    Case(
        "logistic4",
        {"a": -0.7301114438, "b": 0.9921035458, "k": 12.741707470, "x0": 0.7667352579},
        {"x": np.linspace(0.4, 1.4, 41)},
    ),
    Case("logistic5", {"a": -0.7, "b": 0.95, "k": 9.0, "x0": 0.8, "q": 1.8}, {"x": np.linspace(0.2, 1.6, 41)}),
    Case(
        "two_step",
        {
            "logA": 2.4187035074,
            "logB": 4.1004700524,
            "alpha": 0.1955394136,
            "beta": 0.2564981806,
            "E": 0.5019111463,
            "a": -0.7301114438,
            "b": 0.9921035458,
            "k": 12.741707470,
            "x0": 0.7667352579,
        },
        LADDER,
        fixed=("logA", "logB", "alpha", "beta", "E"),
        label="two_step, step 1 held",
    ),
    Case(
        "llama3_two_step",
        {"a": -0.75, "b": 0.97, "k": 6.0, "x0": 0.9, "c0": 5.0, "c1": 0.08},
        grid(C=(1e19, 1e27, 40)),
        fixed=("c0", "c1"),
        label="llama3_two_step, likelihood held",
    ),
    Case(
        "logistic_linear",
        {"w0": -0.4, "w1": 0.9, "w2": 0.6, "w3": -0.25, "floor": 0.25},
        {f"features{i}": np.random.default_rng(i).normal(size=60) * 2 for i in (1, 2, 3)},
        fixed=("floor",),
    ),
    Case(
        "capability",
        {
            f"{p}[{f}]": v
            for p, vs in {"theta": (0.5, 0.4, 0.7), "nu": (-20.0, -15.0, -31.0)}.items()
            for f, v in zip(("llama", "pythia", "qwen"), vs, strict=True)
        },
        {"C": np.tile(np.geomspace(1e20, 1e25, 9), 3), "family": FAMILIES},
    ),
    Case(
        "sloth",
        {
            "gamma": 0.25,
            "b[llama]": -38.0,
            "b[pythia]": -39.5,
            "b[qwen]": -37.0,
            "w_T": 0.8,
            "w_S": 0.9,
            "w_ST": -0.012,
        },
        {**MEMBERS, "family": FAMILIES},
        fixed=("gamma",),
    ),
    Case("neglog_power", {"A": 2.4e3, "alpha": 0.165, "Q_random": 0.25}, BUDGETS, fixed=("Q_random",)),
    Case(
        "neglog_power_floor",
        {"A": 2.4e3, "alpha": 0.165, "Q_random": 0.25, "c": 0.1},
        BUDGETS,
        fixed=("Q_random",),
    ),
    Case("gpt4_pass_rate", {"alpha": 2.4e3, "k": 0.15}, BUDGETS),
    Case("coverage", {"a": -1.8, "b": -0.28}, grid(k=(1.0, 1e4, 20))),
    Case("exact_match", {"Nc": 1e9, "alpha": 0.3}, grid(N=(1e8, 1e13, 12), T=(1.0, 32.0, 6))),
    Case("scalerl", {"R0": 0.25, "A": 0.61, "B": 1.92, "C_mid": 2542.0}, grid(C=(200.0, 1e5, 30))),
]


#: With every parameter free some combinations leave all predictions as they are: what is the same along the ridge.
RIDGES = {
    "two_step": ("k * (E - x0)", "k * exp(logA)", "k * exp(logB)", "alpha", "beta", "a", "b"),
    "llama3_two_step": ("k * c1", "k * (c0 - x0)", "a", "b"),
}


@pytest.mark.parametrize("case", IDENTIFIED, ids=str)
def test_noiseless_runs_are_fitted_back(case):
    check_params(recover(case), case.params, case.rtol)


@pytest.mark.parametrize("case", IDENTIFIED, ids=str)
def test_derivatives_agree_with_differences(case):
    law = case.found
    if law.levels:
        pytest.skip("jacobian knows no levels")
    points = {name: values[:: max(1, len(values) // 7)] for name, values in case.points.items()}
    slopes = law.jacobian(case.params, **points)
    assert set(slopes) == set(law.parameters)
    for name in law.parameters:
        rough, noise = slopes_by_differences(law, case.params, points, name)
        allowed = 1e-6 * np.abs(rough) + 1e-8 * np.abs(rough).max() + noise
        assert np.all(np.abs(slopes[name] - rough) <= allowed), name


@pytest.mark.filterwarnings("ignore::isoflop.ConvergenceWarning")
@pytest.mark.parametrize("law", RIDGES)
def test_ridges_are_named_and_leave_predictions_alone(law):
    case = next(case for case in IDENTIFIED if case.law == law)
    loss = case.found.predict(case.params, **case.points)
    fit = iso.fit({"loss": loss, **case.points}, law)
    assert fit.status == "unidentified"
    assert fit.objective < 1e-20
    np.testing.assert_allclose(fit.predict(**case.points), loss, rtol=1e-9)
    for text in RIDGES[law]:
        true, found = (eval(text, {"exp": np.exp, **values}) for values in (case.params, fit.params))
        assert found == pytest.approx(true, rel=1e-6), text


def test_rosenfeld_is_the_same_law_at_every_scale():
    law, at = iso.laws.get("rosenfeld"), {"D": 1e6, "N": 1e5}
    params = {"eps0": 0.95, "a": 600.0, "alpha": 0.66, "b": 900.0, "beta": 0.72, "c_inf": 0.14, "eta": 1.0}
    scaled = params | {name: 7.0 * params[name] for name in ("a", "b", "c_inf", "eta")}
    assert law.predict(scaled, **at) == pytest.approx(law.predict(params, **at), rel=1e-14)
    assert law.constants == {"eta": 1.0}


def complete(law: str, key: str) -> bool:
    entry = iso.laws.get(law).published[key]
    return set(iso.laws.get(law).parameters) <= {*entry.params, *iso.laws.get(law).constants}


PRINTED = [
    (case, key)
    for case in IDENTIFIED
    if not case.shape
    for key in iso.laws.get(case.law).published
    if complete(case.law, key)
]


@pytest.mark.parametrize(("case", "key"), PRINTED, ids=lambda x: str(x))
@pytest.mark.filterwarnings("ignore::isoflop.PrecisionWarning")
def test_published_values_are_fitted_back(case, key):
    entry = case.found.published[key]
    points = grid(X=(1e-06, 100.0, 30)) if key.startswith("kaplan2020_C") else case.points
    printed = replace(case, params=dict(entry.params), points=points)
    check_params(recover(printed), printed.params, printed.rtol)


def test_ranges_without_an_end_survive_saving(tmp_path):
    k = np.arange(1.0, 9.0)
    law = iso.laws.get("coverage")
    fit = iso.fit({"k": k, "loss": law.predict({"a": -1.8, "b": -0.28}, k=k)}, law)
    fit.save(tmp_path / "fit.json")
    assert iso.load(tmp_path / "fit.json").law.range == {"k": (1.0, np.inf)}
    with pytest.warns(iso.ExtrapolationWarning, match="k is 0.5"):
        fit.predict(k=0.5)
