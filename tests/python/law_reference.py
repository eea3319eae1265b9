"""Laws written once more, in plain numbers and by the letters of their papers: what `laws check` is compared with.

A name takes the parameters and inputs of a row (lists as lists) and returns its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, expm1, log, log10, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np

PF = 8.64e19
REFERENCE: dict[str, Callable[[SimpleNamespace], dict[str, float]]] = {}


def row(output: str) -> Callable[[Callable[[Any], float]], Any]:
    """Register a law of one output under its function's name."""

    def register(function: Callable[[Any], float]) -> Any:
        REFERENCE[function.__name__] = lambda v: {output: function(v)}
        return function

    return register


def several(function: Callable[[Any], dict[str, float]]) -> Any:
    """Register a law of several outputs under its function's name."""
    REFERENCE[function.__name__] = function
    return function


def listed(value: float | Sequence[float]) -> list[float]:
    """Return a list; a list of one is written as a number."""
    return list(value) if isinstance(value, list) else [value]  # type: ignore[list-item]


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


def two_terms(v: Any, N: float, D: float) -> float:
    return v.E + v.A * N**-v.alpha + v.B * D**-v.beta


def optimum(v: Any, C: float) -> dict[str, float]:
    G = (v.alpha * v.A / (v.beta * v.B)) ** (1 / (v.alpha + v.beta))
    a, b = v.beta / (v.alpha + v.beta), v.alpha / (v.alpha + v.beta)
    gamma = v.alpha * v.beta / (v.alpha + v.beta)
    K = v.A * G**-v.alpha + v.B * G**v.beta
    N, D, L = G * (C / 6) ** a, (C / 6) ** b / G, v.E + K * (C / 6) ** -gamma
    return {"G": G, "a": a, "b": b, "gamma": gamma, "K": K, "N_opt": N, "D_opt": D, "L_opt": L, "D_over_N": D / N}


def saturated(v: Any, experts: float) -> float:
    return 1 / (1 / (experts - 1 + 1 / (1 / v.E_start - 1 / v.E_max)) + 1 / v.E_max)


