"""Laws in N and D whose terms are not simply added: outer exponents and the error envelope."""

from __future__ import annotations

from math import exp

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_EXPONENTS = {"a": "beta / (alpha + beta)", "b": "alpha / (alpha + beta)"}
_BUSBRIDGE = "Busbridge et al. 2025, arXiv 2502.08606"
_BOX = {"E": (0.05, 10.0), "A": (1.0, 1e8), "alpha": (0.05, 1.5), "B": (1.0, 1e8), "beta": (0.05, 1.5)}
_UNITS = {"N": "parameters", "D": "training tokens"}

coupled = Law(
    "E + (A / N**alpha + B / D**beta)**q",
    response="L",
    name="coupled",
    title="floor plus a power of the sum of a term in parameters and one in tokens",
    derived=_EXPONENTS,
    box={**_BOX, "q": (0.1, 2.0)},
    seed_at={"q": (0.3, 0.5, 1.0)},
    recipe=Recipe("huber", 1e-3),
    units=_UNITS,
    citation=f"{_BUSBRIDGE}, supervised baseline; Videau et al. 2026, arXiv 2608.07222",
    validity="as chinchilla, which is q = 1; kaplan_nd is E = 0, q = alphaD",
    traps=(
        "q and E are nearly degenerate: use a weak prior (prior='weak') or profile over q",
        "exponents are not comparable with those of chinchilla: visible slopes are q alpha and q beta",
        "the best N and D for a budget do not depend on q at all, the loss there does",
        "in another loss unit A and B scale by factor^(1/q)",
    ),
    published={
        "busbridge2025": Published(
            {"E": 1.220, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431, "q": 0.452},
            f"{_BUSBRIDGE}, supervised baseline",
            convention="N without embeddings; C4 tokens, nats per token",
            verified=False,
        ),
        "epoch2024_refit": Published(
            {
                "E": 1.7920351,
                "A": exp(8.2711038),
                "alpha": 0.4525526,
                "B": exp(10.4200361),
                "beta": 0.4865805,
                "q": 0.7368605,
            },
            "least squares on the logs of the 240 points of Besiroglu et al. 2024, arXiv 2404.10102",
            standard_error={"alpha": 0.0169196, "beta": 0.0152348, "q": 0.0316},
            convention="half sum of squares 0.00472814495; N and C with embeddings; nats per token of MassiveText",
        ),
        "videau2026_language": Published(
            {"q": 0.38},
            "Videau et al. 2026, arXiv 2608.07222",
            interval={"q": (0.31, 0.45)},
            convention="q only, range over language grids; log-Huber fits",
            verified=False,
        ),
        "videau2026_code": Published(
            {"q": 0.83},
            "Videau et al. 2026, arXiv 2608.07222",
            interval={"q": (0.77, 0.90)},
            convention="q only, range over code and the Chinchilla points; log-Huber fits",
            verified=False,
        ),
    },
)

pnorm = Law(
    "E + ((A * N**-alpha)**p + (B * D**-beta)**p)**(1 / p)",
    response="L",
    name="pnorm",
    title="floor plus the p-norm of a term in parameters and one in tokens",
    derived=_EXPONENTS,
    box={**_BOX, "p": (0.25, 8.0)},
    seed_at={"p": (1.0, 2.0)},
    units=_UNITS,
    citation=f"the constant-elasticity form; {_BUSBRIDGE}, in the form (.)^q with p = 1/q",
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
            f"{_BUSBRIDGE}, supervised baseline",
            convention="printed as E + (A N^-alpha + B D^-beta)^q, mapped by p = 1/q, A -> A^q, alpha -> q alpha",
            verified=False,
        ),
    },
)

rosenfeld = Law(
    "eps0 * eps_hat / sqrt(eps_hat**2 + eta**2)",
    variables=("D", "N"),
    where={"eps_hat": "a / D**alpha + b / N**beta + c_inf"},
    constants={"eta": 1.0},
    response="err",
    name="rosenfeld",
    title="error in data and parameters that saturates at chance",
    box={
        "eps0": (0.1, 20.0),
        "a": (1e-2, 1e8),
        "alpha": (0.05, 1.5),
        "b": (1e-2, 1e8),
        "beta": (0.05, 1.5),
        "c_inf": (1e-4, 5.0),
        "eta": (1e-3, 1e2),
    },
    recipe=Recipe("squared", note="mean and standard deviation of the relative error are reported"),
    units={"D": "training samples", "N": "parameters"},
    citation="Rosenfeld, Rosenfeld, Belinkov and Shavit 2020, arXiv 1909.12673, eq. 4 and 5",
    validity="from chance (eps0) down to the floor; below eta it is a sum of power laws times eps0/eta",
    traps=(
        "eps0 is known for most tasks: hold it at the error of guessing, fixed={'eps0': 0.9}",
        "only a/eta, b/eta and c_inf/eta are identified: a fit holds eta at 1",
        "far below chance eps0 is not identified either: the law is eps0/eta times a sum of power laws there",
    ),
)
