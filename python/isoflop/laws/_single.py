"""Laws of one resource X: parameters, tokens, compute, steps or samples."""

from __future__ import annotations

from .._law import Law, Published
from .._recipe import Recipe

_KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361, table 5"
_WEBTEXT = "WebText2, nats per token; N without embeddings; C = 6NBS in PF-days (8.64e19 FLOP)"
_HENIGHAN = "Henighan et al. 2020, arXiv 2010.14701, table 1"
_MODALITY = "X = N without embeddings; nats per token of the modality; some largest models not converged"


def _henighan(floor: float, scale: float, alpha: float) -> Published:
    """Return E + (X0/X)^alpha, as printed, in terms of A = X0^alpha."""
    params = {"E": floor, "A": scale**alpha, "alpha": alpha}
    return Published(params, _HENIGHAN, convention=_MODALITY)


power = Law(
    "(Xc / X)**alpha",
    variables=("X",),
    name="power",
    title="pure power law of one resource",
    derived={"amplitude": "Xc**alpha"},
    box={"Xc": (1e-3, 1e30), "alpha": (0.01, 2.0)},
    recipe=Recipe("squared", note="a straight line through log loss against log X"),
    units={"X": "any one resource, the others not limiting"},
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
    name="power_floor",
    title="power law of one resource with an irreducible floor",
    box={"E": (1e-2, 10.0), "A": (1e-2, 1e8), "alpha": (0.02, 2.0)},
    units={"X": "any one resource, the others not limiting"},
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
