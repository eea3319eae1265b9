"""Forms that studies of learning curves fit to small samples, beside those of `_single`.

Their POW2 is `power`, POW3 `power_floor`, POW4 `shifted_power`, EXP3 `exponential` and LOG2 `log_law`.
Fine-tuning curves are here too.
"""

from __future__ import annotations

from .._law import Law
from .._recipe import Recipe

_ZOO = "Viering and Loog 2021, arXiv 2103.10948; Mohr et al. 2022 (LCDB)"
_CURVE = {"X": "size of the training set; y is an error rate or a loss"}
_SQUARED = Recipe("squared", note="least squares on the error itself")
_SHORT = "curves over a decade or two of X; none of these forms is meant for forecasts over many decades"

exp2 = Law(
    "A * exp(-k * X)",
    variables=("X",),
    response="y",
    name="exp2",
    title="exponential decay without a floor (EXP2)",
    box={"A": (1e-3, 1e4), "k": (1e-9, 1e2)},
    recipe=Recipe("squared", note="a straight line through log y against X"),
    units=_CURVE,
    citation=_ZOO,
    validity=_SHORT,
    traps=("goes to zero faster than any learning curve does", "k has the unit 1/X"),
)

wbl4 = Law(
    "c - b * exp(-a * X**d)",
    variables=("X",),
    response="y",
    scale="linear",
    real=("b", "c"),
    name="wbl4",
    title="Weibull or Janoschek curve (WBL4): a stretched exponential towards c",
    box={"c": (-5.0, 5.0), "b": (-10.0, 10.0), "a": (1e-6, 1e2), "d": (0.05, 2.0)},
    recipe=_SQUARED,
    units=_CURVE,
    citation=_ZOO,
    validity=_SHORT,
    traps=("b below 0 for a falling curve: y starts at c - b and ends at c",),
)

ilog2 = Law(
    "a + b / log(X)",
    variables=("X",),
    response="y",
    scale="linear",
    real=("a", "b"),
    box={"a": (-5.0, 5.0), "b": (-50.0, 50.0)},
    range={"X": (1.0, float("inf"))},
    name="ilog2",
    title="inverse logarithm (ILOG2)",
    recipe=Recipe("squared", note="a straight line through y against 1/log X"),
    units=_CURVE,
    citation=_ZOO,
    validity=f"X above 1, where the logarithm is positive; {_SHORT}",
    traps=("has a pole at X = 1", "falls so slowly that its limit a lies far outside any data"),
)

mmf4 = Law(
    "(a * b + c * X**d) / (b + X**d)",
    variables=("X",),
    response="y",
    name="mmf4",
    title="Morgan-Mercer-Flodin curve (MMF4): from a at X = 0 to c, half way at X^d = b",
    derived={"X_half": "b**(1 / d)"},
    box={"a": (1e-3, 10.0), "b": (1e-6, 1e12), "c": (1e-3, 10.0), "d": (0.05, 3.0)},
    recipe=Recipe("squared"),
    units=_CURVE,
    citation=_ZOO,
    validity=f"a logistic in log X, as rectified is; {_SHORT}",
    traps=(
        "a needs points with X^d well below b, c points well above: hold a at chance if they are missing",
        "swapping a and c with the sign of d is the same curve; d is above 0 here",
    ),
)

vap3 = Law(
    "exp(a + b / X + c * log(X))",
    variables=("X",),
    response="y",
    real=("a", "b", "c"),
    box={"a": (-20.0, 20.0), "b": (-100.0, 100.0), "c": (-2.0, 2.0)},
    name="vap3",
    title="vapour-pressure curve (VAP3)",
    recipe=Recipe("squared", note="linear in a, b and c on log y"),
    units=_CURVE,
    citation=_ZOO,
    validity=_SHORT,
    traps=("no floor: for large X it is a power law with exponent c", "b/X matters for the smallest X only"),
)

_RECTIFIED = "Lin et al. 2024, arXiv 2402.02314; checked against the authors' code"

rectified = Law(
    "E + B / (Dl + D**beta)",
    variables=("D",),
    response="L",
    name="rectified",
    title="fine-tuning loss in samples, with the samples that pre-training was worth",
    derived={"A0": "E + B / Dl", "A0_minus_E": "B / Dl", "log_D_half": "log(Dl) / beta"},
    box={"E": (1e-2, 10.0), "B": (1e-2, 1e8), "Dl": (1e-1, 1e8), "beta": (0.05, 2.0)},
    recipe=Recipe("squared", note="least squares on log loss"),
    units={"D": "fine-tuning samples"},
    citation=_RECTIFIED,
    validity="D above 0; the loss without fine-tuning is A0 = E + B/Dl",
    traps=(
        "the same curve as a logistic in log D: E + (A0 - E)/(1 + (D/D_half)^beta)",
        "Dl has the unit samples^beta, not samples: quote D_half = Dl^(1/beta)",
        "without points beyond D_half the floor and beta are free together",
    ),
)

finetune_joint = Law(
    "E + A / X**alpha / D_f**beta",
    variables=("X", "D_f"),
    response="L",
    name="finetune_joint",
    title="fine-tuning loss in one pre-training resource and fine-tuning data, multiplied",
    box={"E": (1e-2, 10.0), "A": (1e-2, 1e8), "alpha": (0.01, 1.5), "beta": (0.01, 1.5)},
    recipe=Recipe("huber", 1e-3),
    units={"X": "parameters, pre-training tokens, or tuned parameters", "D_f": "fine-tuning samples"},
    citation="Zhang et al. 2024, arXiv 2402.17193, eq. 1 (formula quoted from memory by our reference)",
    validity="one method and one task; the exponents differ between full tuning, LoRA and prompt tuning",
    traps=(
        "one product term: it says that more data help a fixed share whatever X is",
        "D_f = 0 is outside; the loss without tuning is not part of the law",
    ),
)
