"""The rival to beat: a Newton method for this one law, written by hand in numba.

One law (Chinchilla), one loss (Huber), one thread. Every trick that we know is in: rows that were not
drawn are squeezed out, features are centred, exp and ln are written so that LLVM makes vectors of them,
residuals and Jacobian at the full fit are kept for the first step of every resample. (Solving the
linearised problem to the end between two evaluations of the law was tried: fewer evaluations, more time.)
Nothing of isoflop is used here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

# numba looks for the package `coverage`; a neighbour of this file has that name and is not it.
_PATH = list(sys.path)
sys.path[:] = [p for p in _PATH if p and Path(p).resolve() != Path(__file__).resolve().parent]
import numba as nb  # noqa: E402
from llvmlite import ir  # noqa: E402
from numba.core import types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

sys.path[:] = _PATH

# Fused multiply-adds are harmless everywhere; sums may be regrouped in `_sums` only.
EXACT = {"contract", "nnan", "ninf", "nsz"}
LOOSE = {"contract", "nnan", "ninf", "nsz", "reassoc", "arcp"}
P = 5  # log A, log B, log E, alpha, beta
# Layout of the sums over rows: objective, gradient, damping, Hessian (lower triangle).
GRAD, DAMP, HESS, N_SUMS = 1, 1 + P, 1 + 2 * P, 1 + 2 * P + P * (P + 1) // 2


@intrinsic
def _bits(typing, x):
    """Read the bits of a float64 as an int64."""
    return types.int64(types.float64), lambda c, b, s, a: b.bitcast(a[0], ir.IntType(64))


@intrinsic
def _float(typing, i):
    """Read the bits of an int64 as a float64."""
    return types.float64(types.int64), lambda c, b, s, a: b.bitcast(a[0], ir.DoubleType())


@nb.njit(fastmath=EXACT)
def _exp(x):
    """Exp of a moderate number: Cody-Waite reduction, then Taylor (relative error below 1e-14)."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 0.6931471805598903) - k * 5.497923018708371e-14
    p = 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return _float(_bits(p) + (_bits(shifted) << 52))


