"""The catalogue's laws of sparse and shaped models, hyper-parameters, precision, data, modalities and schedules.

Noiseless runs are fitted back by the plain search; published values are compared with the reference table; what
follows from parameters in closed form is compared with brute force. Values of the laws are pinned by the vectors of
`test_laws_check`.
"""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso


def logs(low, high, n):
    return np.geomspace(low, high, n)


def grid(**axes):
    mesh = np.meshgrid(*(np.asarray(x, float) for x in axes.values()), indexing="ij")
    return {name: values.ravel() for name, values in zip(axes, mesh, strict=True)}


def shares(n, domains):
    r = np.random.default_rng(1).dirichlet(np.ones(domains), n)
    return {f"r{j + 1}": r[:, j] for j in range(domains)}


def shaped(n):
    points = grid(N=logs(8e7, 3e9, n), d_model=(512, 1024, 2048, 4096), r=(0.5, 1, 2, 5))
    return {**points, "L_opt": 2.2 + np.random.default_rng(1).random(points["N"].size)}


def repeated():
    points = grid(epoch_size=logs(1e5, 1e7, 4), passes=(0.3, 0.8, 1, 1.5, 2.2, 3, 4.4, 6))
    return {"epoch_size": points["epoch_size"], "seen": points["epoch_size"] * points["passes"]}


def scheduled(**columns):
    """Return what four schedules had seen of their rates at every sixth part, once per entry of `columns`."""
    t = np.arange(600) / 600
    cosine, fading = 0.55 + 0.45 * np.cos(np.pi * t), np.exp(-8 * np.maximum(t - 0.7, 0))
    curves = [np.ones(600), cosine, fading, np.where(t < 0.5, 1, 0.3)]
    seen = [3e-3 * curve[:n] for curve in curves for n in range(100, 601, 100)]
    copies = max((len(values) for values in columns.values()), default=1)
    return {"lr": seen * copies} | {name: np.repeat(values, len(seen)) for name, values in columns.items()}


ND = grid(N=logs(1e8, 1e10, 6), D=logs(2e9, 2e11, 6))
TRANSFER = grid(N=logs(1e6, 1e9, 7), D_F=logs(1e5, 1e9, 7))
BITS = grid(N=logs(3e7, 2.2e8, 3), D=logs(1.5e9, 2.6e10, 3), P_w=(3, 6, 16), P_a=(3, 6, 16), P_kv=(3, 6, 16))
WEIGHT_BITS = grid(N=logs(3e7, 2.2e8, 5), D=logs(1.5e9, 2.6e10, 5), P_w=(3, 4, 5, 6, 8, 12))
KUMAR_TERMS = {"A": 4299.0, "alpha": 0.4965, "B": 18060.0, "beta": 0.4965, "E": 2.7648}
SHAPE = {"a1": 1.1016, "a2": 0.055, "a3": 0.0032, "b2": 0.03, "b3": 0.035}
PAIR = {"Cij": 0.25, "Aij": 60.0, "aij": 0.25, "Bij": 500.0, "bij": 0.35}
ALONE = {"Ei": 2.0, "Ai": 300.0, "ai": 0.33, "Bi": 400.0, "bi": 0.30}
OTHER = {"Ej": 3.1, "Aj": 150.0, "aj": 0.28, "Bj": 250.0, "bj": 0.27}
KAPLAN = {"Nc": 6.4e13, "alphaN": 0.076, "alphaD": 0.103}

FARSEER = {"a1": -0.021, "b1": -0.9, "alpha": 0.12, "a2": 0.30, "b2": 4.2, "beta": 0.11}
FARSEER |= {"a3": -0.006, "b3": 1.35, "gamma": 0.20}

ANNEALING = {"L0": 2.1, "A": 0.45, "alpha": 0.51, "C": 3.0, "lam": 0.98}
MULTI_POWER = {"L0": 2.651, "A": 0.601, "alpha": 0.453, "B": 43.7946, "C": 2.132, "beta": 0.598, "gamma": 0.655}

