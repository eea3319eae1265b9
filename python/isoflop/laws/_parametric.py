"""Parametric laws in N and D with a floor: Chinchilla and its generalisations."""

from __future__ import annotations

from math import exp

from .._law import Law, Published
from .._recipe import Recipe

_HOFFMANN = "Hoffmann et al. 2022, arXiv 2203.15556"
_EPOCH = "Besiroglu et al. 2024, arXiv 2404.10102"
_TOTAL = "N and C with embeddings, D = C/6N; nats per token of MassiveText"
_EXPONENTS = {"a": "beta / (alpha + beta)", "b": "alpha / (alpha + beta)"}

chinchilla = Law(
    "E + A / N**alpha + B / D**beta",
    name="chinchilla",
    title="floor plus a power law in parameters plus one in tokens",
    derived=_EXPONENTS,
    box={"E": (0.05, 10.0), "A": (1.0, 1e8), "alpha": (0.05, 1.5), "B": (1.0, 1e8), "beta": (0.05, 1.5)},
    recipe=Recipe("huber", 1e-3, note="the paper ran L-BFGS from a grid of 4,500 starts"),
    units={"N": "parameters", "D": "training tokens"},
    citation=f"{_HOFFMANN}, eq. 2 and 10 (approach 3)",
    validity="N from 4.4e7 to 1.6e10, one pass over the data, cosine schedule as long as the run",
    traps=(
        "sum the Huber losses or use a scale-free stopping rule: the mean (1e-6 here) stopped the original fit early",
        "A and B belong to N=1 and D=1: a change of 0.001 in alpha moves A by 2 %; judge fits by predictions",
        "losses in the middle of a decaying schedule are not samples of L(N, D)",
        "the intervals printed for approach 3 are too narrow by far (Besiroglu et al. 2024)",
        "a handful of outliers at low D/N moves beta by 0.09 and B by a factor of six",
    ),
    published={
        "epoch2024": Published(
            {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
            _EPOCH,
            standard_error={"E": 0.0257, "A": 124.52, "alpha": 0.0154, "B": 1293.28, "beta": 0.0206},
            interval={
                "E": (1.769, 1.871),
                "A": (285.2, 743.6),
                "alpha": (0.317, 0.373),
                "B": (1042.0, 5810.0),
                "beta": (0.331, 0.415),
            },
            convention=f"240 digitised points, the five highest losses dropped; {_TOTAL}",
        ),
        "hoffmann2022": Published(
            {"E": exp(0.5267228), "A": exp(6.0073404), "alpha": 0.33917084, "B": exp(6.0179186), "beta": 0.2849083},
            f"{_HOFFMANN}, unrounded, from the paper's TeX source",
            convention=_TOTAL,
        ),
        "hoffmann2022_printed": Published(
            {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
            f"{_HOFFMANN}, eq. 10",
            convention=_TOTAL,
            verified=False,
        ),
        "epoch2024_all": Published(
            {"E": 1.89, "A": 463.3, "alpha": 0.345, "B": 12530.0, "beta": 0.452},
            f"{_EPOCH}, all 245 points",
            standard_error={"E": 0.044, "A": 145.0, "alpha": 0.018, "B": 61650.0, "beta": 0.054},
            convention=f"245 digitised points; {_TOTAL}",
            verified=False,
        ),
        "muennighoff2023_c4": Published(
            {"E": exp(0.6254804), "A": exp(6.255414), "alpha": 0.3526596, "B": exp(7.3049974), "beta": 0.3526596},
            "Muennighoff et al. 2023, arXiv 2305.16264",
            convention="alpha and beta tied; C4, one pass; N with embeddings",
        ),
    },
)

pnorm = Law(
    "E + ((A * N**-alpha)**p + (B * D**-beta)**p)**(1 / p)",
    name="pnorm",
    title="floor plus the p-norm of a term in parameters and one in tokens",
    derived=_EXPONENTS,
    box={
        "E": (0.05, 10.0),
        "A": (1.0, 1e8),
        "alpha": (0.05, 1.5),
        "B": (1.0, 1e8),
        "beta": (0.05, 1.5),
        "p": (0.25, 8.0),
    },
    seed_at={"p": (1.0, 2.0)},
    units={"N": "parameters", "D": "training tokens"},
    citation="the constant-elasticity form; Busbridge et al. 2025, arXiv 2502.08606, in the form (.)^q with p = 1/q",
    validity="as chinchilla, which is p=1; p above 1 means that tokens replace parameters less than additively",
    traps=(
        "exponents are not comparable with those of chinchilla: compare forecasts and N_opt",
        "p and E trade off: use a weak prior (prior='weak') unless the design is wide in D/N",
        "the allocation exponent a does not depend on p, the prefactor of N_opt does",
    ),
    published={
        "busbridge2025": Published(
            {
                "E": 1.220,
                "A": 3355.0**0.452,
                "alpha": 0.408 * 0.452,
                "B": 18186.0**0.452,
                "beta": 0.431 * 0.452,
                "p": 1 / 0.452,
            },
            "Busbridge et al. 2025, arXiv 2502.08606, supervised baseline",
            convention="printed as E + (A N^-alpha + B D^-beta)^q, mapped by p = 1/q, A -> A^q, alpha -> q alpha",
            verified=False,
        ),
    },
)
