"""`emergence`: whether a jump of a score is what a smooth loss makes of a sharp metric.

Three curves through one score: in scale, in the loss, and as a power of what single tokens score; then a test whether
something jumps that none of the smooth curves explains.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._engine import Floats, floats
from .._errors import DataError, compose
from .._fitted import Fit
from .._law import Law
from .._repr import facts, number, percent
from .._runs import as_runs
from .._seed import seed_of
from ._jump import Jump, largest_jump
from ._links import link_law
from ._looseness import Looseness, looseness, quiet_fit
from ._tasks import at_chance, read_tasks

#: A step jumps where its p-value is below the first and its height above this share of the score's range.
RARE, HIGH = 0.05, 0.1
#: A curve that explains less than this share of a score says nothing of it.
LOOSE = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Emergence:
    """Whether a score's jump is what its metric makes of a smooth loss.

    Attributes
    ----------
    metric : str
    sharpness : float
        Factor of scale that takes the score from 10 to 90 % of its rise, by a sigmoid in its logarithm: what looks
        like emergence where it is small. NaN where such a curve cannot be fitted.
    loss_width : float
        What the loss does meanwhile: the width of the same rise in nats, by a sigmoid of the loss.
    by_loss : Fit
        Score as a sigmoid of the loss.
    by_token : Fit or None
        Score as ``chance + (ceiling - chance) exp(-k * u)``, u the loss per token: k tokens must be right at once. None
        where nothing per token is known and the loss itself does not fit so.
    tokens, tokens_error : float
        Its k and standard error; NaN without `by_token`.
    smooth : str
        Which smooth curve explains the score best, "loss" (the sigmoid) or "token".
    explained : float
        Share of the score's variance that it explains.
    jump : Jump
        What is left that jumps in scale.
    looseness : Looseness
        How loosely the score hangs on that curve.
    verdict : {"smooth", "jump", "loose"}
        "smooth": the metric of a smooth loss explains the rise. "jump": something steps up beyond it, clearly (p below
        0.05) and by more than a tenth of the score's range. "loose": the curve explains less than half of the score, so
        neither can be said.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> C = np.geomspace(1e18, 1e23, 16)
    >>> u = 0.9 * (C / 1e18) ** -0.25
    >>> noise = 0.003 * np.random.default_rng(0).standard_normal(16)
    >>> table = {"C": C, "loss": 1.8 + u, "u": u, "exact": np.clip(np.exp(-8 * u) + noise, 0, 1)}
    >>> iso.emergence(table, metric="exact", token_loss="u").verdict
    'smooth'
    """

    metric: str
    sharpness: float
    loss_width: float
    by_loss: Fit
    by_token: Fit | None
    tokens: float
    tokens_error: float
    smooth: str
    explained: float
    jump: Jump
    looseness: Looseness
    verdict: Literal["smooth", "jump", "loose"]

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        share = percent(max(self.explained, 0.0))
        of = "the loss" if self.smooth == "loss" else "the score of single tokens"
        p, size = number(self.jump.p_value, 2), number(self.jump.size, 2)
        if self.verdict == "loose":
            return f"{of} explains only {share} of {self.metric}: whether anything emerges cannot be told from it"
        if self.verdict == "jump":
            at = number(self.jump.at, 3)
            return f"{self.metric} steps by {size} at {at}, beyond what {of} explains ({share}, p = {p})"
        return (
            f"a smooth curve of {of} explains {share} of {self.metric}, and no clear and high step up is left "
            f"(largest {size}, p = {p}): the rise is the metric's"
        )

    def _facts(self) -> list[tuple[str, str]]:
        tokens = ""
        if self.by_token is not None:
            tokens = f"{number(self.tokens, 3)} ± {number(self.tokens_error, 2)} tokens right at once"
        x = self.looseness
        return [
            ("metric", self.metric),
            ("in scale", f"10 to 90 % of the rise within a factor of {number(self.sharpness, 3)}"),
            ("in loss", f"the same within {number(self.loss_width, 3)} nats"),
            ("per token", tokens),
            ("explained", f"{percent(max(self.explained, 0.0))} by the smooth curve of {self.smooth}"),
            (
                "largest step",
                f"{number(self.jump.size, 2)} at {number(self.jump.at, 3)}, p = {number(self.jump.p_value, 2)}",
            ),
            (
                "rest",
                f"{number(x.noise, 2)}, rank correlation with scale {x.scale_correlation:+.2f} (p = {x.scale_p:.2g})",
            ),
            ("large left out", "" if np.isnan(x.large_error) else f"missed by {number(x.large_error, 2)}"),
        ]

    def summary(self) -> str:
        """Return the check as text."""
        caution = (
            "A smooth curve that fits shows that nothing has to emerge, not that the loss causes the score: a loss is "
            "only loosely tied to tasks."
        )
        return "\n\n".join([facts(self._facts()), textwrap.fill(self.text, 110), textwrap.fill(caution, 110)])

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"<Emergence of {self.metric}: {self.verdict}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the check in JSON's types; what is not known is None."""
        plain = {
            name: getattr(self, name)
            for name in (
                "metric",
                "sharpness",
                "loss_width",
                "tokens",
                "tokens_error",
                "smooth",
                "explained",
                "verdict",
            )
        }
        nested = {"jump": vars(self.jump), "looseness": vars(self.looseness), "text": self.text}
        return {k: _plain(v) for k, v in {**plain, **nested}.items()}


