"""`simulate`: make runs from a law, for demos, tests, coverage studies and planning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _engine, laws
from ._errors import DataError, LawError, compose
from ._evaluate import theta_of
from ._fitted import Fit
from ._frames import Table, read_table
from ._law import Law
from ._points import backend_of, make_frame, read_points
from ._published import Published
from ._runs import Runs, as_runs


def simulate(
    law: Law | Published | Fit | str,
    points: Any,
    *,
    params: Mapping[str, float] | str | None = None,
    noise: float = 0.005,
    groups: str | Any = None,
    group_noise: float = 0.0,
    rng: Any = 0,
) -> Runs:
    """Simulate training runs from a law.

    Parameters
    ----------
    law : Law, Published, Fit or str
        What is true; a name means a law of the catalogue.
    points : frame or mapping of arrays
        Where runs are made: the law's variables (and level columns).
    params : mapping or str, optional
        Values per parameter, or the key of published ones. The law's first published values where None.
    noise : float
        Standard deviation of independent Gaussian noise per row, on the law's response scale (0.005 is half a
        percent of the loss for most).
    groups : str or array, optional
        Column of `points`, or labels per row, that says which rows are one run; it becomes the groups of the result.
    group_noise : float
        Standard deviation of noise that all rows of a group share.
    rng : int, Generator, SeedSequence or None

    Returns
    -------
    Runs
        The points with a column ``loss``, in the kind of frame they came in.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9], "D": [2e9, 2e10]}, noise=0.0)
    >>> runs.loss.round(4)
    array([3.4385, 2.5301])
    """
    if noise < 0 or group_noise < 0:
        raise DataError(f"noise is {noise:g} and group_noise {group_noise:g}, expected 0 or more")
    truth, values, aliases = _truth(law, params)
    table = read_table(points)
    labels, theta = theta_of(truth, values)
    at = read_points(truth, labels, table, {}, aliases)
    mean = _engine.predict(truth.spec_at(labels), theta, at.columns, at.codes)
    codes, column = _groups(groups, table, group_noise)
    loss = _disturb(mean, truth, noise, group_noise, codes, np.random.default_rng(rng))
    name = groups if isinstance(groups, str) else None if column is None else "group"
    return _as_runs(table, loss, name, column, truth.predicts_loss)


def _truth(law: Any, params: Any) -> tuple[Law, Mapping[str, float], Mapping[str, str]]:
    """Return the law, its values and the columns that stand for its variables."""
    aliases: Mapping[str, str] = {}
    if isinstance(law, str):
        law = laws.get(law)
    if isinstance(law, Fit):
        params, aliases, law = law.params if params is None else params, law.columns, law.law
    if isinstance(law, Published):
        params, law = law.params if params is None else params, law.law
    if not isinstance(law, Law):
        raise LawError(f"law is a {type(law).__name__}, expected a Law, a Fit, published values or a name")
    if params is None or isinstance(params, str):
        params = law.published_values(params)
    return law, getattr(params, "params", params), aliases


def _groups(groups: Any, table: Table, group_noise: float) -> tuple[Any, Any]:
    """Return a code per row, and the labels where they are no column yet."""
    if groups is None:
        if group_noise:
            raise DataError(compose("group_noise needs groups", "name a column or pass labels: groups=..."))
        return None, None
    labels = table.objects(groups) if isinstance(groups, str) else np.asarray(groups, dtype=object)
    if len(labels) != table.n_rows:
        raise DataError(f"groups have {len(labels)} labels, expected one per row: {table.n_rows}")
    index = {label: i for i, label in enumerate(dict.fromkeys(labels.tolist()))}
    codes = np.array([index[label] for label in labels.tolist()])
    return codes, None if isinstance(groups, str) else list(labels)


def _disturb(mean: Any, law: Law, noise: float, group_noise: float, codes: Any, rng: Any) -> Any:
    shift = noise * rng.standard_normal(len(mean))
    if codes is not None:
        shift = shift + (group_noise * rng.standard_normal(int(codes.max()) + 1))[codes]
    return mean * np.exp(shift) if law.scale == "log" else mean + shift


def _as_runs(table: Table, loss: Any, groups: str | None, labels: Any, is_loss: bool) -> Runs:
    columns = {name: table.native[name] if table.is_dict else _values(table, name) for name in table.names}
    columns = {k: v for k, v in columns.items() if k != "loss"}
    if labels is not None:
        columns["group"] = labels
    columns["loss"] = loss
    frame = {k: np.asarray(v) for k, v in columns.items()} if table.is_dict else make_frame(columns, backend_of(table))
    return as_runs(frame, is_loss, loss="loss", groups=groups)


def _values(table: Table, name: str) -> Any:
    return table.numbers(name).values if table.kind(name) in ("number", "boolean") else list(table.objects(name))
