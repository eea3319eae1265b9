"""The lowest point of one isoFLOP profile: a parabola, a cubic, or a smooth curve through the points.

Arrays in, arrays out, many resamples at once; what profiles are and what is done with their minima is in `_isoflop`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from .._engine import Floats

Curve = Literal["parabola", "cubic", "akima"]
CURVES: tuple[str, ...] = get_args(Curve)
#: The fewest sizes in a profile that each curve needs.
FEWEST = {"parabola": 3, "cubic": 4, "akima": 5}
#: Points between two sizes at which Akima's curve is looked at for its minimum.
FINE = 200
#: Below this ratio of eigenvalues the sizes that have weight cannot carry the polynomial.
SINGULAR = 1e-11


def minimum(x: Floats, y: Floats, weights: Floats, curve: Curve) -> tuple[Floats, Floats]:
    """Return where each curve is lowest, and how low.

    Parameters
    ----------
    x : ndarray (k,)
        ln N, rising.
    y, weights : ndarray (n, k)
        Loss and weight per resample and size.
    curve : {"parabola", "cubic", "akima"}

    Returns
    -------
    at, height : ndarray (n,)
        NaN where the curve has no minimum strictly inside the range of `x`.

    Examples
    --------
    >>> x = np.array([-1.0, 0.0, 1.0, 2.0])
    >>> at, height = minimum(x, (x - 0.5)[None] ** 2, np.ones((1, 4)), "parabola")
    >>> at.round(12), height.round(12)
    (array([0.5]), array([0.]))
    """
    if curve == "akima":
        return _by_akima(x, y)
    middle, half = 0.5 * (x[0] + x[-1]), max(0.5 * (x[-1] - x[0]), 1e-300)
    z = (x - middle) / half
    coefficients = _polynomials(z, y, weights, 2 if curve == "parabola" else 3)
    at = _turning_point(coefficients)
    inside = np.abs(at) < 1
    at = np.where(inside, at, np.nan)
    powers = at[:, None] ** np.arange(coefficients.shape[1])
    return middle + half * at, (coefficients * powers).sum(axis=1)


def smooth(x: Floats, y: Floats, curve: Curve) -> tuple[Floats, Floats]:
    """Return the values (k,) of the least-squares polynomial through one profile, and the leverage of each size."""
    basis = np.vander((x - x.mean()) / max(float(np.ptp(x)), 1e-300), 3 if curve == "parabola" else 4)
    q, _ = np.linalg.qr(basis)
    return np.asarray(q @ (q.T @ y)), np.asarray((q**2).sum(axis=1))


def through(x: Floats, y: Floats, at: Floats, curve: Curve) -> Floats:
    """Return the curve through one profile at places inside its range: what a picture of it shows.

    Examples
    --------
    >>> x = np.array([-1.0, 0.0, 1.0, 2.0])
    >>> through(x, x**2, np.array([0.5, 1.5]), "parabola").round(12)
    array([0.25, 2.25])
    """
    if curve == "akima":  # sizes that were run twice count once, with their mean
        sizes, codes, count = np.unique(x, return_inverse=True, return_counts=True)
        return np.asarray(akima(sizes, (np.bincount(codes, y) / count)[None], at)[0])
    middle, width = x.mean(), max(float(np.ptp(x)), 1e-300)
    coefficients = np.polyfit((x - middle) / width, y, 2 if curve == "parabola" else 3)
    return np.asarray(np.polyval(coefficients, (at - middle) / width))


def _polynomials(z: Floats, y: Floats, weights: Floats, degree: int) -> Floats:
    """Return coefficients (n, degree + 1) of weighted least squares, NaN where the sizes cannot carry them."""
    basis = np.vander(z, degree + 1, increasing=True)
    gram = np.einsum("nk,ki,kj->nij", weights, basis, basis)
    moment = np.einsum("nk,nk,ki->ni", weights, y, basis)
    eigenvalues = np.linalg.eigvalsh(gram)
    good = eigenvalues[:, 0] > SINGULAR * eigenvalues[:, -1]
    out = np.full(moment.shape, np.nan)
    out[good] = np.linalg.solve(gram[good], moment[good][..., None])[..., 0]
    return out


def _turning_point(coefficients: Floats) -> Floats:
    """Return where polynomials of degree 2 or 3 have their minimum: NaN where they have none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        slope, bend = coefficients[:, 1], coefficients[:, 2]
        if coefficients.shape[1] == 3:
            return np.where(bend > 0, -slope / (2 * bend), np.nan)
        twist = coefficients[:, 3]
        inner = bend**2 - 3 * twist * slope
        # The root with positive second derivative, written so that it holds for a vanishing cubic term.
        root = np.sqrt(np.where(inner > 0, inner, np.nan))
        return np.where(bend + root > 0, -slope / (bend + root), np.nan)


def akima(x: Floats, y: Floats, at: Floats) -> Floats:
    """Return Akima's interpolation of y (n, k) over x (k,) at points `at` inside its range.

    Cubic pieces whose slopes at the nodes weigh the neighbouring secants by how much those beyond them bend, so that
    one odd point disturbs two intervals only.

    References
    ----------
    Akima 1970, Journal of the ACM 17, 589-602.

    Examples
    --------
    >>> x = np.arange(6.0)
    >>> akima(x, 2 * x[None] + 1, np.array([0.5, 4.25]))
    array([[2. , 9.5]])
    """
    width = np.diff(x)
    secant = np.diff(y, axis=1) / width
    first, last = secant[:, :1], secant[:, -1:]
    before = 2 * first - secant[:, 1:2]
    after = 2 * last - secant[:, -2:-1]
    m = np.hstack([2 * before - first, before, secant, after, 2 * after - last])
    left, right = np.abs(m[:, 3:] - m[:, 2:-1]), np.abs(m[:, 1:-2] - m[:, :-3])
    total = left + right
    slope = np.where(total > 1e-300, left * m[:, 1:-2] + right * m[:, 2:-1], 0.5 * (m[:, 1:-2] + m[:, 2:-1]))
    slope = slope / np.where(total > 1e-300, total, 1.0)
    piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(width) - 1)
    t, h = (at - x[piece]) / width[piece], width[piece]
    start, end = slope[:, piece] * h, slope[:, piece + 1] * h
    rise = y[:, piece + 1] - y[:, piece]
    return np.asarray(y[:, piece] + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise))))


def _by_akima(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    at = np.unique(np.concatenate([np.linspace(a, b, FINE) for a, b in pairwise(x)]))
    heights = akima(x, y, at)
    lowest = heights.argmin(axis=1)
    rows = np.arange(len(y))
    inside = (lowest > 0) & (lowest < len(at) - 1)
    return np.where(inside, at[lowest], np.nan), np.where(inside, heights[rows, lowest], np.nan)