def emergence(
    runs: Any,
    *,
    metric: str,
    token_loss: str | None = None,
    chance: float | None = 0.0,
    ceiling: float | None = 1.0,
    scale: str | None = None,
    rng: Any = 0,
    **variables: str,
) -> Emergence:
    """Ask whether the jump of a score is what a sharp metric makes of a smooth loss.

    Parameters
    ----------
    runs : Runs or frame
        Runs with the loss, the score (0 to 1) and what tells their scale.
    metric : str
        Column of the score that jumps, such as exact match.
    token_loss : str, optional
        Column of the loss per token of the right answers, in nats: then exact match of k tokens is about exp(-k u).
        The loss itself where None, less the floor that makes it fit best.
    chance, ceiling : float or None
        Scores of guessing and of mastery; fitted where None.
    scale : str, optional
        Variable in which something may jump; C (6 N D where it must be computed), else N or D, where None.
    rng : int, Generator, SeedSequence or None
        For the random signs.
    **variables : str
        Columns, as in `Runs`.

    Returns
    -------
    Emergence

    Raises
    ------
    DataError
        If the score lies outside 0 to 1, is at chance level in all runs, or there are too few runs.

    Notes
    -----
    The test: residuals of the smooth curve, linearised at its optimum, are regressed on a step at every place with two
    rows on each side; the clearest step up is compared with those of residuals with random signs. Of twenty scores that
    do not jump one is said to; a step may also be a link of the wrong form, so look at the ceiling too. Emergence in
    scale alone is no news: exact match of k tokens rises from 10 to 90 % while the loss per token falls from 2.303/k to
    0.105/k.

    References
    ----------
    Wei et al. 2022, arXiv 2206.07682. Schaeffer, Miranda and Koyejo 2023, arXiv 2304.15004.

    Examples
    --------
    >>> import isoflop as iso, numpy as np
    >>> C = np.geomspace(1e18, 1e23, 16)
    >>> u = 0.9 * (C / 1e18) ** -0.25
    >>> noise = 0.003 * np.random.default_rng(0).standard_normal(16)
    >>> table = {"C": C, "loss": 1.8 + u, "u": u, "exact": np.clip(np.exp(-8 * u) + noise, 0, 1)}
    >>> found = iso.emergence(table, metric="exact", token_loss="u")
    >>> found.verdict, round(found.tokens)
    ('smooth', 8)
    """
    runs = as_runs(runs, **variables)
    if not runs.has_loss:
        raise DataError(compose("the runs have no loss", "name its column: loss='val_loss'"))
    tasks = read_tasks(runs, metric, None, None)
    score, loss = tasks.scores[metric], tasks.loss
    size = _scale(runs, scale)[tasks.rows]
    dull = at_chance(score, loss, chance, False)
    if dull:
        raise DataError(compose(f"{metric} is at chance level: {dull}", "add larger runs"))
    link = link_law("sigmoid", chance, ceiling, False, metric)
    by_loss = _fitted(link, loss, score, metric)
    by_token, token_law, at = _by_token(runs, token_loss, tasks, score, chance, ceiling)
    in_scale = quiet_fit(link, -np.log(size), score)
    best, law, x, name = by_loss, link, loss, "loss"
    if by_token is not None and token_law is not None and (token_loss or _rss(by_token, score) <= _rss(by_loss, score)):
        best, law, x, name = by_token, token_law, at, "token"
    loose = looseness(law, best, x, score, size)
    jump = largest_jump(best, score, size, seed_of(rng))
    tokens = by_token.params["k"] if by_token else float("nan")
    return Emergence(
        metric=metric,
        sharpness=float(np.exp(_width(in_scale))),
        loss_width=_width(by_loss),
        by_loss=by_loss,
        by_token=by_token,
        tokens=tokens,
        tokens_error=by_token.standard_error["k"] if by_token else float("nan"),
        smooth=name,
        explained=loose.explained,
        jump=jump,
        looseness=loose,
        verdict=_verdict(loose, jump, float(np.ptp(score))),
    )


