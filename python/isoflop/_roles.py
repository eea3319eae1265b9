"""Which column is the loss, N, D, C, the run or the weight: names understood, conflicts refused.

Names and kinds only; no values are looked at here (`_checks` does that).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ._errors import DataError, compose, listed
from ._frames import NUMERIC, Table, column_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# In order of preference: what a table most often means by a role. Single letters match exactly,
# the others whatever their case and whether words are joined by "_", "-", "." or a blank.
ALIASES: dict[str, tuple[str, ...]] = {
    "loss": (
        "loss", "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss",
        "final_loss", "loss_val", "loss_final", "train_loss", "training_loss",
        "cross_entropy", "ce_loss", "nll", "L",
    ),
    "N": (
        "N", "params", "n_params", "num_params", "parameters", "n_parameters", "num_parameters",
        "param_count", "parameter_count", "total_params", "model_size", "model_params",
        "params_non_embedding", "non_embedding_params", "n_params_non_embedding",
    ),
    "D": (
        "D", "tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens",
        "tokens_seen", "total_tokens", "token_count", "tokens_trained",
        "dataset_tokens", "data_tokens",
    ),
    "C": (
        "C", "flops", "flop", "n_flops", "compute", "train_flops", "training_flops",
        "training_flop", "total_flops", "training_compute", "train_compute", "compute_flops",
    ),
}  # fmt: skip
RUN_NAMES = ("run_id", "run", "run_name", "run_uid", "experiment_id", "experiment")
DERIVED_C = "6*N*D"
_NUMERIC_ROLES = ("loss", "N", "D", "C", "weights")


class Roles(NamedTuple):
    """The outcome: role or letter to column, whether C is to be computed, and what was chosen."""

    columns: dict[str, str]
    derives_c: bool
    notes: list[str]


def assign(table: Table, asked: Mapping[str, str]) -> Roles:
    """Settle the role of every column that has one.

    Parameters
    ----------
    table : Table
        The table, of which only names and kinds are used.
    asked : mapping
        What the user said: role or formula letter to column.

    Raises
    ------
    DataError
        For a missing or non-numeric column, or one that is asked for twice.

    Examples
    --------
    >>> from isoflop._frames import read_table
    >>> from isoflop._roles import assign
    >>> assign(read_table({"Val Loss": [2.0], "params": [1e8]}), {"D": "params"}).columns
    {'loss': 'Val Loss', 'D': 'params'}
    """
    names = table.names
    notes: list[str] = []
    columns: dict[str, str] = {}
    derives_c = str(asked.get("C", "")).replace(" ", "") == DERIVED_C
    asked = {role: column for role, column in asked.items() if not (role == "C" and derives_c)}
    own = {role: column for role, column in asked.items() if column in names}
    _refuse_duplicates(own)
    columns.update(own)
    for role in ALIASES:
        if role not in asked and not (role == "C" and derives_c):
            _understand(role, table, columns, own, notes)
    derives_c = derives_c or "C" not in columns
    derives_c = derives_c and "C" not in asked and "N" in columns and "D" in columns
    for role, column in asked.items():
        if role not in own:
            columns[role] = _refer(role, column, columns, names, derives_c)
    _refuse_response(columns, own)
    _check_kinds(table, columns)
    notes += [_hidden(r, c) for r, c in own.items() if r != c and r in names and r not in ALIASES]
    order = [role for role in (*ALIASES, *columns) if role in columns]
    return Roles({role: columns[role] for role in order}, derives_c, notes)


def check_names(asked: Mapping[str, object]) -> None:
    """Refuse roles that are no column names (an array, a number)."""
    for role, column in asked.items():
        if not isinstance(column, str):
            raise DataError(
                compose(
                    f"{role} is a {type(column).__name__}, expected the name of a column",
                    f"put the values into the table and write {role}='its name'",
                )
            )


def is_called(role: str, column: str) -> bool:
    """Return whether a column has a name that is understood as a role.

    Examples
    --------
    >>> is_called("loss", "Val Loss"), is_called("loss", "accuracy")
    (True, False)
    """
    return bool(_candidates(ALIASES[role], [column]))


def run_column(names: Sequence[str]) -> str | None:
    """Return the column that tells runs apart, judged by its name."""
    return next(iter(_candidates(RUN_NAMES, names)), None)


def step_column(names: Sequence[str]) -> str:
    """Return the column that counts steps, for tables without D."""
    found = next(iter(_candidates(("step", "steps", "global_step"), names)), None)
    if found is None:
        raise DataError(compose("cannot tell which checkpoint is last", "name the column of tokens with D=..."))
    return found


def repeated_runs(table: Table, asked: Mapping[str, str]) -> list[str]:
    """Say that rows seem to be checkpoints of one run, where no groups were named."""
    column = run_column(table.names)
    if "groups" in asked or column is None:
        return []
    values = [str(value) for value in table.objects(column) if value is not None]
    n_runs = len(set(values))
    if n_runs == len(values):
        return []
    note = (
        f"column {column!r} repeats ({n_runs} runs in {table.n_rows} rows): pass "
        f"groups={column!r} to resample whole runs, or keep the last checkpoints with final()"
    )
    return [note]


def _understand(role: str, table: Table, columns: dict[str, str], own: Mapping[str, str], notes: list[str]) -> None:
    # A letter that the user mapped (X="flops") does not take its column from C.
    taken = {own[r] for r in _NUMERIC_ROLES if r in own}
    found = [name for name in _candidates(ALIASES[role], table.names) if name not in taken]
    numeric = [name for name in found if table.kind(name) in NUMERIC]
    if not numeric and role != "loss":
        return
    found = numeric or found
    if found:
        columns[role] = found[0]
    if len(found) > 1:
        notes.append(f"{role} is column {found[0]!r}; {listed(found[1:])} would fit too ({role}=)")


def _candidates(aliases: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns that go by one of the aliases, in the order of the aliases."""
    found: list[str] = []
    for alias in aliases:
        exact = [name for name in names if name == alias]
        loose = [name for name in names if len(alias) > 1 and _folded(name) == alias]
        found += dict.fromkeys(exact + loose)
    return list(dict.fromkeys(found))


