"""Mixture-of-experts laws: routing, granularity, sparsity, active parameters, upcycling and leverage.

What follows from their parameters in closed form (effective sizes, compute, the best allocation) is in `_experts`.
"""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_CLARK = "Clark et al. 2022, arXiv 2202.01169"
_KRAJEWSKI = "Krajewski et al. 2024, arXiv 2402.07871"
_ABNAR = "Abnar et al. 2025, arXiv 2501.12370"
_JOINT = "Ludziejewski et al. 2025, arXiv 2502.05172"
#: How much of many experts counts: E_start for one, E_max for infinitely many.
_E_HAT = "1 / (1 / (experts - 1 + 1 / (1 / E_start - 1 / E_max)) + 1 / E_max)"
_COEFFICIENTS = ("a", "b", "c", "d", "E_start", "E_max")


def _clark(*values: float) -> Published:
    """Return one row of table 3."""
    convention = "log10; N without embeddings of the dense model inside; 130B tokens, top-1 routing"
    warning = "c has one or two digits: quantities that divide by it, like N_cutoff, come out wrong"
    params = dict(zip(_COEFFICIENTS, values, strict=True))
    return Published(params, f"{_CLARK}, table 3", convention=convention, verified=False, warning=warning)


clark = Law(
    "10**(a * log10(N) + b * log10(E_hat) + c * log10(N) * log10(E_hat) + d)",
    variables=("N", "experts"),
    real=("a", "b", "c", "d"),
    where={"E_hat": _E_HAT},
    response="L",
    name="clark",
    title="routed models: bilinear in log parameters and log saturated experts",
    derived={"N_cutoff": "10**(-b / c)"},
    box={
        "a": (-0.2, -0.02),
        "b": (-0.4, -0.02),
        "c": (0.0, 0.04),
        "d": (0.7, 1.6),
        "E_start": (1.0, 10.0),
        "E_max": (50.0, 2000.0),
    },
    recipe=Recipe("squared", note="mean squared error of log10 loss, L-BFGS from random starts"),
    units={"N": "parameters without embeddings that a token passes (of the dense model inside)", "experts": "experts"},
    range={"experts": (1.0, float("inf"))},
    citation=f"{_CLARK}, eq. 8 and table 3",
    validity="N from 1.5e7 to 1.3e9, 1 to 512 experts, 130e9 tokens, top-1 routing in every second layer",
    traps=(
        "E_start and E_max move by tens of per cent with the choice of rows: weakly identified",
        "routing stops helping above N_cutoff; never recompute it from the printed c of one or two digits",
        "the number of tokens is fixed: the law says nothing about longer training",
    ),
    published={
        "clark2022_sbase": _clark(-0.082, -0.108, 0.009, 1.104, 1.847, 314.478),
        "clark2022_rlr": _clark(-0.083, -0.126, 0.012, 1.111, 1.880, 469.982),
        "clark2022_hash": _clark(-0.087, -0.136, 0.012, 1.157, 4.175, 477.741),
    },
)

clark_dense = Law(
    "(Nc / N)**alphaN",
    variables=("N",),
    response="L",
    name="clark_dense",
    title="the dense baseline of the routed models",
    box={"Nc": (1e8, 1e18), "alphaN": (0.02, 0.5)},
    recipe=Recipe("squared", note="a straight line through log loss against log N"),
    units={"N": "parameters without embeddings"},
    citation=_CLARK,
    validity="N from 1.5e7 to 1.3e9, 130e9 tokens",
    traps=("pure power law: it has no floor", "Nc is far outside the data: judge fits by predictions"),
    published={
        "clark2022": Published(
            {"Nc": 3.568e13, "alphaN": 0.078}, _CLARK, convention="N without embeddings", verified=False
        ),
    },
)

