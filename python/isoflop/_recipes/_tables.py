"""Two tables of runs as one: which rows are whose, and which belong together because they share a unit.

A unit is what both recipes were run on alike: a scale, a seed, a group. Rows of one unit may share noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._engine import Codes, Floats, integers
from .._errors import DataError, compose, counted, listed
from .._runs import Runs, as_runs

#: Levels of the joint law, and the column that holds them.
BOTH, RECIPE, UNIT = ("a", "b"), "recipe", "unit"
#: Fewest runs of one recipe.
FEWEST = 3
#: Rows beyond which the patterns of shared noise would not fit in memory.
MOST_ROWS = 4_000
#: Points closer than this in the logarithm are the same.
SAME = 1e-4
#: "auto", "none" or a column.
Pair = str


@dataclass(frozen=True, eq=False)
class Tables:
    """The rows of both recipes, those of the first before those of the second.

    Attributes
    ----------
    columns : dict of str to ndarray
        The law's variables.
    loss : ndarray
    second : ndarray of bool
        Which rows are the second recipe's.
    unit : ndarray of int
        What is drawn as one when runs are resampled.
    group, twin : ndarray (n, n) of bool, or None
        Which pairs of different rows are of one group of one recipe, and of one unit, whatever the recipe.
    paired_by : str
        What units are, "" where the recipes share none.
    left_out : tuple of str
        Which rows of which recipe cannot be used, in words.
    """

    columns: dict[str, Floats]
    loss: Floats
    weights: Floats
    second: NDArray[np.bool_]
    unit: Codes
    group: NDArray[np.bool_] | None
    twin: NDArray[np.bool_] | None
    paired_by: str
    left_out: tuple[str, ...]

    @property
    def n_twins(self) -> int:
        """How many units both recipes have run."""
        if self.twin is None:
            return 0
        across = self.twin & (self.second[:, None] != self.second[None, :])
        return len(np.unique(self.unit[across.any(axis=1)]))


def split_recipes(runs: Any, by: str, names: tuple[str | None, str | None], roles: dict[str, str]) -> Any:
    """Return the two parts of one table, and what they are called."""
    parts = {str(label): part for label, part in as_runs(runs, **roles).split(by).items()}
    if names == (None, None) and len(parts) == 2:
        names = (*parts,)  # type: ignore[assignment]
    for name in names:
        if name not in parts:
            said = f"column {by!r} has no recipe {name!r}" if name else f"column {by!r} has {len(parts)} recipes"
            raise DataError(compose(said, f"name two of {listed(parts)}: a=..., b=..."))
    if names[0] == names[1]:
        raise DataError(compose(f"a and b are both {names[0]!r}", f"name two of {listed(parts)}"))
    return parts[str(names[0])], parts[str(names[1])], names


def read_tables(both: Sequence[Runs], variables: Sequence[str], names: Sequence[str], pair: Pair) -> Tables:
    """Return both tables as one.

    Raises
    ------
    DataError
        If a table lacks what the law needs, or has fewer than three runs at different points.
    """
    used, left_out = [], []
    for runs, name in zip(both, names, strict=True):
        missing = [v for v in (*variables, "loss") if v != "loss" and v not in runs.variables]
        if missing or not runs.has_loss:
            what = listed(missing) if missing else "the loss"
            hint = "both tables need the same columns: name them as in Runs, C='flops'"
            raise DataError(compose(f"the runs of {name} have no column for {what}", hint))
        part, _ = runs.for_variables(variables, positive=[*variables, "loss"])
        points = np.unique(np.round(np.log(np.column_stack([part.variable(v) for v in variables])) / SAME), axis=0)
        if len(points) < FEWEST:
            text = f"{name} has runs at {counted(len(points), 'point')}, expected {FEWEST} or more"
            raise DataError(compose(text, "a curve needs three scales at least; four or more say something of noise"))
        used.append(part)
        left_out += [f"{name}: {note}" for note in part.notes if note not in runs.notes]
    sizes = [part.n_rows for part in used]
    second = np.repeat([False, True], sizes)
    columns = {v: np.concatenate([part.variable(v) for part in used]) for v in variables}
    grouped = any("groups" in part.roles for part in used)
    if len(second) > MOST_ROWS and (grouped or pair != "none"):
        hint = "keep final checkpoints (Runs.final()); or leave out groups and pass pair='none'"
        raise DataError(
            compose(f"{len(second):,} rows are too many to look for shared noise, at most {MOST_ROWS:,}", hint)
        )
    keys, paired_by = _keys(used, columns, second, pair)
    group = _groups(used, second) if grouped else None
    twin = None if keys is None else (keys[:, None] == keys[None, :]) & ~np.eye(len(second), dtype=bool)
    unit = _units(group, twin, len(second))
    loss = np.concatenate([part.loss for part in used])
    weights = np.concatenate([part.weights for part in used])
    return Tables(columns, loss, weights, second, unit, group, twin, paired_by, tuple(left_out))


def _keys(
    used: Sequence[Runs], columns: dict[str, Floats], second: NDArray[np.bool_], pair: Pair
) -> tuple[Codes | None, str]:
    """Return a number per row that rows of one unit share, and what units are."""
    if pair == "none":
        return None, ""
    places = np.unique(
        np.round(np.log(np.column_stack(list(columns.values()))) / SAME).astype(np.int64), axis=0, return_inverse=True
    )[1].reshape(-1)
    if pair != "auto":
        return _combined(places, _labels(used, pair)), f"{pair} and scale"
    for extra, what in _candidates(used):
        keys = _combined(places, extra) if extra is not None else places
        common = np.intersect1d(keys[second], keys[~second])
        shares = [np.isin(keys[side], common).mean() for side in (second, ~second)]
        if len(common) >= FEWEST and min(shares) >= 0.5:
            return keys, what
    return None, ""


def _candidates(used: Sequence[Runs]) -> list[tuple[Codes | None, str]]:
    found: list[tuple[Codes | None, str]] = []
    if all("groups" in part.roles for part in used):
        found.append((_coded([x for part in used for x in _group_labels(part)]), "group and scale"))
    if all("seed" in part.columns for part in used):
        found.append((_labels(used, "seed"), "seed and scale"))
    return [*found, (None, "scale")]


def _labels(used: Sequence[Runs], column: str) -> Codes:
    for part in used:
        if column not in part.columns:
            raise DataError(compose(f"no column {column!r} to pair by in both tables", "pair='auto' looks for one"))
    return _coded([part.factor(column)[1][c] for part in used for c in part.factor(column)[0]])


def _group_labels(part: Runs) -> list[Any]:
    codes = part.group_codes()
    assert codes is not None
    return [codes[1][c] for c in codes[0]]


def _coded(labels: Sequence[Any]) -> Codes:
    index = {label: i for i, label in enumerate(dict.fromkeys(map(str, labels)))}
    return integers([index[str(label)] for label in labels])


def _combined(one: Codes, other: Codes) -> Codes:
    return np.unique(np.column_stack([one, other]), axis=0, return_inverse=True)[1].reshape(-1)


def _groups(used: Sequence[Runs], second: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return which pairs of different rows are of one group; None where every group is one row."""
    codes = np.concatenate(
        [_coded(_group_labels(part)) if "groups" in part.roles else np.arange(part.n_rows) for part in used]
    )
    same = (codes[:, None] == codes[None, :]) & (second[:, None] == second[None, :])
    np.fill_diagonal(same, val=False)
    return same if same.any() else None


def _units(group: NDArray[np.bool_] | None, twin: NDArray[np.bool_] | None, n: int) -> Codes:
    """Return rows that hang together, by groups or by pairs, under one number."""
    unit = np.arange(n)
    if group is None and twin is None:
        return integers(unit)
    joined = np.zeros((n, n), dtype=bool)
    for pattern in (group, twin):
        joined |= False if pattern is None else pattern
    while joined.any():
        lowest = np.minimum(unit, np.where(joined, unit[None, :], n).min(axis=1))
        if (lowest == unit).all():
            break
        unit = lowest
    return integers(np.unique(unit, return_inverse=True)[1].reshape(-1))
