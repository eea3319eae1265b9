"""The options that say how a table of runs is read, declared once for all commands that take one.

A command has a keyword `table` of one of these classes; `_app` spreads its fields into options of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .._read import read_runs
from .._runs import Runs
from . import _parse


@dataclass(frozen=True, kw_only=True)
class Table:
    """Which columns of a file are what, and which rows count.

    Parameters
    ----------
    loss
        Column of the loss; usual names are understood, as for N, D and C.
    N
        Column of parameters.
    D
        Column of training tokens.
    C
        Column of training compute; 6 N D where a method needs it and there is none.
    groups
        Column that says which rows are one run: the unit of resampling, and rows of a run share noise.
    loss_unit
        What the loss column is in; it is converted to nats per token.
    bytes_per_token
        Number or column, for bits per byte.
    nan_policy
        Whether unusable rows are an error or are left out and counted.
    where
        Rows to keep, such as "N > 1e8 and family == 'a'".
    """

    loss: str | None = None
    N: str | None = None
    D: str | None = None
    C: str | None = None
    groups: str | None = None
    loss_unit: Literal["nats", "bits", "bits_per_byte"] = "nats"
    bytes_per_token: str | None = None
    nan_policy: Literal["raise", "omit"] = "raise"
    where: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """The columns that were named, by role."""
        named = {"loss": self.loss, "N": self.N, "D": self.D, "C": self.C, "groups": self.groups}
        return {role: column for role, column in named.items() if column is not None}

    def read(self, path: str) -> Runs:
        """Return the runs of a file."""
        scale = _parse.scale(self.bytes_per_token)
        settings = {"loss_unit": self.loss_unit, "bytes_per_token": scale, "nan_policy": self.nan_policy}
        return read_runs(path, where=self.where, **self.roles, **settings)

    def source(self, path: str, runs: Runs) -> dict[str, Any]:
        """Return what JSON output says about the table."""
        about = {"file": Path(path).name, "where": self.where, "n_rows": len(runs)}
        return {**about, "roles": runs.roles, "notes": list(runs.notes)}


@dataclass(frozen=True, kw_only=True)
class RunTable(Table):
    """A table whose rows may be checkpoints, for laws in any variables.

    Parameters
    ----------
    var
        Column of another letter of the law, X=flops; may be repeated, as all options of the form name=value.
    final
        Keep the last checkpoint of each run only.
    """

    var: list[str] | None = None
    final: bool = False

    @property
    def letters(self) -> dict[str, str]:
        """Columns by further letter of the law."""
        return _parse.variables(self.var)

    @property
    def roles(self) -> dict[str, str]:
        """The columns that were named, by role or letter."""
        return {**super().roles, **self.letters}

    def read(self, path: str) -> Runs:
        """Return the runs of a file."""
        runs = super().read(path)
        return runs.final() if self.final else runs


@dataclass(frozen=True, kw_only=True)
class WeightedTable(RunTable):
    """A table whose rows may have weights.

    Parameters
    ----------
    weights
        Column of row weights.
    """

    weights: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """The columns that were named, by role or letter."""
        return super().roles | ({} if self.weights is None else {"weights": self.weights})


@dataclass(frozen=True, kw_only=True)
class LenientTable(Table):
    """A table of a collection, whose unusable rows are left out unless told otherwise."""

    nan_policy: Literal["raise", "omit"] = "omit"