def bisect(f: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a rising function by halving, on the logarithm where both ends are positive."""
    for _ in range(300):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return (low + high) / 2


# ---- one variable


@several
def huber(v):
    rho = v.r**2 / 2 if abs(v.r) <= v.delta else v.delta * (abs(v.r) - v.delta / 2)
    pseudo = v.r**2 / (sqrt(1 + (v.r / v.delta) ** 2) + 1)
    return {"rho": rho, "pseudo_huber": pseudo, "rho_smooth_l1": rho / v.delta}


def _plain() -> None:
    """Register laws of one line."""
    lines: dict[str, tuple[str, Callable[[Any], float]]] = {
        "power": ("L", lambda v: (v.Xc / v.X) ** v.alpha),
        "power_floor": ("L", lambda v: v.E + v.A * v.X**-v.alpha),
        "power_floor_scale": ("L", lambda v: v.E + (v.X0 / v.X) ** v.alpha),
        "m3": ("L", lambda v: v.beta * (1 / v.X + v.gamma) ** v.c),
        "shifted_power": ("L", lambda v: v.E + v.A * (v.X + v.X0) ** -v.alpha),
        "exponential": ("L", lambda v: v.E + v.A * exp(-v.k * v.X)),
        "log_law": ("L", lambda v: v.a - v.b * log(v.X)),
        "rectified": ("L", lambda v: v.E + v.B / (v.Dl + v.D**v.beta)),
        "kaplan_nd": ("L", lambda v: ((v.Nc / v.N) ** (v.alphaN / v.alphaD) + v.Dc / v.D) ** v.alphaD),
        "kaplan_overfit": ("dL", lambda v: (1 + (v.N / v.Nc) ** (v.alphaN / v.alphaD) * v.Dc / v.D) ** v.alphaD - 1),
        "kaplan_ns": ("L", lambda v: (v.Nc / v.N) ** v.alphaN + (v.Sc / v.Smin) ** v.alphaS),
        "bcrit_loss": ("Bcrit_tokens", lambda v: v.Bstar * v.L ** (-1 / v.alphaB)),
        "kaplan_lr": ("lr", lambda v: v.c0 - v.c1 * log(v.N)),
        "chinchilla": ("L", lambda v: two_terms(v, v.N, v.D)),
        "chinchilla_cost": ("C", lambda v: 6 * ((v.L - v.E) / optimum(v, 6.0)["K"]) ** (-1 / optimum(v, 6.0)["gamma"])),
        "coupled": ("L", lambda v: v.E + (v.A * v.N**-v.alpha + v.B * v.D**-v.beta) ** v.q),
        "gadre_loss": ("L", lambda v: v.E + (v.a * v.M**v.eta + v.b * v.M**-v.eta) * v.C**-v.eta),
        "gadre_mstar": ("M_star", lambda v: (v.b / v.a) ** (1 / (2 * v.eta))),
        "gadre_err": ("err", lambda v: v.eps - v.k * exp(-v.gamma * v.L)),
        "logistic4": ("y", lambda v: v.b + v.a * sigmoid(v.k * (v.x - v.x0))),
        "neglog_power": ("Q", lambda v: v.Q_random + (1 - v.Q_random) * exp(-v.A * v.C**-v.alpha)),
        "coverage": ("coverage", lambda v: exp(v.a * v.k**v.b)),
        "scalerl": ("R", lambda v: v.R0 + (v.A - v.R0) / (1 + (v.C_mid / v.C) ** v.B)),
        "expert_saturation": ("E_hat", lambda v: saturated(v, v.experts)),
        "krajewski": ("L", lambda v: v.c + (v.g / v.G**v.gamma + v.a) * v.N**-v.alpha + v.b * v.D**-v.beta),
        "frantar": (
            "L",
            lambda v: (v.aS * (1 - v.S) ** v.bS + v.cS) * v.N**-v.bN + (v.aD / v.D) ** v.bD + v.c,
        ),
        "bian_argmin": ("x_star", lambda v: v.c[2] / v.c[1]),
        "tao_f": ("tokens_per_char", lambda v: v.a * log(min(v.V, 2e5)) ** 2 + v.b * log(min(v.V, 2e5)) + v.c),
        "parscale": ("L", lambda v: v.E + (v.A / (v.N * (v.k * log(v.P) + 1))) ** v.alpha),
        "ye_mixing": (
            "L",
            lambda v: v.c + v.k * exp(sum(t * r for t, r in zip(listed(v.t), listed(v.r), strict=True))),
        ),
        "kumar_ptq": ("delta", lambda v: v.C_T * v.D**v.gamma_D * v.N**-v.gamma_N * exp(-v.P_post / v.gamma_post)),
        "kumar_dcrit": (
            "D_crit",
            lambda v: (
                (v.beta * v.B * v.N**v.gamma_N * exp(v.P_post / v.gamma_post) / (v.gamma_D * v.C_T))
                ** (1 / (v.beta + v.gamma_D))
            ),
        ),
        "farseer": (
            "L",
            lambda v: (
                exp(v.a3 * v.N**v.gamma + v.b3)
                + exp(v.a2 * v.N**v.beta + v.b2) * v.D ** -exp(v.a1 * v.N**v.alpha + v.b1)
            ),
        ),
    }
    for name, (output, function) in lines.items():
        REFERENCE[name] = lambda v, output=output, function=function: {output: function(v)}


_plain()


@row("L")
def m4(v):
    target = log(v.beta * v.X**-v.c)

    def gap(u):  # the root as a share of the way from E_inf to E_0
        eps = v.E_inf + (v.E_0 - v.E_inf) * sigmoid(u)
        return log(eps - v.E_inf) - v.alpha * log(v.E_0 - eps) - target

    return v.E_inf + (v.E_0 - v.E_inf) * sigmoid(bisect(gap, -30.0, 30.0))


@row("y")
def bnsl(v):
    y = v.b * v.X**-v.c0
    for c, d, f in zip(listed(v.c), listed(v.d), listed(v.f), strict=True):
        y *= (1 + (v.X / d) ** (1 / f)) ** (-c * f)
    return v.a + y


@several
def rosenfeld(v):
    e = v.a * v.D**-v.alpha + v.b * v.N**-v.beta + v.c_inf
    return {"eps_hat": e, "err": v.eps0 * e / sqrt(e**2 + v.eta**2)}


# ---- Kaplan


@row("S_stop")
def kaplan_stop(v):
    loss = REFERENCE["kaplan_nd"](v)["L"]
    return v.Sc / (loss - (v.Nc / v.N) ** v.alphaN) ** (1 / v.alphaS)


@several
def mccandlish(v):
    Bc = v.Emin / v.Smin
    return {"S": v.Smin * (1 + Bc / v.B), "tokens": v.Emin * (1 + v.B / Bc)}


@several
def batch_adjust(v):
    critical = v.Bstar * v.L ** (-1 / v.alphaB)
    return {"Bcrit_tokens": critical, "Smin": v.S / (1 + critical / v.B), "Cmin_over_C": 1 / (1 + v.B / critical)}


@several
def kaplan_frontier(v):
    r, C = v.alphaN / v.alphaS, v.C_PFdays * PF
    alphaC = 1 / (1 / v.alphaS + 1 / v.alphaB + 1 / v.alphaN)
    Cc = 6 * v.Nc * v.Bstar * v.Sc * (1 + r) ** (1 / v.alphaS + 1 / v.alphaN) * r ** (-1 / v.alphaS)
    L = (Cc / C) ** alphaC
    N = v.Nc * (C / Cc) ** (alphaC / v.alphaN) * (1 + r) ** (1 / v.alphaN)
    S = Cc / (6 * v.Nc * v.Bstar) * (1 + r) ** (-1 / v.alphaN) * (C / Cc) ** (alphaC / v.alphaS)
    return {"alphaC": alphaC, "Cc_PFdays": Cc / PF, "L": L, "N": N, "S": S, "B_tokens": v.Bstar * L ** (-1 / v.alphaB)}


@several
def kaplan_suboptimal(v):
    S = (1 + v.alphaS / v.alphaN * (1 - v.N_over_Neff**-v.alphaN)) ** (-1 / v.alphaS)
    return {"S_ratio": S, "C_ratio": v.N_over_Neff * S}


@several
def kaplan_alloc(v):
    C = v.C_PFdays
    return {"N": v.Ne * C**v.pN, "B_tokens": v.Be * C**v.pB, "Smin": v.Se * C**v.pS, "D": v.De * C**v.pD}


# ---- Chinchilla and its kin


@several
def chinchilla_opt(v):
    return optimum(v, v.C)


@several
def chinchilla_logjac(v):
    a, b = v.A * v.N**-v.alpha, v.B * v.D**-v.beta
    L = v.E + a + b
    slopes = {"d_logA": a, "d_logB": b, "d_logE": v.E, "d_alpha": -a * log(v.N), "d_beta": -b * log(v.D)}
    return {"logL": log(L), **{name: x / L for name, x in slopes.items()}}


@several
def coupled_logjac(v):
    a, b = v.A * v.N**-v.alpha, v.B * v.D**-v.beta
    s = a + b
    L = v.E + s**v.q
    f = v.q * s ** (v.q - 1) / L
    slopes = {"d_logA": f * a, "d_logB": f * b, "d_alpha": -f * a * log(v.N), "d_beta": -f * b * log(v.D)}
    return {"logL": log(L), "d_logE": v.E / L, "d_logq": v.q * s**v.q * log(s) / L, **slopes}


@several
def offopt_identity(v):
    a, b = v.beta / (v.alpha + v.beta), v.alpha / (v.alpha + v.beta)
    ratio = a * v.k**-v.alpha + b * v.k**v.beta
    costs = ratio ** ((v.alpha + v.beta) / (v.alpha * v.beta))
    return {"reducible_ratio": ratio, "C_over_Cequiv": costs, "curvature_over_reducible": v.alpha * v.beta}


@several
def chinchilla_offopt(v):
    best = optimum(v, v.C)
    L = two_terms(v, v.k * best["N_opt"], best["D_opt"] / v.k)
    costs = offopt_identity(v)["C_over_Cequiv"]
    reducible = best["L_opt"] - v.E  # the difference by the identity, which loses no digits
    return {"L": L, "excess_L": reducible * (offopt_identity(v)["reducible_ratio"] - 1), "C_over_Cequiv": costs}


@several
def twoterm_opt_general(v):
    front = v.alpha * v.A * v.v / (v.beta * v.B * v.u) * (v.C / v.kappa) ** (v.beta / v.v)
    N = front ** (1 / (v.alpha + v.beta * v.u / v.v))
    D = (v.C / (v.kappa * N**v.u)) ** (1 / v.v)
    return {"N_opt": N, "D_opt": D, "L_opt": two_terms(v, N, D)}


@several
def isoflop_parabola(v):
    true = optimum(v, v.C)["N_opt"]
    x = np.linspace(-log10(v.w), log10(v.w), round(v.n))  # about the true optimum
    y = [two_terms(v, true * 10**s, v.C / (6 * true * 10**s)) for s in x]
    c, b, a = np.polynomial.polynomial.polyfit(x, y, 2)
    return {"N_opt_true": true, "N_vertex": true * 10 ** (-b / (2 * a)), "L_vertex": c - b * b / (4 * a)}


@several
def pearce_song(v):
    N, g = v.N_nonemb, v.gamma
    total = N + g * N ** (1 / 3)
    C = 6 * N * (N + g / 3 * N ** (1 / 3)) ** (-1 / v.beta) * total ** ((1 + v.alpha) / v.beta)
    C *= (v.beta * v.B / (v.alpha * v.A)) ** (1 / v.beta)
    u = N ** (2 / 3)
    h = 1 - (u + g / 9) / (v.beta * (u + g / 3)) + (1 + v.alpha) * (u + g / 3) / (v.beta * (u + g))
    D = C / (6 * N)
    return {"N_total": total, "C_nonemb": C, "D": D, "local_exponent": 1 / h, "L": two_terms(v, total, D)}


@several
def alloc_power(v):
    D = v.A * v.C**v.alpha
    return {"D_opt": D, "N_opt": v.C / (6 * D)}


@several
def muennighoff(v):
    A, B, E = exp(v.a), exp(v.b), exp(v.e)
    G = (v.alpha * A / (v.beta * B)) ** (1 / (v.alpha + v.beta))
    U_D = min(v.U, v.D)
    U_N = min(v.N, G * (G * U_D) ** (v.beta / v.alpha))
    R_D, R_N = v.D / U_D - 1, max(v.N / U_N - 1, 0)
    D_eff = U_D * (1 + v.RD_star * (1 - exp(-R_D / v.RD_star)))
    N_eff = U_N * (1 + v.RN_star * (1 - exp(-R_N / v.RN_star)))
    L = E + A * N_eff**-v.alpha + B * D_eff**-v.beta
    return {"U_D": U_D, "R_D": R_D, "U_N": U_N, "R_N": R_N, "D_eff": D_eff, "N_eff": N_eff, "G": G, "L": L}


@several
def sardana(v):
    target = v.L_target if hasattr(v, "L_target") else two_terms(v, v.N_ref, v.D_ref)

    def tokens(x):
        return (v.B / (target - v.E - v.A * exp(x) ** -v.alpha)) ** (1 / v.beta)

    def gap(x):
        a = v.A * exp(x) ** -v.alpha
        return 1 + v.D_inf / (3 * tokens(x)) - v.alpha * a / (v.beta * (target - v.E - a))

    least = log((v.A / (target - v.E)) ** (1 / v.alpha))
    x = bisect(gap, least + 1e-9, least + 60)
    N, D = exp(x), tokens(x)
    total = 6 * N * D + 2 * N * v.D_inf
    return {"L_target": target, "N": N, "D": D, "D_over_N": D / N, "total_FLOPs": total}


# ---- downstream


@several
def two_step(v):
    task = v.E + exp(v.logA) * v.N**-v.alpha + exp(v.logB) * v.D**-v.beta
    return {"task_bpb": task, "acc": v.b + v.a * sigmoid(v.k * (task - v.x0))}


@row("y")
def logistic_linear(v):
    z = v.w0 + sum(w * x for w, x in zip(listed(v.w), listed(v.features), strict=True))
    return v.floor + (1 - v.floor) * sigmoid(z)


@several
def seq_accuracy(v):
    return {"token_acc": exp(-v.L), "exact_match": exp(-v.L * v.T), "edit_expect": -v.T * expm1(-v.L)}


# ---- sparse and shaped models


@row("L")
def clark(v):
    n, e = log10(v.N), log10(saturated(v, v.experts))
    return 10 ** (v.a * n + v.b * e + v.c * n * e + v.d)


@row("N_effective")
def clark_epc(v):
    E = saturated(v, v.experts)
    slope, dense = v.a + v.c * log10(E), v.a + v.c * log10(v.E_start)
    return v.N ** (slope / dense) * (E / v.E_start) ** (v.b / dense)


@row("L")
def abnar(v):
    powers = v.a * v.N**-v.alpha + v.b * v.D**-v.beta + v.c * (1 - v.S) ** -getattr(v, "lambda")
    return powers + v.d * (1 - v.S) ** -v.delta * v.N**-v.gamma + v.e


@several
def ludziejewski(v):
    E = saturated(v, v.experts)
    m, mu = v.a * E**v.delta, v.alpha + v.gamma * log(E)
    n, nu = v.b * E**v.omega, v.beta + v.zeta * log(E)
    found = {"E_hat": E, "m": m, "mu": mu, "n": n, "nu": nu}
    return {**found, "L": m * v.N_act**mu + n * v.D**nu + v.c} if hasattr(v, "N_act") else found


@several
def ludziejewski_opt(v):
    s = ludziejewski(v)
    best = optimum(SimpleNamespace(E=v.c, A=s["m"], alpha=-s["mu"], B=s["n"], beta=-s["nu"]), v.C)
    return {"N_act_opt": best["N_opt"], "D_opt": best["D_opt"], "L_opt": best["L_opt"]}


@row("L")
def bian_mult(v):
    x = v.d_model / sqrt(v.N)
    width = v.a[0] + v.a[1] * log(x) + v.a[2] / x
    return width * (v.b[0] + v.b[1] * log(v.r) + v.b[2] / v.r) * v.L_opt


@row("L")
def spt(v):
    return exp(v.e) + sum(exp(a) * x**-p for a, p, x in zip(listed(v.a), listed(v.alpha), listed(v.x), strict=True))


@row("L_u")
def tao_lu(v):
    vocabulary = v.A2 * (v.V * v.d / 1e6) ** -v.alpha2
    return -v.E + v.A1 * (v.N_nv / 1e6) ** -v.alpha1 + vocabulary + v.B * (v.D / 1e9) ** -v.beta


@row("L")
def ho_progress(v):
    t = v.year - v.Y0
    return v.E + v.A * v.N**-v.alpha * exp(-v.alpha_year * t) + v.B * v.D**-v.beta * exp(-v.beta_year * t)


# ---- hyper-parameters, precision, data, schedules


@row("value")
def hp_power(v):
    value = v.k
    for name, power in vars(v).items():
        if name.startswith("p_"):
            value *= getattr(v, name[2:]) ** power
    return value


@several
def flops_token_deepseek(v):
    blocks = 72 * v.n_layer * v.d_model**2
    M = blocks + 12 * v.n_layer * v.d_model * v.l_seq
    whole = blocks + 6 * v.n_vocab * v.d_model
    return {"M": M, "six_N1": blocks, "six_N2": whole, "six_N1_over_M": blocks / M, "six_N2_over_M": whole / M}


@row("N_eff")
def kumar_neff(v):
    N = v.N
    for t in ("w", "a", "kv"):
        if hasattr(v, f"P_{t}"):
            N *= 1 - exp(-getattr(v, f"P_{t}") / getattr(v, f"gamma_{t}") + getattr(v, f"n_{t}", 0.0))
    return N


@row("L")
def kumar_loss(v):
    return v.A * kumar_neff(v) ** -v.alpha + v.B * v.D**-v.beta + v.E


@several
def distill_student(v):
    own = v.E + (v.A * v.N_S**-v.alpha + v.B * v.D_S**-v.beta) ** v.gamma
    bend = (1 + (v.L_T / (own * v.d1)) ** (1 / v.f1)) ** (-v.c1 * v.f1)
    gap = (v.A2 * v.N_S**-v.alpha2 + v.B2 * v.D_S**-v.beta2) ** v.gamma2
    return {"L_supervised": own, "L_student": v.L_T + v.L_T**-v.c0 * bend * gap}


@several
def hernandez(v):
    D_T = v.k * v.D_F**v.alpha * v.N**v.beta
    return {"D_T": D_T, "D_E": v.D_F + D_T, "multiplier": (v.D_F + D_T) / v.D_F}


@row("L")
def hernandez_unified(v):
    return ((v.Nc / v.N) ** (v.alphaN / v.alphaD) + v.Dc / hernandez(v)["D_T"]) ** v.alphaD


@row("y")
def goyal(v):
    ends = [v.epoch_size * j for j in range(1, 1000) if v.epoch_size * j < v.seen] + [v.seen]
    y = v.a * ends[0] ** v.b
    for j in range(1, len(ends)):
        y *= (ends[j] / ends[j - 1]) ** (v.b * 2 ** (-j / v.tau))
    return y + v.d


@several
def aghajanyan(v):
    i = v.Ei + v.Ai * v.N**-v.ai + v.Bi * v.Di**-v.bi
    j = v.Ej + v.Aj * v.N**-v.aj + v.Bj * v.Dj**-v.bj
    both = -v.Cij + v.Aij * v.N**-v.aij + v.Bij * (v.Di + v.Dj) ** -v.bij
    return {"interaction": both, "L": (i + j) / 2 + both}


@several
def lr_annealing(v):
    S2, momentum = 0.0, 0.0
    for last, rate in zip(v.lr[:-1], v.lr[1:], strict=True):
        momentum = v.lam * momentum + last - rate
        S2 += momentum
    S1 = sum(v.lr)
    return {"S1": S1, "S2": S2, "L": v.L0 + v.A * S1**-v.alpha - v.C * S2}


@several
def mpl(v):
    drop = 0.0
    for k in range(1, len(v.lr)):
        left = sum(v.lr[k:])
        drop += (v.lr[k - 1] - v.lr[k]) * (1 - (1 + v.C * v.lr[k] ** -v.gamma * left) ** -v.beta)
    return {"LD": v.B * drop, "L": v.L0 + v.A * (sum(v.lr) + v.S_W) ** -v.alpha - v.B * drop}
