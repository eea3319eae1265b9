"""What is known before a design: versions of the law, the noise of one run, priors, and the runs already made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .._engine import Codes, Floats, floats
from .._forecast._component import Component
from .._prior import Prior
from ._target import Version


@dataclass(frozen=True)
class Made:
    """Runs that were made: the law's variables, weights, groups, and the share of noise that a group has in common."""

    columns: Mapping[str, Floats]
    weights: Floats
    groups: Codes | None = None
    shared: float = 0.0

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.weights)

    @property
    def units(self) -> int:
        """How many independent units: groups where these share noise, else rows."""
        return self.size if self.groups is None or self.shared == 0 else len(np.unique(self.groups))

    def information(self, slopes: Floats) -> Floats:
        """Return Jᵀ K⁻¹ J where rows of a group have the correlation `shared`."""
        whole = slopes * np.sqrt(self.weights)[:, None]
        total = whole.T @ whole
        if self.groups is None or self.shared == 0:
            return floats(total)
        codes = np.unique(self.groups, return_inverse=True)[1]
        counts = np.bincount(codes)
        sums = np.array([np.bincount(codes, column) for column in whole.T])
        c = self.shared
        # (1-c) I + c 11ᵀ inverted: (I - c/(1-c + c m) 11ᵀ) / (1-c).
        return floats((total - (sums * (c / (1 - c + c * counts))) @ sums.T) / (1 - c))


@dataclass(frozen=True)
class Known:
    """What is known before a design.

    Attributes
    ----------
    versions : tuple of Version
        Of which the first is for centres; the others, if any, are those that are averaged.
    priors : mapping
        Beliefs about parameters.
    sigma : float
        Standard deviation of ln L of one run.
    made : Made or None
    notes : tuple of str
    component : Component or None
        The forecaster's mixture of error structures around the runs made, where they carry one.
    backend : str
        Kind of frame that the runs came in.
    """

    best: Version
    versions: tuple[Version, ...]
    priors: Mapping[str, Prior]
    sigma: float
    made: Made | None
    notes: tuple[str, ...]
    component: Component | None = None
    backend: str = "polars"

    def before(self, version: Version) -> Floats:
        """Return the information of priors and runs already made."""
        own = [self.priors.get(name) for name in version.free]
        precision = np.array([0.0 if prior is None else prior.internal()[1] ** -2 for prior in own])
        return floats(np.diag(precision) + self.told(version))

    def told(self, version: Version) -> Floats:
        """Return the information of the runs already made."""
        q = len(version.free)
        if self.made is None:
            return np.zeros((q, q))
        return self.made.information(version.slopes(self.made.columns) / self.sigma)

    def df(self, new: int) -> float:
        """Return degrees of freedom after some more runs; infinite where the noise was given."""
        if self.made is None:
            return float("inf")
        return float(max(self.made.units + new - len(self.best.free), 3))
