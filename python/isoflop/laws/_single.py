"""Laws of one resource X: parameters, tokens, compute, steps or samples.

Forms that only learning curves use are in `_learning_curves`, broken power laws in `_broken`.
"""

from __future__ import annotations

from .._law import Law
from .._published import Published
from .._recipe import Recipe

_KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361, table 5"
_WEBTEXT = "WebText2, nats per token; N without embeddings; C = 6NBS in PF-days (8.64e19 FLOP)"
_HENIGHAN = "Henighan et al. 2020, arXiv 2010.14701, table 1"
_MODALITY = "X = N without embeddings; nats per token of the modality; some largest models not converged"
_RESOURCE = {"X": "any one resource, the others not limiting"}
_ALABDULMOHSIN = "Alabdulmohsin, Neyshabur and Zhai 2022, arXiv 2209.06640"


def _henighan(floor: float, scale: float, alpha: float) -> Published:
    """Return E + (X0/X)^alpha, as printed, in terms of A = X0^alpha."""
    params = {"E": floor, "A": scale**alpha, "alpha": alpha}
    return Published(params, _HENIGHAN, convention=_MODALITY)


power = Law(
    "(Xc / X)**alpha",
    variables=("X",),
    response="L",
    name="power",
    title="pure power law of one resource",
    derived={"amplitude": "Xc**alpha"},
    box={"Xc": (1e-3, 1e30), "alpha": (0.01, 2.0)},
    recipe=Recipe("squared", note="a straight line through log loss against log X"),
    units=_RESOURCE,
    citation="Hestness et al. 2017, arXiv 1712.00409; Kaplan et al. 2020, arXiv 2001.08361, section 1.2",
    validity="where the loss is far above its floor; it goes to zero for large X, which no loss does",
    traps=(
        "a curve that flattens biases alpha downwards; never compare alpha between fits with and without a floor",
        "Xc is where the loss would be 1, far outside the data: judge fits by predictions, not by Xc",
        "Kaplan's compute is in PF-days: X=1 is 8.64e19 FLOP",
    ),
    published={
        "kaplan2020_N": Published({"Xc": 8.8e13, "alpha": 0.076}, _KAPLAN, convention=f"X = N; {_WEBTEXT}"),
        "kaplan2020_D": Published(
            {"Xc": 5.4e13, "alpha": 0.095}, _KAPLAN, convention=f"X = D, early stopped; {_WEBTEXT}"
        ),
        "kaplan2020_C": Published({"Xc": 1.6e7, "alpha": 0.057}, _KAPLAN, convention=f"X = C, fixed batch; {_WEBTEXT}"),
        "kaplan2020_Cmin": Published({"Xc": 3.1e8, "alpha": 0.050}, _KAPLAN, convention=f"X = C_min; {_WEBTEXT}"),
    },
)

power_floor = Law(
    "E + A / X**alpha",
    variables=("X",),
    response="L",
    name="power_floor",
    title="power law of one resource with an irreducible floor",
    box={"E": (1e-2, 10.0), "A": (1e-2, 1e8), "alpha": (0.02, 2.0)},
    units=_RESOURCE,
    citation="Hestness et al. 2017, arXiv 1712.00409; Henighan et al. 2020, arXiv 2010.14701, eq. 1.1",
    validity="at least four points over a decade of reducible loss; with less the floor is a guess",
    traps=(
        "below a factor e of reducible loss A, alpha and E are nearly free: report profile or bootstrap intervals",
        "A belongs to X=1 and to the unit of X: judge fits by predictions, not by A",
        "published scaled forms E + (X0/X)^alpha have A = X0^alpha",
    ),
    published={
        "henighan2020_image8": _henighan(3.12, 8.0e1, 0.24),
        "henighan2020_image16": _henighan(2.64, 2.8e2, 0.22),
        "henighan2020_video": _henighan(1.01, 3.7e4, 0.24),
    },
)

