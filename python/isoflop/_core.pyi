# Written by hand and checked by mypy.stubtest. Only `_engine.py` imports this module.
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64]
_Codes: TypeAlias = NDArray[np.int64]

DEBUG: bool
__version__: str
STATUS: list[tuple[str, str]]
CONVENTIONS: list[str]
CONSTANTS: list[str]
REFUSALS: list[tuple[str, str]]
COST_COLUMNS: list[str]

def law_info(spec: dict[str, Any]) -> dict[str, Any]: ...
def fit(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    starts: _Floats | None,
    n_starts: int,
    seed: int,
    only_starts: bool,
) -> dict[str, Any]: ...
def bootstrap(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    theta: _Floats,
    delta: float,
    scheme: str,
    groups: _Codes | None,
    first: int,
    count: int,
    seed: int,
    n_threads: int,
    progress: Callable[[int], None] | None,
) -> dict[str, Any]: ...
def resample_weights(
    n: int, scheme: str, groups: _Codes | None, strata: _Codes | None, seed: int, index: int
) -> _Floats: ...
def predict(spec: dict[str, Any], theta: _Floats, columns: dict[str, _Floats], codes: dict[str, _Codes]) -> _Floats: ...
def jacobian(
    spec: dict[str, Any], theta: _Floats, columns: dict[str, _Floats], codes: dict[str, _Codes]
) -> list[_Floats]: ...
def predict_draws(
    spec: dict[str, Any],
    draws: _Floats,
    columns: dict[str, _Floats],
    codes: dict[str, _Codes],
    n_threads: int,
) -> _Floats: ...
def band(
    spec: dict[str, Any],
    draws: _Floats,
    keep: NDArray[np.bool_],
    columns: dict[str, _Floats],
    codes: dict[str, _Codes],
    probs: _Floats,
    n_threads: int,
    noise: _Floats | None,
) -> _Floats: ...
def objective(spec: dict[str, Any], table: dict[str, Any], recipe: dict[str, Any], theta: _Floats) -> float: ...
def count_parameters(model: dict[str, Any]) -> dict[str, Any]: ...
def flops_per_token(model: dict[str, Any], seq_len: int, convention: str, pass_: str, recompute: str) -> float: ...
def forward_flops(model: dict[str, Any], seq_len: int) -> dict[str, float]: ...
def batch_counts(
    model: dict[str, Any],
    columns: dict[str, _Codes],
    follow: list[str],
    rows: tuple[int, int],
    seq_len: int,
    parameters: bool,
    how: tuple[str, str, str] | None,
) -> tuple[_Codes, _Codes, _Codes, _Floats]: ...
def evaluate_layouts(pairs: list[dict[str, Any]], constants: _Floats) -> _Floats: ...
def search_layouts(
    job: dict[str, Any], constants: _Floats, axes: dict[str, Any], keep: int, n_threads: int
) -> dict[str, Any]: ...
def serve(job: dict[str, Any], constants: _Floats, prompt: float, context: float) -> dict[str, float]: ...
def discrepancy(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    starts: _Floats,
    refit: bool,
    field: dict[str, Any],
    grid: _Floats,
    targets: dict[str, Any] | None,
    n_threads: int,
) -> dict[str, Any]: ...
def exchange_design(
    beliefs: list[dict[str, Any]], cost: _Floats, limits: dict[str, Any], starts: int, seed: int
) -> dict[str, Any]: ...
def design_variances(beliefs: list[dict[str, Any]], n: int) -> _Floats: ...
def whiten(covariance: _Floats, columns: _Floats) -> _Floats: ...
def schedule_runs(cost: _Floats, slots: int) -> tuple[_Codes, float]: ...
def student(probabilities: _Floats, df: float) -> _Floats: ...
def intervals(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    theta: _Floats,
    quantities: list[dict[str, Any]],
    method: str,
    options: dict[str, Any],
    progress: Callable[[int], None] | None,
) -> dict[str, Any]: ...
def study(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    start: _Floats,
    responses: _Floats,
    quantities: list[dict[str, Any]],
    methods: list[str],
    options: dict[str, Any],
    progress: Callable[[int], None] | None,
) -> _Floats: ...
def double_bootstrap(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    theta: _Floats,
    quantities: list[dict[str, Any]],
    scheme: str,
    n_inner: int,
    options: dict[str, Any],
    progress: Callable[[int], None] | None,
) -> dict[str, Any]: ...
def quantity_draws(quantities: list[dict[str, Any]], draws: _Floats) -> list[tuple[_Floats, bool]]: ...
def ends(
    reading: str, estimate: float, level: float, values: _Floats, jackknife: _Floats, shares: _Floats
) -> tuple[float, float, float, float]: ...
def f_cdf(x: float, d1: float, d2: float) -> float: ...
def resample_response(
    spec: dict[str, Any],
    table: dict[str, Any],
    recipe: dict[str, Any],
    theta: _Floats,
    scheme: str,
    index: int,
    options: dict[str, Any],
) -> _Floats: ...
def leverages(
    spec: dict[str, Any], table: dict[str, Any], recipe: dict[str, Any], theta: _Floats, options: dict[str, Any]
) -> _Floats: ...
def optimum(
    question: dict[str, Any],
    draws: _Floats,
    targets: _Floats,
    starts: _Floats,
    budgets: _Floats | None,
    n_threads: int,
) -> dict[str, Any]: ...
def optimum_around(
    question: dict[str, Any], draw: _Floats, sizes: _Floats, budgets: _Floats, losses: _Floats
) -> tuple[_Floats, _Floats]: ...
def optimum_tokens(
    question: dict[str, Any], draws: _Floats, sizes: _Floats, losses: _Floats, n_threads: int
) -> _Floats: ...
def simd() -> dict[str, Any]: ...
def _panic() -> None: ...