krajewski = Law(
    "c + (g / G**gamma + a) / N**alpha + b / D**beta",
    variables=("N", "D", "G"),
    response="L",
    name="krajewski",
    title="fine-grained experts: the model term falls with granularity",
    box={
        "c": (0.05, 5.0),
        "g": (1e-2, 1e3),
        "gamma": (0.1, 2.0),
        "a": (0.1, 1e4),
        "alpha": (0.03, 0.6),
        "b": (0.1, 1e4),
        "beta": (0.03, 0.6),
    },
    recipe=Recipe("huber", 0.1, note="BFGS; with so wide a middle it is nearly least squares"),
    units={"N": "all parameters without embeddings (64 experts)", "D": "training tokens", "G": "granularity"},
    range={"G": (1.0, float("inf"))},
    citation=f"{_KRAJEWSKI}, eq. 9",
    validity="N from 1.3e8 to 3.7e9 in all, D from 1.6e10 to 1.3e11, G from 1 to 16, expansion 64",
    traps=(
        "N counts all 64 experts, not those that a token passes",
        "compute grows with G: the router costs n_blocks d_model experts G c_r, see krajewski_flops_token",
        "without rows of several G, g and a are one number",
    ),
    published={
        "krajewski2024_moe": Published(
            {"a": 18.1, "alpha": 0.115, "b": 30.8, "beta": 0.147, "g": 2.1, "gamma": 0.58, "c": 0.47},
            _KRAJEWSKI,
            convention="N total without embeddings, 64 experts",
            verified=False,
        ),
        "krajewski2024_dense": Published(
            {"a": 16.3, "alpha": 0.126, "b": 26.7, "beta": 0.127, "g": 0.0, "gamma": 1.0, "c": 0.47},
            _KRAJEWSKI,
            convention="dense models, N without embeddings: g is 0, so that G does not matter",
            verified=False,
        ),
    },
)

abnar = Law(
    "a / N**alpha + b / D**beta + c / (1 - S)**lambda + d / ((1 - S)**delta * N**gamma) + e",
    variables=("N", "D", "S"),
    real=("lambda", "delta"),
    response="L",
    name="abnar",
    title="parameters against FLOP: sparsity beside N and D",
    box={
        "a": (10.0, 1e6),
        "alpha": (0.1, 1.0),
        "b": (10.0, 1e6),
        "beta": (0.1, 1.0),
        "c": (1e-2, 5.0),
        "lambda": (-0.6, 0.6),
        "d": (0.1, 1e3),
        "delta": (-0.6, 0.6),
        "gamma": (0.03, 0.6),
        "e": (0.05, 3.0),
    },
    recipe=Recipe("huber", 1e-3),
    units={"N": "all parameters", "D": "training tokens", "S": "share of experts that a token does not pass, 0 to 1"},
    range={"S": (0.0, 1.0 - 1e-9)},
    citation=_ABNAR,
    validity="S from 0 to 0.95; R2 is 99 % in sample and 68 % on S = 0.98 held out",
    traps=(
        "ten parameters: c and e are one number where S does not vary, and nearly so where lambda is small",
        "lambda is negative in print: the third term falls as sparsity rises",
        "N counts all experts; compute goes with the active share",
    ),
    published={
        "abnar2025": Published(
            {
                "a": 16612.50,
                "alpha": 0.5962,
                "b": 5455.67,
                "beta": 0.3954,
                "c": 0.4598,
                "lambda": -0.1666,
                "d": 17.26,
                "delta": 0.1603,
                "gamma": 0.1595,
                "e": 0.94,
            },
            _ABNAR,
            convention="N total; S inactive share of experts",
            verified=False,
        ),
    },
)

