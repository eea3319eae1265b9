"""Additive laws in N and D with a floor: Chinchilla, its re-examinations, and the tied form.

Outer exponents are in `_coupled`, what follows for budgets in `_compute_optimal`.
"""

from __future__ import annotations

from math import exp

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_HOFFMANN = "Hoffmann et al. 2022, arXiv 2203.15556"
_EPOCH = "Besiroglu et al. 2024, arXiv 2404.10102"
_MUENNIGHOFF = "Muennighoff et al. 2023, arXiv 2305.16264, authors' repository"
_C4 = "54 runs of C4, one pass; N with embeddings; nats per token"
_TOTAL = "N and C with embeddings, D = C/6N; nats per token of MassiveText"
_EXPONENTS = {"a": "beta / (alpha + beta)", "b": "alpha / (alpha + beta)"}


def _sardana(E: float, A: float, alpha: float, B: float, beta: float, ratio: str) -> Published:
    """Return a refit of Sardana et al. 2024 to runs of up to some tokens per parameter."""
    return Published(
        {"E": E, "A": A, "alpha": alpha, "B": B, "beta": beta},
        "Sardana et al. 2024, arXiv 2401.00448, table 1",
        convention=f"47 models, those of {ratio} tokens per parameter",
        verified=False,
        warning="two digits of an exponent near 0.1 move a forecast by tens of per cent",
    )


chinchilla = Law(
    "E + A / N**alpha + B / D**beta",
    response="L",
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
            warning="beta = 0.28 for 0.2849 alone moves the data term by 13 % at 1e11 tokens; use 'hoffmann2022'",
        ),
        "epoch2024_all": Published(
            {"E": 1.89, "A": 463.3, "alpha": 0.345, "B": 12530.0, "beta": 0.452},
            f"{_EPOCH}, all 245 points",
            standard_error={"E": 0.044, "A": 145.0, "alpha": 0.018, "B": 61650.0, "beta": 0.054},
            convention=f"245 digitised points; {_TOTAL}",
            verified=False,
        ),
        "epoch2024_refit": Published(
            {"E": 1.8172181, "A": 477.825876, "alpha": 0.3473105, "B": 2143.41732, "beta": 0.367172432},
            "minimum of the Huber sum (delta 1e-3) on the points of Besiroglu et al. 2024, arXiv 2404.10102",
            convention=f"240 digitised points; objective 0.00101827402; {_TOTAL}",
        ),
        "epoch2024_squares": Published(
            {
                "E": exp(0.623019788),
                "A": exp(6.385737425),
                "alpha": 0.360252798,
                "B": exp(8.492006200),
                "beta": 0.405883361,
            },
            "least squares on the logs of the points of Besiroglu et al. 2024, arXiv 2404.10102",
            standard_error={"alpha": 0.0104843957, "beta": 0.0090684607},
            convention=f"240 digitised points; half sum of squares 0.00573094351; {_TOTAL}",
        ),
        "muennighoff2023_c4": Published(
            {"E": exp(0.6254804), "A": exp(6.255414), "alpha": 0.3526596, "B": exp(7.3049974), "beta": 0.3526596},
            _MUENNIGHOFF,
            convention=f"alpha and beta tied; {_C4}",
        ),
        "muennighoff2023_c4_untied": Published(
            {"E": exp(0.6304388), "A": exp(5.95944), "alpha": 0.33491808, "B": exp(7.913895), "beta": 0.38285902},
            _MUENNIGHOFF,
            convention=_C4,
        ),
        "sardana2024_100": _sardana(0.17, 7.199, 0.08, 25.97, 0.13, "at most 100"),
        "sardana2024_250": _sardana(0.98, 14.23, 0.13, 39.54, 0.16, "at most 250"),
        "sardana2024_500": _sardana(0.95, 17.07, 0.13, 35.80, 0.16, "at most 500"),
        "sardana2024_10000": _sardana(1.45, 33.66, 0.18, 138.9, 0.24, "up to 10,000"),
    },
)

chinchilla_tied = Law(
    "E + A / N**alpha + B / D**alpha",
    response="L",
    name="chinchilla_tied",
    title="chinchilla with one exponent: the same tokens per parameter at every budget",
    derived={"tokens_per_param": "(B / A)**(1 / alpha)"},
    box={"E": (0.05, 10.0), "A": (1.0, 1e8), "B": (1.0, 1e8), "alpha": (0.05, 1.5)},
    recipe=Recipe("huber", 1e-3),
    units={"N": "parameters", "D": "training tokens"},
    citation="Muennighoff et al. 2023, arXiv 2305.16264; Gadre et al. 2024, arXiv 2403.08540 (eta = alpha/2)",
    validity="as chinchilla; N and D are optimal in proportion, as approaches 1 and 2 found",
    traps=(
        "the tie is an assumption about optima that data of one ratio D/N cannot check",
        "gadre_loss is this law in C and M: eta = alpha/2, a = A 6^eta, b = B 6^eta",
    ),
    published={
        "muennighoff2023_c4": Published(
            {"E": exp(0.6254804), "A": exp(6.255414), "B": exp(7.3049974), "alpha": 0.3526596},
            _MUENNIGHOFF,
            convention=_C4,
        ),
    },
)