power_floor_scale = Law(
    "E + (X0 / X)**alpha",
    variables=("X",),
    response="L",
    name="power_floor_scale",
    title="power law of one resource with a floor, amplitude given as a scale",
    derived={"A": "X0**alpha"},
    box={"E": (1e-2, 10.0), "X0": (1e-9, 1e18), "alpha": (0.02, 2.0)},
    units=_RESOURCE,
    citation="Henighan et al. 2020, arXiv 2010.14701, eq. 1.1",
    validity="as power_floor, of which it is another way of writing: A = X0**alpha",
    traps=(
        "X0 is where the reducible loss would be 1, often far below the data; its errors span decades",
        "one constant printed to two digits, read on a log scale, moves the reducible loss by a few per cent",
        "compute in the source is in PF-days (8.64e19 FLOP)",
    ),
)

m3 = Law(
    "beta * (1 / X + gamma)**c",
    variables=("X",),
    response="L",
    name="m3",
    title="power law that levels off at beta gamma^c (M3)",
    derived={"floor": "beta * gamma**c", "X_bend": "1 / gamma"},
    box={"beta": (1e-3, 1e8), "gamma": (1e-12, 1e2), "c": (0.02, 2.0)},
    recipe=Recipe("squared", note="estimators are scored on held-out larger X, not on the fit"),
    units=_RESOURCE,
    citation=f"{_ALABDULMOHSIN}, section 3, form M3; checked against the authors' code",
    validity="error rates and losses; floor and amplitude are one parameter, which M2 keeps apart",
    traps=(
        "gamma is identified only by points near or beyond X = 1/gamma",
        "the sign of c differs between the paper and its code; here c above 0 falls with X",
        "choose among M1 to M4 by the error on held-out larger X, as the paper does",
    ),
)

shifted_power = Law(
    "E + A * (X + X0)**-alpha",
    variables=("X",),
    response="L",
    name="shifted_power",
    title="power law with a floor and a start-up offset X0",
    derived={"start": "E + A * X0**-alpha"},
    box={"E": (1e-3, 10.0), "A": (1e-2, 1e8), "X0": (1e-3, 1e12), "alpha": (0.02, 2.0)},
    units=_RESOURCE,
    citation="the form POW4 of learning-curve studies (Viering and Loog 2021, arXiv 2103.10948)",
    validity="curves that start flat and bend into a power law at X about X0",
    traps=(
        "X0, A and alpha trade off unless the data spans both sides of X0",
        "X0 below the smallest X goes to 0: the law is power_floor then",
        "A belongs to X + X0 = 1: judge fits by predictions",
    ),
)

exponential = Law(
    "E + A * exp(-k * X)",
    variables=("X",),
    response="L",
    name="exponential",
    title="exponential approach to a floor",
    derived={"half_life": "log(2) / k"},
    box={"E": (1e-3, 10.0), "A": (1e-3, 1e4), "k": (1e-9, 1e2)},
    units=_RESOURCE,
    citation="the form EXP3 of learning-curve studies (Viering and Loog 2021, arXiv 2103.10948)",
    validity="short ranges of X; losses of large ranges follow power laws instead",
    traps=(
        "k has the unit 1/X: rescale X and the search box with it",
        "over less than a decade of X it cannot be told from a power law, and it extrapolates far lower",
    ),
)

log_law = Law(
    "a - b * log(X)",
    variables=("X",),
    response="L",
    real=("a", "b"),
    scale="linear",
    box={"a": (0.0, 50.0), "b": (-5.0, 5.0)},
    name="log_law",
    title="straight line in log X",
    recipe=Recipe("squared", note="a straight line through the loss against log X"),
    units=_RESOURCE,
    citation="the limit alpha to 0 of a power law: A X^-alpha is about A - A alpha log X",
    validity="a decade or two; it crosses zero at X = exp(a/b)",
    traps=(
        "a power-law fit whose alpha goes to 0 while A grows is this law in disguise",
        "Llama 3 uses it for the log-likelihood of answers against FLOP, for small models only",
    ),
)
