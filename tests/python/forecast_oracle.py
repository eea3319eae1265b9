"""The recommended forecaster once more, in plain numpy: centred p-norm, dense covariances, no tape.

Written from the formulas and sharing no code with the library: another parametrisation (amplitudes at the centre of
the data), analytic derivatives, explicit inverses, five plain Gauss-Newton steps per covariance.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.stats import t as student

SHARES, LENGTHS = (0.4, 0.8, 0.95), (0.7, 2.0, 4.0)
EFFECTS = ((0.0, 1.0), (0.4, 1.0), (0.8, 1.0), (0.8, 0.5), (0.98, 0.5))


def law(theta, x, z):
    """Return log loss and its derivatives by (a, b, e, ln alpha, ln beta, ln p)."""
    a, b, e = theta[:3]
    alpha, beta, p = np.exp(theta[3:])
    u, v = a - alpha * x, b - beta * z
    t = np.logaddexp(p * u, p * v) / p
    mu = np.logaddexp(e, t)
    su = 1 / (1 + np.exp(p * (v - u)))
    w = np.exp(t - mu)
    by_p = w * (su * u + (1 - su) * v - t)
    columns = (w * su, w * (1 - su), 1 - w, -w * su * alpha * x, -w * (1 - su) * beta * z, by_p)
    return mu, np.column_stack(columns)


def covariance(cell, x1, z1, x2, z2, groups=None):
    """Return K between two sets of points; group and white parts where `groups` is given."""
    share, length, g, c = cell
    distance = (x1[:, None] - x2) ** 2 + (z1[:, None] - z2) ** 2
    k = share * np.exp(-distance / (2 * length**2))
    if groups is None:
        return k
    same = groups[:, None] == groups
    effect = same * (c + (1 - c) * np.exp(-np.abs(z1[:, None] - z2) / 2))
    return k + (1 - share) * (g * effect + (1 - g) * np.eye(len(x1))) + 1e-9 * np.eye(len(x1))


def forecast(columns, groups, start, target, level=0.95, steps=5):
    """Return centre, and half-widths of the mean and new-run bands of log loss, and the shares of variance."""
    x, z, y = (np.log(columns[name]) for name in ("N", "D", "loss"))
    cx, cz = x.mean(), z.mean()
    x, z = x - cx, z - cz
    tx, tz = np.log([target[0]]) - cx, np.log([target[1]]) - cz
    n, q = len(y), 6
    mean = np.array([0, 0, np.log(0.7 * np.exp(y.min())), np.log(0.35), np.log(0.35), 0.0])
    precision = np.array([0, 0, 1 / 0.25**2, 1 / 0.35**2, 1 / 0.35**2, 1.0])
    begin = np.array([
        np.log(start["A"]) - start["alpha"] * cx,
        np.log(start["B"]) - start["beta"] * cz,
        *np.log([start["E"], start["alpha"], start["beta"], start["p"]]),
    ])  # fmt: skip
    effects = EFFECTS if groups is not None else EFFECTS[:1]
    labels = np.arange(n) if groups is None else groups
    found = []
    for (share, length), (g, c) in itertools.product([(0.0, 1.0), *itertools.product(SHARES, LENGTHS)], effects):
        cell = (share, length, g, c)
        k = covariance(cell, x, z, x, z, labels)
        inverse = np.linalg.inv(k)
        theta = begin.copy()
        for _ in range(steps):
            mu, jac = law(theta, x, z)
            r = y - mu
            s2 = r @ inverse @ r / (n - q)
            h = jac.T @ inverse @ jac + s2 * np.diag(precision)
            step = np.linalg.solve(h, jac.T @ inverse @ r - s2 * precision * (theta - mean))
            theta = theta + step * min(1.0, 1.0 / np.abs(step).max())
        mu, jac = law(theta, x, z)
        r = y - mu
        s2 = r @ inverse @ r / (n - q)
        h = jac.T @ inverse @ jac + s2 * np.diag(precision)
        prior = (0.8 if share == 0 else 0.2 / 9) / len(effects)
        weight = (
            -0.5 * (n - q) * np.log(s2)
            - 0.5 * np.linalg.slogdet(k)[1]
            - 0.5 * np.linalg.slogdet(h)[1]
            - 0.5 * np.sum(precision * (theta - mean) ** 2)
            + np.log(prior)
        )
        near = covariance(cell, tx, tz, x, z)
        at, slope = law(theta, tx, tz)
        gain = near @ inverse
        c_vector = (slope - gain @ jac)[0]
        parameters = s2 * c_vector @ np.linalg.solve(h, c_vector)
        explained = (gain @ near.T)[0, 0]
        smooth = s2 * max(share - explained, 0)
        found.append((weight, (at + gain @ r)[0], parameters, smooth, s2 * (1 - share), g > 0))
    weight, centre, parameters, smooth, noise, grouped = map(np.array, zip(*found, strict=True))
    w = np.exp(weight - weight.max())
    w /= w.sum()
    middle = w @ centre
    parts = {
        "parameters": w @ parameters,
        "form": w @ (centre - middle) ** 2,
        "discrepancy": w @ smooth,
        "noise": w @ noise,
    }
    total = sum(parts.values())
    share = w @ grouped
    n_groups = len(np.unique(labels))
    df = (1 - share) * (n - q) + share * max(n_groups - q, 3)
    quantile = student.ppf((1 + level) / 2, df)
    half = quantile * np.sqrt([total - parts["noise"], total])
    return middle, half[0], half[1], {name: value / total for name, value in parts.items()}