def _verdict(loose: Looseness, jump: Jump, rise: float) -> Literal["smooth", "jump", "loose"]:
    if loose.explained < LOOSE:
        return "loose"
    return "jump" if jump.p_value < RARE and jump.size > HIGH * rise else "smooth"


def _scale(runs: Any, name: str | None) -> Floats:
    for letter in ("C", "N", "D") if name is None else (name,):
        if letter in runs.variables:
            return floats(runs.variable(letter))
    asked = "C, N or D" if name is None else repr(name)
    raise DataError(compose(f"the runs have no {asked} to tell their scale", "name a column: C='flops'"))


def _fitted(law: Law, x: Floats, y: Floats, metric: str) -> Fit:
    found = quiet_fit(law, x, y)
    if found is None:
        raise DataError(compose(f"{len(y)} rows of {metric} carry no sigmoid of the loss", "add runs"))
    return found


def _by_token(
    runs: Any, column: str | None, tasks: Any, score: Floats, chance: float | None, ceiling: float | None
) -> tuple[Fit | None, Law | None, Floats]:
    """Return the score as a power of what tokens score, its law and the loss per token."""
    if column is None:
        x, floor, box = tasks.loss, " - floor", {"floor": (0.5 * float(tasks.loss.min()), float(tasks.loss.min()))}
    else:
        x, floor, box = floats(runs.variable(column)[tasks.rows]), "", {}
        if not (x >= 0).all():
            row = int(np.argmin(x))
            said = f"column {column!r} is {x[row]:g} in row {int(tasks.rows[row])}, expected a loss of 0 or more"
            raise DataError(compose(said, "a log-probability is minus the loss"))
    low = 0.0 if chance is None else chance
    rise = (1.0 if ceiling is None else ceiling) - low
    law = Law(
        f"{low:.12g} + {rise:.12g} * exp(-k * (L{floor}))",
        variables=("L",),
        scale="linear",
        response="score",
        box={"k": (0.05, 500.0), **box},
        name="exact match",
    )
    bounds = {"floor": (0.0, float(x.min()))} if floor else None
    return quiet_fit(law, x, score, bounds=bounds), law, x


def _rss(fit: Fit, score: Floats) -> float:
    return float(((score - fit.fitted) ** 2).sum())


def _width(fit: Fit | None) -> float:
    """Return how far a sigmoid's variable moves while it rises from 10 to 90 %."""
    return float("nan") if fit is None or not fit.params["k"] > 0 else float(np.log(81.0) / fit.params["k"])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


__all__ = ["Emergence", "Jump", "emergence"]
