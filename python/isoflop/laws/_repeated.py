"""Laws for data that are read more than once."""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_SOURCE = "Muennighoff et al. 2023, arXiv 2305.16264"
_CONVENTION = "N with embeddings; D tokens seen and U unique tokens of C4; nats per token"

muennighoff = Law(
    "exp(e) + exp(a) / N_eff**alpha + exp(b) / D_eff**beta",
    variables=("N", "D", "U"),
    real=("a", "b", "e"),
    where={
        "G": "((alpha * exp(a)) / (beta * exp(b)))**(1 / (alpha + beta))",
        "U_D": "min(U, D)",
        "R_D": "D / U_D - 1",
        "U_N": "min(N, G * (G * U_D)**(beta / alpha))",
        "R_N": "max(N / U_N - 1, 0)",
        "D_eff": "U_D * (1 - RD_star * expm1(-R_D / RD_star))",
        "N_eff": "U_N * (1 - RN_star * expm1(-R_N / RN_star))",
    },
    derived={"repeats_half_value": "log(2) * RD_star", "D_eff_limit": "1 + RD_star"},
    response="L",
    name="muennighoff",
    title="chinchilla with effective data and parameters where tokens are repeated",
    box={
        "e": (-3.0, 2.5),
        "a": (0.0, 18.0),
        "alpha": (0.05, 1.5),
        "b": (0.0, 18.0),
        "beta": (0.05, 1.5),
        "RD_star": (0.5, 200.0),
        "RN_star": (0.5, 200.0),
    },
    seed_at={"RD_star": (5.0, 20.0), "RN_star": (5.0, 20.0)},
    recipe=Recipe(
        "huber",
        1e-3,
        note="two stages: the base on runs of one epoch, then RD_star and RN_star with the base held (fixed=)",
    ),
    units={"N": "parameters", "D": "training tokens seen", "U": "unique tokens at hand"},
    citation=f"{_SOURCE}, eq. 5 and 6",
    validity="N up to 9e9, up to about 40 epochs of web text; U_N is the model that U_D tokens would be optimal for",
    traps=(
        "hold the base (fixed=published base) and fit RD_star and RN_star: U_N depends on every parameter of the base",
        "it cannot rise with more epochs: runs that over-fit (beyond 40 to 60 epochs) must be left out",
        "without repeated runs RD_star and RN_star are free; as RD_star grows the law becomes chinchilla",
        "N_eff and D_eff have a kink at N = U_N and D = U",
        "the first four repeats are worth nearly as much as new tokens; the value halves every 0.69 RD_star repeats",
    ),
    published={
        "muennighoff2023": Published(
            {
                "a": 6.255414,
                "b": 7.3049974,
                "e": 0.6254804,
                "alpha": 0.3526596,
                "beta": 0.3526596,
                "RD_star": 15.387756,
                "RN_star": 5.309743,
            },
            f"{_SOURCE}, authors' repository",
            convention=f"{_CONVENTION}; 182 runs, base from 54 with alpha = beta, then held",
        ),
    },
)
