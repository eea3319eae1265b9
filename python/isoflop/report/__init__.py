"""A report in one HTML file: what was fitted, how sure it is, and what to train with which budget.

`write` makes it from a table of runs, or from a model. The page opens offline in any browser; its charts are drawn by
plotly, whose library is inside the file. Nothing here computes statistics: the model, its draws and its checks come
from the modules below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _store
from .._errors import DataError, compose
from .._repr import facts
from ._findings import Findings, Settings, gather
from ._grounds import key_numbers
from ._page import page
from ._words import share

__all__ = ["Report", "write"]

#: What a file may be called, so that browsers open it.
ENDINGS = (".html", ".htm")


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """A report that was written.

    Attributes
    ----------
    path : Path
    size : int
        Bytes of the file.
    findings : Findings
        What it says, as objects: the model, the fit, the decision, the back-test.

    Examples
    --------
    >>> import tempfile
    >>> import isoflop as iso
    >>> grid = {"N": [1e8 * 2**i for i in range(6)] * 6, "D": [2e9 * 3 ** (i // 6) for i in range(36)]}
    >>> runs = iso.simulate("chinchilla", grid, noise=0.003, rng=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = iso.report.write(runs, f"{folder}/report.html", n_resamples=200, backtest=False)
    ...     made.path.name
    'report.html'
    """

    path: Path
    size: int
    findings: Findings

    def to_dict(self) -> dict[str, Any]:
        """Return where it is and its key numbers, in JSON's types."""
        return {"path": str(self.path), "bytes": self.size, **key_numbers(self.findings)}

    def summary(self) -> str:
        """Return what was written and the decision at the target, as text."""
        numbers = key_numbers(self.findings)
        at, level = numbers["target"], share(self.findings.settings.level)
        pairs = [("file", f"{self.path}, {self.size / 1e6:.1f} MB"), ("status", numbers["status"])]
        if at is not None:
            pairs.append(("budget", f"{at['C']:.3g} FLOP"))
            pairs += [
                (name, f"{at[name]:.3g} ({at[f'{name}_low']:.3g} to {at[f'{name}_high']:.3g}, {level})")
                for name in ("N", "D", "tokens_per_param")
            ]
            ends = f"{at['loss_low']:.4f} to {at['loss_high']:.4f}"
            pairs.append(("loss", f"{at['loss']:.4f} ({ends}, mean curve, {level})"))
            pairs.append(("a new run", f"{at['new_low']:.4f} to {at['new_high']:.4f} ({level})"))
        pairs += [("not shown", f"{part}: {why}") for part, why in self.findings.gaps.items()]
        return facts(pairs)

    def __repr__(self) -> str:
        """Show where it is, and what it is about."""
        fit = self.findings.fit
        return f"<Report {self.path}: {fit.law.name or fit.law.formula}, {fit.n_rows} rows, {self.size / 1e6:.1f} MB>"


def write(
    runs: Any,
    path: _store.PathLike,
    *,
    law: Any = None,
    target: float | None = None,
    level: float = 0.95,
    held: Mapping[str, Any] | None = None,
    n_resamples: int = 4_000,
    backtest: bool = True,
    title: str | None = None,
    reproduce: str | None = None,
    rng: int = 0,
    progress: Callable[[str], None] | None = None,
    **variables: str,
) -> Report:
    """Write a report on a table of runs into one HTML file.

    Parameters
    ----------
    runs : Runs, frame, Forecaster, Bootstrap or Fit
        Training runs; or a model, and then the report is about that one (of a fit, about its refits).
    path : path
        The file, ending in ``.html``; one that exists is replaced in one step.
    law : Law, str, or sequence of them, optional
        As in `iso.forecaster`, which is fitted to the runs.
    target : float, optional
        The training budget in FLOP that the decision is about, where the slider starts; ten times the compute of the
        largest run where None.
    level : float
        Nominal coverage of all intervals and bands.
    held : mapping, optional
        Variables of the law besides N and D, and levels, at the value that they have in the decision.
    n_resamples : int
        Refits for the intervals of parameters and of the optimum.
    backtest : bool
        Let the model forecast the larger runs from the smaller ones, where the table allows it.
    title : str, optional
    reproduce : str, optional
        The command that made the report, shown at its end; the call of this function where None.
    rng : int
        Seed; the same runs and seed give the same file.
    progress : callable, optional
        Called with a line of text before each stage.
    **variables : str
        Columns and roles, as in `Runs`, where a frame is passed.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        If the runs cannot be fitted, the target lies below the smallest run, or the file cannot be an HTML file.

    Notes
    -----
    The size and tokens of a compute-optimal run are those of the law, their intervals those of its refits; the loss of
    such a run, with both bands, is the forecaster's, which knows correlated noise and deviations from the law. Where it
    takes smooth deviations for errors its own optimum can lie elsewhere: the page tells it as a second opinion.

    A part that cannot be computed (a decision for a law without N and D, a back-test of a small table) is replaced by
    the reason. The page may fetch nothing and runs its own two scripts only (Content-Security-Policy), and every text
    from the table is escaped.

    Examples
    --------
    >>> import tempfile
    >>> import isoflop as iso
    >>> grid = {"N": [1e8 * 2**i for i in range(6)] * 6, "D": [2e9 * 3 ** (i // 6) for i in range(36)]}
    >>> runs = iso.simulate("chinchilla", grid, noise=0.003, rng=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = iso.report.write(runs, f"{folder}/report.html", n_resamples=200, backtest=False)
    >>> made.size < 6e6, made.to_dict()["status"]
    (True, 'converged')
    """
    target_path = check(path, level)
    settings = Settings(level, target, dict(held or {}), n_resamples, rng, backtest)
    said = progress or (lambda _: None)
    findings = gather(runs, law, settings, said, variables)
    said("the page")
    text = page(
        findings, title or _title(findings), _call(target_path, law, settings) if reproduce is None else reproduce
    )
    content = text.encode()

    def fill(part: Path) -> None:
        part.write_bytes(content)

    _store.atomic_write(target_path, fill)
    return Report(target_path, len(content), findings)


def check(path: _store.PathLike, level: float) -> Path:
    """Return the path, or refuse a file or a level before anything is computed."""
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise DataError(compose(f"a report is an HTML file, {str(path)!r} is not", "end it in .html"))
    if not target.parent.is_dir():
        raise DataError(
            compose(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r}", "make it first")
        )
    if not 0 < level < 1:
        raise DataError(f"level is {level}, expected a number between 0 and 1")
    return target


def _title(findings: Findings) -> str:
    fit = findings.fit
    return f"{fit.law.name or 'A law'} on {fit.n_rows:,} runs"


def _call(path: Path, law: Any, settings: Settings) -> str:
    """Return the call with what differs from its defaults."""
    usual = Settings()
    given = {"law": law} if isinstance(law, str) else {}
    given |= {k: v for k, v in vars(settings).items() if v != getattr(usual, k)}
    words = "".join(f", {name}={value!r}" for name, value in given.items())
    return f"iso.report.write(runs, {path.name!r}{words})"
