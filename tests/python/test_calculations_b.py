"""What follows from parameters in closed form, against brute force and against the laws themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

CLARK = {"a": -0.082, "b": -0.108, "c": 0.009, "d": 1.104, "E_start": 1.847, "E_max": 314.478}
JOINT = laws.get("ludziejewski").published["ludziejewski2025"].params
PTQ = laws.get("kumar_ptq").published["kumar2024"].params
BASE = {"B": 1.806e4, "beta": 0.4965}
MPL = {"L0": 2.651, "A": 0.601, "alpha": 0.453, "B": 437.946, "C": 2.132, "beta": 0.598, "gamma": 0.655, "S_W": 0.324}
ANNEALING = {"L0": 2.6, "A": 0.45, "alpha": 0.51, "C": 0.35, "lam": 0.99}


def cosine(peak, steps):
    return peak * (0.55 + 0.45 * np.cos(np.pi * np.arange(steps) / steps))


def test_saturation_starts_at_e_start_and_ends_at_e_max():
    ends = laws.expert_saturation(experts=np.array([1.0, 1e15]), E_start=2.0732, E_max=290.4521).E_hat
    assert ends == pytest.approx([2.0732, 290.4521], rel=1e-9)


def test_a_dense_model_of_the_effective_size_is_as_good():
    law = laws.get("clark")
    N, experts = np.array([5e6, 1e8, 1e9]), np.array([128.0, 16.0, 2.0])
    size = laws.clark_epc(N=N, experts=experts, **CLARK).N_effective
    assert law.predict(CLARK, N=size, experts=1.0) == pytest.approx(law.predict(CLARK, N=N, experts=experts), rel=1e-12)


@pytest.mark.parametrize(("C", "experts"), [(1e20, 1), (1e21, 8), (3e24, 32)])
def test_the_best_mixture_beats_its_neighbours_on_the_budget(C, experts):
    best = laws.ludziejewski_opt(C=C, experts=experts, **JOINT)
    assert 6 * best.N_act_opt * best.D_opt == pytest.approx(C, rel=1e-12)
    N = best.N_act_opt * np.array([0.999, 1.0, 1.001])
    loss = laws.get("ludziejewski").predict(JOINT, N_act=N, D=C / (6 * N), experts=float(experts))
    assert loss[1] == pytest.approx(best.L_opt, rel=1e-12)
    assert loss[1] < min(loss[0], loss[2])


def test_router_share_grows_with_granularity():
    cost = laws.krajewski_flops_token(n_blocks=24, d_model=1024, experts=64, G=np.array([1.0, 8.0, 64.0]))
    assert cost.flops_token[0] == 24 * (12 * 1024**2 * 6 + 1024 * 64 * 14)
    assert np.all(np.diff(cost.router_share) > 0)


def test_a_shape_factor_is_smallest_at_its_argmin():
    c = (1.1016, 0.055, 0.0032)
    at = laws.bian_argmin(c=c).x_star
    x = at * np.array([0.99, 1.0, 1.01])
    factor = c[0] + c[1] * np.log(x) + c[2] / x
    assert factor[1] < min(factor[0], factor[2])
    assert np.isnan(laws.bian_argmin(c=(1.0, -0.05, 0.003)).x_star)


def test_more_tokens_harm_beyond_the_critical_number():
    D_crit = laws.kumar_dcrit(N=3e7, P_post=3.0, **BASE, **PTQ).D_crit
    D = D_crit * np.array([0.99, 1.0, 1.01])
    loss = BASE["B"] * D ** -BASE["beta"] + laws.get("kumar_ptq").predict(PTQ, N=3e7, D=D, P_post=3.0)
    assert loss[1] < min(loss[0], loss[2])


def test_effective_parameters_multiply_over_their_parts():
    law = laws.get("kumar_neff")
    params = law.published["kumar2024"].params
    N_eff = law.predict(params, N=1e8, P_w=4.0, P_a=8.0, P_kv=16.0)
    parts = [1 - np.exp(-bits / params[f"gamma_{t}"]) for t, bits in (("w", 4), ("a", 8), ("kv", 16))]
    assert N_eff == pytest.approx(1e8 * np.prod(parts), rel=1e-14)


@pytest.mark.parametrize("seen", [3e4, 1e5, 2.5e5, 9.9e5])
def test_repeated_passes_multiply_one_by_one(seen):
    a, b, d, tau, pool = 1.9, -0.18, 0.1, 3.0, 1e5
    ends = [*np.arange(pool, seen, pool), seen]
    y = a * ends[0] ** b
    for j in range(1, len(ends)):
        y *= (ends[j] / ends[j - 1]) ** (b * 2 ** (-j / tau))
    params = {"a": a, "b": b, "d": d, "tau": tau}
    assert laws.get("goyal").predict(params, epoch_size=pool, seen=seen) == pytest.approx(y + d, rel=1e-13)


def test_a_student_of_a_perfect_teacher_never_reaches_it():
    law = laws.get("distill_student")
    params = law.published["busbridge2025"].params
    at = {"N_S": 1e9, "D_S": np.geomspace(1e9, 1e14, 6), "L_T": 2.0}
    loss = law.predict(params, **at)
    assert np.all(loss > 2.0)
    assert np.all(np.diff(loss) < 0)


def test_distillation_pays_for_what_it_is_told_to():
    all_of_it = laws.distill_flops(N_S=1e9, D_S=2e10, N_T=7e9, D_T=1e11).C
    assert all_of_it == 3 * 2e9 * 2e10 + 14e9 * (2e10 + 3e11)
    assert laws.distill_flops(N_S=1e9, D_S=2e10, N_T=7e9, D_T=1e11, logits=0.0, pretraining=0.0).C == 6 * 1e9 * 2e10


def test_annealing_follows_its_recursion():
    lr = cosine(1.0, 200)
    momentum, total = 0.0, 0.0
    for before, now in pairwise(lr):
        momentum = ANNEALING["lam"] * momentum + (before - now)
        total += momentum
    law = laws.get("lr_annealing")
    assert law.quantity("S2", ANNEALING, lr=lr) == pytest.approx(total, rel=1e-12)
    expected = 2.6 + 0.45 * lr.sum() ** -0.51 - 0.35 * total
    assert law.predict(ANNEALING, lr=lr) == pytest.approx(expected, rel=1e-13)


def test_multi_power_law_follows_its_double_sum():
    lr = cosine(3e-4, 60)
    saved = 0.0
    for k in range(1, lr.size):
        x = MPL["C"] * lr[k] ** -MPL["gamma"] * sum(lr[k:])
        saved += MPL["B"] * (lr[k - 1] - lr[k]) * (1 - (1 + x) ** -MPL["beta"])
    law = laws.get("mpl")
    assert law.quantity("LD", MPL, lr=lr) == pytest.approx(saved, rel=1e-11)
    expected = MPL["L0"] + MPL["A"] * (lr.sum() + MPL["S_W"]) ** -MPL["alpha"] - saved
    assert law.predict(MPL, lr=lr) == pytest.approx(expected, rel=1e-13)


def test_a_constant_schedule_gains_nothing_from_falling():
    flat, falling = np.full(50, 3e-4), cosine(3e-4, 50)
    for law, params, part in ((laws.get("mpl"), MPL, "LD"), (laws.get("lr_annealing"), ANNEALING, "S2")):
        assert law.quantity(part, params, lr=flat) == 0.0
        assert law.quantity(part, params, lr=falling) > 0.0


def test_clark_says_where_routing_stops_helping():
    law = laws.get("clark")
    at = law.quantity("N_cutoff", CLARK)
    few, many = (law.predict(CLARK, N=at, experts=float(n)) for n in (1, 512))
    assert few == pytest.approx(many, rel=1e-12)
    assert law.predict(CLARK, N=at / 10, experts=512.0) < law.predict(CLARK, N=at / 10, experts=1.0)


def test_published_values_too_rounded_to_use_say_so():
    with pytest.warns(iso.PrecisionWarning, match="N_cutoff"):
        laws.get("clark").published["clark2022_sbase"].predict(N=1.3e8, experts=64.0)