def _folded(name: str) -> str:
    return re.sub(r"[\s.\-/]+", "_", name.strip()).lower()


def _refer(role: str, column: str, columns: Mapping[str, str], names: Sequence[str], derives_c: bool) -> str:
    """Let a letter stand for a role (X="C"); anything else is a column that is not there."""
    if role not in ALIASES and (column in columns or (column == "C" and derives_c)):
        return columns.get(column, "C")
    known = [*names, *(r for r in columns if r not in names)]
    raise column_error(column, known, f" (asked for as {role})")


def _refuse_duplicates(own: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for role, column in own.items():
        first = seen.setdefault(column, role)
        if first == role or ("groups" in (first, role) and {first, role}.isdisjoint(("loss", "weights"))):
            continue  # the unit of resampling may also be a level of the law, or the size
        hint = "give each role a column of its own"
        if role not in (*_NUMERIC_ROLES, "groups"):
            hint = f"write {role}={first!r} if {role} is to be the same as {first}"
        raise DataError(compose(f"column {column!r} is asked for twice: as {first} and as {role}", hint))


def _refuse_response(columns: Mapping[str, str], own: Mapping[str, str]) -> None:
    loss = columns.get("loss")
    for role in own:
        if loss is not None and role != "loss" and columns[role] == loss:
            raise DataError(
                compose(
                    f"column {loss!r} is asked for twice: as loss and as {role}",
                    "name the column of the loss with loss=...",
                )
            )


def _check_kinds(table: Table, columns: Mapping[str, str]) -> None:
    for role in _NUMERIC_ROLES:
        column = columns.get(role)
        if column is None or (role == "loss" and column not in table.names):
            continue
        kind = table.kind(column)
        if kind == "number" or (kind == "boolean" and role == "weights"):
            continue
        raise not_numeric(table, column, role)


def not_numeric(table: Table, column: str, role: str = "") -> DataError:
    """Return the error for a column that holds something else than numbers."""
    kind = table.kind(column)
    label = f"column {column!r}" + (f" ({role})" if role and role != column else "")
    if kind != "text":
        return DataError(compose(f"{label} holds {kind} values, expected numbers", _CAST))
    values = enumerate(table.objects(column))
    row, value = next((r, v) for r, v in values if isinstance(v, str))
    message = f"{label} holds text ({value!r} in row {row}), expected numbers"
    try:
        float(value.replace(",", ""))
    except ValueError:
        return DataError(compose(message, f"name a numeric column with {role or 'its letter'}=..."))
    return DataError(compose(message, _CAST))


_CAST = "convert the column to numbers before you pass the table"


def _hidden(role: str, column: str) -> str:
    return f"{role} is column {column!r}, as asked; the column {role!r} itself is not used"