ludziejewski = Law(
    "m * N_act**mu + n * D**nu + c",
    variables=("N_act", "D", "experts"),
    real=("alpha", "delta", "gamma", "beta", "omega", "zeta"),
    where={
        "E_hat": _E_HAT,
        "m": "a * E_hat**delta",
        "mu": "alpha + gamma * log(E_hat)",
        "n": "b * E_hat**omega",
        "nu": "beta + zeta * log(E_hat)",
    },
    response="L",
    name="ludziejewski",
    title="joint law of active parameters, tokens and experts: Chinchilla at every number of experts",
    box={
        "a": (1.0, 1e3),
        "delta": (-1.0, 1.0),
        "alpha": (-0.6, -0.05),
        "gamma": (-0.1, 0.1),
        "b": (1.0, 1e4),
        "omega": (-1.0, 1.5),
        "beta": (-0.6, -0.05),
        "zeta": (-0.1, 0.1),
        "c": (0.1, 3.0),
        "E_start": (1.0, 10.0),
        "E_max": (50.0, 2000.0),
    },
    recipe=Recipe("huber", 1e-2, note="L-BFGS-B on log loss"),
    units={"N_act": "active parameters with embeddings", "D": "training tokens", "experts": "experts"},
    range={"experts": (1.0, float("inf"))},
    citation=f"{_JOINT}, eq. 5 and table 3",
    validity="N_act up to 2.7e9 (5e9 in all), experts from 1 to 32; held-out error 0.4 % of the loss",
    traps=(
        "exponents are negative as written; copies often lose the signs",
        "N_act counts embeddings, the paper's learning-rate rule does not",
        "E_start and E_max are weakly identified with few numbers of experts",
    ),
    published={
        "ludziejewski2025": Published(
            {
                "a": 35.91,
                "alpha": -0.1889,
                "delta": -0.2285,
                "gamma": 0.0098,
                "b": 35.98,
                "beta": -0.1775,
                "omega": 0.5529,
                "zeta": -0.0259,
                "E_start": 2.0732,
                "E_max": 290.4521,
                "c": 1.3637,
            },
            f"{_JOINT}, table 3",
            convention="N_act with embeddings; C = 6 N_act D",
        ),
    },
)

upcycling = Law(
    "E + A * D1**-alpha1 * D2**(-alpha2 + alpha3 * log(D1))",
    variables=("D1", "D2"),
    real=("alpha1", "alpha3"),
    response="L",
    name="upcycling",
    title="experts grown from a dense model: tokens before and after, with exponents that interact",
    box={
        "E": (0.05, 5.0),
        "A": (1.0, 1e4),
        "alpha1": (0.01, 0.6),
        "alpha2": (0.05, 1.5),
        "alpha3": (0.0, 0.05),
    },
    units={"D1": "tokens of the dense model before", "D2": "tokens of the mixture of experts after"},
    citation="Liew et al. 2025, arXiv 2502.03009 (form as quoted by others)",
    validity="one model size; D1 and D2 both well above 1e9",
    traps=(
        "alpha2 falls as D1 grows: a long dense training leaves little for upcycling to gain",
        "A belongs to one token of each kind: judge fits by predictions",
    ),
)

efficiency_leverage = Law(
    "activation**(a + d * log(C) + beta * log(G) + gamma * log(G)**2)",
    variables=("activation", "G", "C"),
    real=("a", "d", "beta", "gamma"),
    response="EL",
    name="efficiency_leverage",
    title="compute of a dense model over that of an equally good mixture of experts",
    box={"a": (-2.0, 1.0), "d": (-0.1, 0.1), "beta": (-0.5, 0.5), "gamma": (-0.2, 0.2)},
    recipe=Recipe("squared", note="log leverage is linear in all parameters"),
    units={"activation": "share of experts that a token passes, 0 to 1", "G": "granularity", "C": "FLOP"},
    range={"activation": (0.0, 1.0), "G": (1.0, float("inf"))},
    citation="Tian et al. 2025, arXiv 2507.17702 (form from memory, without the saturation of the activation ratio)",
    validity="C from 1e18 to 1e22; leverage is 1 at activation 1 whatever the parameters",
    traps=(
        "the exponents are negative where experts help: leverage grows as the activation ratio falls",
        "log C runs over a narrow range, so a and d trade off",
    ),
)
