"""A fast part of the coverage study, with fixed streams; the whole is benches/python/coverage.py."""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso

from .benches import bench_module

designs = bench_module("designs", importable=True)
bench = bench_module("coverage")

N = 300


def found(**given) -> list:
    case = bench.Case("test", **given)
    return bench.cells(case, bench.simulate(case, N, seed=1))


def check(cells: list) -> None:
    for cell in cells:
        assert cell.holds, (cell.method, cell.shares)
        low, high = cell.case.must
        assert low <= cell.shares.mean() <= high, (cell.method, cell.shares)


@pytest.mark.parametrize("n", [30, 60])
def test_independent_rows(n):
    methods = ("delta", "hc3", "profile", "rows:percentile")
    check(found(design=designs.iso(n), noise="0.005", methods=methods, must=(92.0, 98.0)))


def test_noise_that_falls_with_compute_and_outliers():
    check(found(design=designs.iso(60), noise="hetero", methods=("hc3",), must=(92.0, 98.0)))
    check(found(design=designs.iso(60), noise="t3out", methods=("hc3", "rows:percentile"), must=(90.0, 99.0)))


def test_sizes_and_runs_that_share_noise():
    squared = {"criterion": "squared"}
    check(found(design=designs.grid(30), noise="cluster", methods=("gls",), must=(93.0, 98.0), **squared))
    check(found(design=designs.ckpt(60), noise="ckpt", methods=("wild-cluster",), must=(91.0, 96.0), **squared))
    check(found(design=designs.ckpt(240), noise="ckpt", methods=("gls-ar1",), must=(92.0, 97.0), **squared))


def test_common_practice_fails_where_it_must():
    check(found(design=designs.grid(240), noise="cluster", methods=("rows:percentile",), must=(0.0, 65.0)))
    wrong = {"p": 2.0, "only": ("L 10x", "L 100x")}
    check(found(design=designs.iso(30), noise="0.005", methods=("delta",), must=(0.0, 5.0), **wrong))


def test_new_runs():
    given = {"kind": "new_run", "only": ("L 10x", "L 100x")}
    check(found(design=designs.iso(60), noise="0.005", methods=("delta",), must=(92.0, 98.0), **given))


def test_results_do_not_depend_on_threads():
    case = bench.Case("test", designs.iso(30), "0.02", ("profile", "rows:percentile", "rows:studentised"), (0.0, 100.0))
    one, three = (bench.simulate(case, 12, seed=2, n_threads=k) for k in (1, 3))
    assert one.low.tobytes() == three.low.tobytes()
    assert one.high.tobytes() == three.high.tobytes()


def test_a_study_is_many_fits_and_intervals():
    rng = np.random.default_rng(0)
    design = designs.iso(30)
    losses = designs.loss(design.N, design.D) * np.exp(designs.noise("0.005", design, 3, rng))
    case = bench.Case("test", design, "0.005", ("hc3",), (0.0, 100.0))
    fits = [bench.fit_of(case, row) for row in losses]
    study = iso.coverage_study(fits[0], losses, designs.TRUTH, ["hc3", "profile"], of=list(designs.TRUTH))
    for i, fit in enumerate(fits):
        for j, method in enumerate(("hc3", "profile")):
            frame = fit.interval(method=method, of=list(designs.TRUTH))
            np.testing.assert_allclose(study.low[i, j], frame["low"], rtol=1e-4)
            np.testing.assert_allclose(study.high[i, j], frame["high"], rtol=1e-4)
    assert study.to_frame().shape == (10, 5)
    with pytest.raises(iso.DataError, match="a study knows no method 'exact'"):
        iso.coverage_study(fits[0], losses, designs.TRUTH, ["exact"])
    with pytest.raises(iso.DataError, match=r"losses have shape \(30,\), expected \(simulations, 30\)"):
        iso.coverage_study(fits[0], losses[0], designs.TRUTH)