#: Law, its shape, where it is simulated, and its values: the key of published ones, or values of our own.
CASES = {
    "clark": ({}, grid(N=logs(1.5e7, 1.3e9, 8), experts=2.0 ** np.arange(10)), "clark2022_sbase"),
    "clark_dense": ({}, {"N": logs(1.5e7, 1.3e9, 10)}, "clark2022"),
    "krajewski": ({}, grid(N=logs(1e8, 1e10, 5), D=logs(1e10, 2e11, 5), G=(1, 2, 4, 8, 16)), "krajewski2024_moe"),
    "abnar": ({}, grid(N=logs(1e8, 1e11, 6), D=logs(1e9, 1e12, 6), S=(0, 0.25, 0.5, 0.75, 0.9, 0.95)), "abnar2025"),
    "ludziejewski": (
        {},
        grid(N_act=logs(1e8, 5e9, 6), D=logs(2e9, 1e11, 6), experts=(1, 2, 4, 8, 16, 32)),
        "ludziejewski2025",
    ),
    "upcycling": (
        {},
        grid(D1=logs(1e9, 1e12, 7), D2=logs(1e9, 1e12, 7)),
        {"E": 1.5, "A": 60.0, "alpha1": 0.08, "alpha2": 0.15, "alpha3": 0.003},
    ),
    "efficiency_leverage": (
        {},
        grid(activation=(0.02, 0.05, 0.1, 0.3), G=(1, 2, 4, 8, 16), C=logs(1e18, 1e22, 4)),
        {"a": 0.5, "d": -0.03, "beta": -0.1, "gamma": 0.02},
    ),
    "frantar": ({}, grid(S=(0, 0.5, 0.75, 0.875), N=logs(4e5, 1e8, 5), D=logs(1e9, 1e11, 5)), "frantar2023_t5"),
    "bian_mult": ({}, shaped(4), SHAPE),
    "bian_add": ({}, shaped(4), SHAPE),
    "spt": (
        {"terms": 3},
        grid(x1=logs(256, 4096, 5), x2=logs(1e8, 1e10, 5), x3=logs(1e9, 1e12, 5)),
        {"e": 0.4, "a1": 1.1, "alpha1": 0.22, "a2": 6.1, "alpha2": 0.36, "a3": 10.5, "alpha3": 0.49},
    ),
    "gemstones": (
        {},
        grid(width=(256, 512, 1024, 3072), depth=(3, 6, 12, 28, 80), N=logs(5e7, 2e9, 4), D=logs(1e10, 3.5e11, 4)),
        "mcleish2025",
    ),
    "gemstones_nd": ({}, ND, "mcleish2025"),
    "parscale": ({}, grid(N=logs(5e8, 5e9, 6), P=(1, 2, 4, 8)), "chen2025_stack"),
    "tao_lu": ({}, grid(N_nv=logs(3e7, 3e9, 5), V=logs(4e3, 1e5, 4), d=(512, 3200), D=logs(1e9, 1e11, 4)), "tao2024"),
    "tao_f": ({}, {"V": logs(1e3, 1.9e5, 20)}, "tao2024"),
    "tao_N_nv_opt": ({}, {"C": logs(1e18, 1e22, 9)}, "tao2024"),
    "tao_N_v_opt": ({}, {"C": logs(1e18, 1e22, 9)}, "tao2024"),
    "tao_N_v_body": ({}, {"N_nv": logs(3e7, 3e9, 12)}, "tao2024"),
    "ho_progress": (
        {},
        grid(N=logs(1e7, 1e11, 5), D=logs(1e8, 1e12, 5), year=(2012, 2015, 2018, 2021.5, 2023)),
        {"E": 1.1, "A": 95.0, "alpha": 0.22, "B": 300.0, "beta": 0.27, "alpha_year": 0.01, "beta_year": 0.04},
    ),
    "hp_power": (
        {"variables": ("N", "D", "L")},
        {**ND, "L": 2 + 5e8 / ND["N"]},
        {"k": 2.0, "p_N": -0.7, "p_D": 0.3, "p_L": 1.1},
    ),
    "deepseek_lr": ({}, {"C": logs(1e17, 1e20, 12)}, "deepseek2024"),
    "deepseek_batch": ({}, {"C": logs(1e17, 1e20, 12)}, "deepseek2024"),
    "deepseek_M_opt": ({}, {"C": logs(1e17, 1e20, 12)}, "deepseek2024"),
    "deepseek_D_opt": ({}, {"C": logs(1e17, 1e20, 12)}, "deepseek2024"),
    "step_law_lr": ({}, ND, "li2025"),
    "step_law_batch": ({}, {"D": logs(2e9, 1e11, 9)}, "li2025"),
    "porian_lr": ({}, {"N": logs(5e6, 9e8, 9)}, "porian2024"),
    "porian_batch": ({}, {"N": logs(5e6, 9e8, 9)}, "porian2024"),
    "ludziejewski_lr": ({}, grid(N=logs(1e8, 1e10, 5), E=(1, 2, 4, 8, 16)), "ludziejewski2025"),
    "minicpm_batch": ({}, {"L": np.linspace(2, 4, 12)}, "minicpm2024"),
    "zhang_critical_batch": ({}, {"D": logs(1e9, 1e11, 9)}, "zhang2024"),
    "kumar_neff": ({}, BITS, "kumar2024"),
    "kumar_loss": ({}, BITS, "kumar2024"),
    "kumar_ptq": ({}, grid(N=logs(3e7, 2.2e8, 4), D=logs(1.5e9, 2.6e10, 4), P_post=(3, 4, 5, 6)), "kumar2024"),
    "ye_mixing": ({"domains": 3}, shares(24, 3), {"c": 1.85, "t1": -2.1, "t2": 0.35, "t3": -0.5}),
    "hernandez": ({}, TRANSFER, "hernandez2021_text"),
    "hernandez_unified": ({}, TRANSFER, {**KAPLAN, "k": 1.9e4, "alpha": 0.18, "beta": 0.38}),
    "goyal": ({"passes": 6}, repeated(), {"a": 1.9, "b": -0.18, "d": 0.1, "tau": 3.0}),
    "henighan_n": ({}, {"N": logs(1e4, 1e9, 14)}, "henighan2020_image_32x32"),
    "henighan_c": ({}, {"C_PFdays": logs(1e-6, 1e2, 14)}, "henighan2020_video_vq"),
    "henighan_nopt": ({}, {"C_PFdays": logs(1e-6, 1e2, 14)}, "henighan2020_video_vq"),
    "farseer": (
        {},
        grid(N=logs(1e8, 1e10, 8), D=logs(1e9, 1e12, 8)),
        FARSEER,
    ),
    "lr_annealing": ({}, scheduled(), ANNEALING),
    "lr_annealing_n": ({}, scheduled(N=logs(1e7, 1e9, 4)), {**ANNEALING, "B": 80.0, "beta": 0.25}),
    "mpl": ({}, scheduled(), {**MULTI_POWER, "S_W": 0.0}),
    "hestness": ({}, {"m": logs(1e4, 1e9, 14)}, {"a": 20.0, "b": 0.128, "c": 0.3}),
}
#: Laws that only fit in stages, and families' members that have a test of their own below.
ELSEWHERE = {"distill_student", "aghajanyan", "gemstones_wd", "deepseek_allocation"}