@nb.njit(fastmath=EXACT, error_model="numpy")
def _log(x):
    """Ln of a positive normal number: exponent by bits, atanh series between sqrt(1/2) and sqrt(2)."""
    i = _bits(x) - 0x3FE6A09E667F3BCD
    m = _float((i & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 2.0 / 21.0
    p = p * z + 2.0 / 19.0
    p = p * z + 2.0 / 17.0
    p = p * z + 2.0 / 15.0
    p = p * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    p = p * z + 2.0
    return (i >> 52) * 0.6931471805599453 + s * p


@nb.njit(fastmath=EXACT, error_model="numpy")
def _law(theta, x, y, inverse, m, r, j):
    """Residuals ln(law) - ln(loss) and their derivatives by log A, log B, log E; x, y: centred ln N, ln D."""
    a, b, alpha, beta, e = theta[0], theta[1], theta[3], theta[4], _exp(theta[2])
    for i in range(m):
        t = _exp(a - alpha * x[i])
        u = _exp(b - beta * y[i])
        total = t + u + e
        share = 1.0 / total
        r[i] = _log(total * inverse[i])
        j[0, i] = t * share
        j[1, i] = u * share
        j[2, i] = e * share


@nb.njit(fastmath=LOOSE, error_model="numpy")
def _sums(r, j, w, x, y, m, delta, out):
    """Objective, gradient, IRLS diagonal and the Hessian of the active set, in one pass over the rows."""
    f = g0 = g1 = g2 = g3 = g4 = d0 = d1 = d2 = d3 = d4 = 0.0
    h00 = h10 = h11 = h20 = h21 = h22 = h30 = h31 = h32 = h33 = h40 = h41 = h42 = h43 = h44 = 0.0
    for i in range(m):
        size = abs(r[i])
        clipped = min(size, delta)
        f += w[i] * clipped * (size - 0.5 * clipped)
        psi = w[i] * min(max(r[i], -delta), delta)
        on = w[i] if size <= delta else 0.0
        soft = w[i] * (delta / max(size, delta))
        p, q, o = j[0, i], j[1, i], j[2, i]
        s, t = -p * x[i], -q * y[i]
        g0 += psi * p
        g1 += psi * q
        g2 += psi * o
        g3 += psi * s
        g4 += psi * t
        d0 += soft * p * p
        d1 += soft * q * q
        d2 += soft * o * o
        d3 += soft * s * s
        d4 += soft * t * t
        a, b, c, d, e = on * p, on * q, on * o, on * s, on * t
        h00 += a * p
        h10 += b * p
        h11 += b * q
        h20 += c * p
        h21 += c * q
        h22 += c * o
        h30 += d * p
        h31 += d * q
        h32 += d * o
        h33 += d * s
        h40 += e * p
        h41 += e * q
        h42 += e * o
        h43 += e * s
        h44 += e * t
    out[0] = f
    out[1], out[2], out[3], out[4], out[5] = g0, g1, g2, g3, g4
    out[6], out[7], out[8], out[9], out[10] = d0, d1, d2, d3, d4
    out[11], out[12], out[13], out[14], out[15], out[16] = h00, h10, h11, h20, h21, h22
    out[17], out[18], out[19], out[20] = h30, h31, h32, h33
    out[21], out[22], out[23], out[24], out[25] = h40, h41, h42, h43, h44


@nb.njit(fastmath=EXACT, error_model="numpy")
def _step(sums, lam, low, s):
    """Solve (H + lam D) s = -g by Cholesky; returns the decrease that the quadratic promises."""
    k = HESS
    for i in range(P):
        for c in range(i + 1):
            v = sums[k]
            k += 1
            if c == i:
                v += lam * sums[DAMP + i]
            for e in range(c):
                v -= low[i, e] * low[c, e]
            low[i, c] = v / low[c, c] if c < i else np.sqrt(max(v, 1e-14 * sums[DAMP + i]))
    for i in range(P):
        v = -sums[GRAD + i]
        for e in range(i):
            v -= low[i, e] * s[e]
        s[i] = v / low[i, i]
    half = 0.0
    for i in range(P):
        half += s[i] * s[i]
    for i in range(P - 1, -1, -1):
        v = s[i]
        for e in range(i + 1, P):
            v -= low[e, i] * s[e]
        s[i] = v / low[i, i]
    return 0.5 * half


@nb.njit(fastmath=EXACT, error_model="numpy")
def _solve(theta, x, y, inverse, w, m, delta, tol, r, j, work, sums, trial, low, s):
    """Minimise from `theta`, where `r` and `j` hold; returns (objective, evaluations of the law)."""
    new = s[P:]
    _sums(r, j, w, x, y, m, delta, sums)
    lam, n_eval = 1e-4, 0
    while n_eval < 200:
        promised = _step(sums, lam, low, s)
        for i in range(P):
            new[i] = theta[i] + s[i]
        _law(new, x, y, inverse, m, work[0], work[1:])
        _sums(work[0], work[1:], w, x, y, m, delta, trial)
        n_eval += 1
        actual = sums[0] - trial[0]
        if actual > 0.0:
            theta[:] = new
            sums, trial = trial, sums
            lam = max(0.1 * lam, 1e-12) if actual > 0.25 * promised else lam
        else:
            lam = max(10.0 * lam, 1e-4)
        if promised < tol * sums[0] and abs(actual) < tol * sums[0]:
            break
    return sums[0], n_eval


@nb.njit
def _draw(n, seed, index, words, counts):
    """Count how often each row is drawn: splitmix64, two draws of 32 bits from each word."""
    key = (np.uint64(seed) * np.uint64(0xD1342543DE82EF95)) ^ (np.uint64(index) * np.uint64(0x9E6C63D0876A9A47))
    for i in range(words.size):
        z = key + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words[i] = z ^ (z >> np.uint64(31))
    counts[:] = 0
    size, mask, shift = np.uint64(n), np.uint64(0xFFFFFFFF), np.uint64(32)
    for i in range(n // 2):
        counts[((words[i] & mask) * size) >> shift] += 1
        counts[((words[i] >> shift) * size) >> shift] += 1
    if n % 2:
        counts[((words[n // 2] & mask) * size) >> shift] += 1


@nb.njit
def _squeeze(counts, full, rows, w, index):
    """Copy the drawn rows to the front, padded to a multiple of eight with weight zero."""
    m, one, eight = np.uint64(0), np.uint64(1), np.uint64(8)
    for i in range(counts.size):
        index[m] = i
        m += np.uint64(counts[i] > 0)
    for i in range(m):
        w[i] = counts[index[i]]
    while m % eight:
        index[m], w[m] = 0, 0.0
        m += one
    for k in range(full.shape[0]):
        for i in range(m):
            rows[k, i] = full[k, index[i]]
    return np.int64(m)


@nb.njit
def _refits(data, theta0, delta, tol, seed, first, draws, objective, evaluations):
    """Refit resamples `first`, `first + 1`, ... into the rows of `draws`."""
    n = data.shape[1]
    x, y, inverse = data[0], data[1], data[2]
    full = np.empty((7, n))  # x, y, 1 / loss, residuals and derivatives at the full fit
    full[:3] = data
    _law(theta0, x, y, inverse, n, full[3], full[4:])
    rows, work, index = np.empty((7, n + 8)), np.empty((4, n + 8)), np.empty(n + 8, np.uint64)
    w, words, counts = np.empty(n + 8), np.empty((n + 1) // 2, np.uint64), np.empty(n, np.int32)
    sums, trial, low, s = np.empty(N_SUMS), np.empty(N_SUMS), np.empty((P, P)), np.empty(2 * P)
    for i in range(draws.shape[0]):
        _draw(n, seed, first + i, words, counts)
        m = _squeeze(counts, full, rows, w, index)
        draws[i] = theta0
        objective[i], evaluations[i] = _solve(
            draws[i],
            rows[0],
            rows[1],
            rows[2],
            w,
            m,
            delta,
            tol,
            rows[3],
            rows[4:],
            work,
            sums,
            trial,
            low,
            s,
        )


@nb.njit
def counts_of(n, seed, index):
    """Return how often each of `n` rows is in resample `index`."""
    words, counts = np.empty((n + 1) // 2, np.uint64), np.empty(n, np.int32)
    _draw(n, seed, index, words, counts)
    return counts


class NumbaNewton:
    """The job for one table: `fit` once, then `refits` as often as wanted."""

    def __init__(self, N, D, loss, delta=1e-3):
        ln_n, ln_d = np.log(N), np.log(D)
        self.centre = ln_n.mean(), ln_d.mean()
        self.data = np.array([ln_n - self.centre[0], ln_d - self.centre[1], 1.0 / loss])
        self.delta = delta

    def inside(self, theta):
        """From (log A, log B, log E, alpha, beta) to the centred parameters."""
        a, b, e, alpha, beta = theta
        return np.array([a - alpha * self.centre[0], b - beta * self.centre[1], e, alpha, beta])

    def outside(self, theta):
        """From the centred parameters back to (log A, log B, log E, alpha, beta)."""
        a, b, e, alpha, beta = np.asarray(theta).T
        return np.array([a + alpha * self.centre[0], b + beta * self.centre[1], e, alpha, beta]).T

    def refits(self, start, n_resamples, *, seed=0, first=0, tol=1e-9):
        """Return parameters, objectives and evaluations of the law for each resample."""
        draws = np.empty((n_resamples, P))
        objective, evaluations = np.empty(n_resamples), np.empty(n_resamples, np.int64)
        _refits(self.data, self.inside(start), self.delta, tol, seed, first, draws, objective, evaluations)
        return self.outside(draws), objective, evaluations

    def weighted(self, start, counts, *, tol=1e-14):
        """Fit once with given row counts; returns (parameters, objective)."""
        keep = np.flatnonzero(counts)
        m = keep.size
        rows, work = np.empty((7, m)), np.empty((4, m))
        rows[:3] = self.data[:, keep]
        theta = self.inside(start)
        _law(theta, rows[0], rows[1], rows[2], m, rows[3], rows[4:])
        objective, _ = _solve(
            theta, rows[0], rows[1], rows[2], counts[keep].astype(float), m, self.delta, tol, rows[3], rows[4:],
            work, np.empty(N_SUMS), np.empty(N_SUMS), np.empty((P, P)), np.empty(2 * P),
        )  # fmt: skip
        return self.outside(theta), objective