def values_of(law, params):
    found = law.published[params].params if isinstance(params, str) else params
    return {**law.constants, **found}


@pytest.mark.parametrize("name", CASES)
def test_noiseless_runs_give_the_parameters_back(name):
    shape, points, params = CASES[name]
    law = iso.laws.get(name, **shape)
    truth = values_of(law, params)
    runs = iso.simulate(law, points, params=truth, noise=0.0)
    fit = iso.fit(runs, law)
    assert fit.success, fit.message
    for parameter in law.parameters:
        assert fit.params[parameter] == pytest.approx(truth[parameter], rel=1e-6), parameter


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_finite_differences(name):
    shape, points, params = CASES[name]
    law = iso.laws.get(name, **shape)
    at, names = dict(values_of(law, params)), {*law.variables, *law.schedules}
    some = {variable: values[:: max(1, len(values) // 7)] for variable, values in points.items() if variable in names}
    slopes = law.jacobian(at, **some)
    value = np.abs(law.predict(at, **some)).max()
    for parameter in law.parameters:
        step = 1e-5 * (abs(at[parameter]) or 1.0)
        ends = [law.predict({**at, parameter: at[parameter] + sign * step}, **some) for sign in (1, -1)]
        difference = (ends[0] - ends[1]) / (2 * step)
        assert slopes[parameter] == pytest.approx(difference, rel=1e-5, abs=1e-14 * value / step), parameter


def test_every_law_of_these_files_is_recovered_somewhere():
    files = ("moe", "sparsity", "architecture", "vocabulary", "progress", "hyper", "precision", "distillation")
    files += ("data", "modality", "schedule")
    declared = {
        name
        for file in files
        for name in iso.laws.list()
        if name in vars(__import__(f"isoflop.laws._{file}", fromlist=["_"]))
    }
    assert declared - set(CASES) - ELSEWHERE == set()


# -- ridges: what the data leave free, and what they do not


def test_mixing_leaves_one_direction_free():
    law = iso.laws.get("ye_mixing", domains=2)
    points = {"r1": np.linspace(0, 1, 11), "r2": 1 - np.linspace(0, 1, 11)}
    truth = {"c": 1.85, "k": 0.92, "t1": -2.1, "t2": 0.35}
    runs = iso.simulate(law, points, params=truth, noise=0.0)
    held = iso.fit(runs, law)  # k is held at 1: only k exp(t) is seen, since shares add to 1
    assert held.params["k"] == 1.0
    for name in ("t1", "t2"):
        assert np.exp(held.params[name]) == pytest.approx(0.92 * np.exp(truth[name]), rel=1e-6)
    assert held.params["c"] == pytest.approx(1.85, rel=1e-6)


@pytest.mark.parametrize(("name", "constant"), [("bian_mult", 1.0), ("bian_add", 0.0)])
def test_shape_factors_share_a_constant(name, constant):
    law = iso.laws.get(name)
    points = shaped(4)
    truth = {**SHAPE, "b1": 0.9654}
    runs = iso.simulate(law, points, params=truth, noise=0.0)
    fit = iso.fit(runs, law)
    assert fit.params["b1"] == constant
    assert fit.predict(**points) == pytest.approx(runs.loss, rel=1e-9)
    for star in ("x_star", "r_star"):  # where the factors are smallest does not depend on the constant
        assert fit.derived()[star] == pytest.approx(law.quantity(star, truth), rel=1e-6)


def test_transfer_identifies_the_ratio_of_dc_and_k():
    law = iso.laws.get("hernandez_unified")
    truth = {**KAPLAN, "Dc": 1.8e13, "k": 1.9e4, "alpha": 0.18, "beta": 0.38}
    runs = iso.simulate(law, TRANSFER, params=truth, noise=0.0)
    other = iso.fit(runs, law, fixed={"Dc": 1e12})
    assert other.params["Dc"] / other.params["k"] == pytest.approx(1.8e13 / 1.9e4, rel=1e-6)


def test_biases_of_bits_can_be_freed():
    law = iso.laws.get("kumar_loss", parts=("w",))
    truth = law.published["kumar2024_biased"].params
    runs = iso.simulate(law, WEIGHT_BITS, params=truth, noise=0.0)
    assert iso.fit(runs, law).params["n_w"] == 0.0
    fit = iso.fit(runs, law, fixed={"n_w": None})
    for name in law.parameters:
        assert fit.params[name] == pytest.approx(truth[name], rel=1e-6), name


def test_rounding_after_training_adds_to_the_loss():
    law = iso.laws.get("kumar_loss", parts=("w",), post=True)
    truth = law.published["kumar2024"].params
    size, bits, rounded = {"N": 1e8, "D": 1e10}, {"P_w": 8.0}, {"P_post": 3.0}
    before = iso.laws.get("kumar_loss", parts=("w",)).predict(truth, **size, **bits)
    added = iso.laws.get("kumar_ptq").predict(truth, **size, **rounded)
    assert law.predict(truth, **size, **bits, **rounded) == pytest.approx(before + added, rel=1e-14)
    assert law.quantity("delta", truth, **size, **rounded) == pytest.approx(added, rel=1e-14)


def test_a_floor_of_zero_is_found_as_a_bound():
    law = iso.laws.get("gemstones_wd")
    points = grid(width=(256, 512, 1024, 3072), depth=(3, 6, 12, 28), D=logs(1e10, 3.5e11, 5))
    truth = law.published["mcleish2025"].params
    fit = iso.fit(iso.simulate(law, points, params=truth, noise=0.0), law)
    assert fit.params["E"] < 1e-9
    for name in ("A_width", "alpha_width", "alpha_depth", "alpha_D"):
        assert fit.params[name] == pytest.approx(truth[name], rel=1e-6), name


# -- stages


def test_student_is_fitted_after_the_supervised_law():
    law = iso.laws.get("distill_student")
    truth = law.published["busbridge2025"].params
    supervised = {name: truth[name] for name in ("E", "A", "B", "alpha", "beta", "gamma")}
    points = grid(N_S=logs(1.4e8, 8e9, 6), D_S=logs(2e9, 5e11, 6), L_T=(1.9, 2.1, 2.3, 2.5, 2.8))
    fit = iso.fit(iso.simulate(law, points, params=truth, noise=0.0), law, fixed=supervised)
    for name in law.parameters:
        assert fit.params[name] == pytest.approx(truth[name], rel=1e-6), name


def test_interaction_is_fitted_after_each_modality():
    law = iso.laws.get("aghajanyan")
    points = grid(N=logs(8e6, 3e10, 6), Di=logs(5e9, 1e11, 4), Dj=logs(5e9, 1e11, 4))
    runs = iso.simulate(law, points, params={**ALONE, **OTHER, **PAIR}, noise=0.0)
    stage = {}
    for suffix, values in (("i", ALONE), ("j", OTHER)):
        alone = dict(zip(("E", "A", "alpha", "B", "beta"), values.values(), strict=True))
        fit = iso.fit(iso.simulate("chinchilla", ND, params=alone, noise=0.0), "chinchilla")
        stage |= dict(zip(values, (fit.params[name] for name in alone), strict=True))
        assert all(name.endswith(suffix) for name in values)
    fit = iso.fit(runs, law, fixed=stage)
    for name, value in PAIR.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-5), name


# -- shapes, ranges


def test_families_make_the_shape_that_is_asked_for():
    assert iso.laws.get("spt", terms=4).variables == ("x1", "x2", "x3", "x4")
    assert iso.laws.get("ye_mixing", domains=5).parameters == ("c", "k", "t1", "t2", "t3", "t4", "t5")
    assert iso.laws.get("hp_power", variables=("C",)).parameters == ("k", "p_C")
    assert iso.laws.get("kumar_loss", parts=("a", "kv")).variables == ("N", "P_a", "P_kv", "D")


@pytest.mark.parametrize(
    ("name", "given", "variables"),
    [
        ("spt", ("e", "a1", "alpha1", "x1"), ("x1",)),
        ("ye_mixing", ("c", "k", "t1", "t2", "t3"), ("r1", "r2", "r3")),
        ("hp_power", ("k", "p_N", "p_D"), ("N", "D")),
        ("hp_power", ("k", "p_N", "p_D", "N"), ("N",)),
        ("kumar_neff", ("gamma_w", "gamma_a"), ("N", "P_w", "P_a")),
        ("kumar_neff", ("gamma_w", "gamma_a", "N", "P_a"), ("N", "P_a")),
    ],
)
def test_values_tell_the_shape_of_a_family(name, given, variables):
    law = iso.laws.find(name).law_for(dict.fromkeys(given, 1.0))
    assert sorted(law.variables) == sorted(variables)


def test_rows_tell_how_many_passes_they_need():
    law = iso.laws.find("goyal").law_for(
        {"a": 1.9, "b": -0.18, "d": 0.1, "tau": 3.0, "epoch_size": 1e5, "seen": 2.35e6}
    )
    assert "delta**23 * log(" in law.where["log_n"]
    assert "delta**24" not in law.where["log_n"]


@pytest.mark.parametrize(
    ("name", "column", "value", "text"),
    [
        ("abnar", "S", 1.2, "S"),
        ("clark", "experts", 0.5, "experts"),
        ("frantar", "S", -0.1, "S"),
        ("parscale", "P", 0.5, "P"),
        ("efficiency_leverage", "activation", 1.5, "activation"),
    ],
)
def test_values_outside_the_range_warn(name, column, value, text):
    shape, points, params = CASES[name]
    law = iso.laws.get(name, **shape)
    at = {variable: values[0] for variable, values in points.items()}
    with pytest.warns(iso.ExtrapolationWarning, match=text):
        law.predict(dict(values_of(law, params)), **{**at, column: value})
