"""Known traps of libraries of this kind (layouts of arrays, panics, arrays changed meanwhile), each with its test.

Forks, signals, threads and bits have files of their own.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

import isoflop as iso
from isoflop import _engine

from .helpers import run_python, twin


@pytest.fixture(scope="module")
def fit():
    return iso.fit(twin(), "chinchilla")


# -- layouts


def misaligned(values):
    buffer = np.empty(values.nbytes + 1, np.uint8)
    out = buffer[1:].view(values.dtype)
    out[:] = values
    return out


def read_only(values):
    out = values.copy()
    out.flags.writeable = False
    return out


LAYOUTS = {
    "fortran": lambda v: np.asfortranarray(np.stack([v, v, v]).T)[:, 1],
    "row of fortran": lambda v: np.asfortranarray(np.stack([v, v, v]))[1],
    "reversed": lambda v: v[::-1].copy()[::-1],
    "strided": lambda v: np.repeat(v, 3)[::3],
    "field of records": lambda v: np.rec.fromarrays([v, v], names="a,b").a,
    "byte swapped": lambda v: v.astype(">f8"),
    "misaligned": misaligned,
    "read only": read_only,
    "subclass": lambda v: np.ma.masked_array(v),
    "memory view": lambda v: np.asarray(memoryview(v.copy())),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_fit(fit, name):
    change = LAYOUTS[name]
    table = {column: change(values) for column, values in twin().items()}
    before = {column: np.array(values) for column, values in table.items()}
    again = iso.fit(table, "chinchilla")
    assert again.theta.tobytes() == fit.theta.tobytes()
    weighted = iso.fit(twin(), "chinchilla", weights=change(np.ones(240)))
    assert weighted.theta.tobytes() == fit.theta.tobytes()
    for column, values in before.items():
        np.testing.assert_array_equal(table[column], values)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_prediction(fit, name):
    change = LAYOUTS[name]
    plain = fit.predict(N=twin()["N"], D=twin()["D"])
    assert fit.predict(N=change(twin()["N"]), D=change(twin()["D"])).tobytes() == plain.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint64, np.int32, np.float16])
def test_other_dtypes_are_cast_before_anything_is_multiplied(dtype):
    x = np.array([1, 2, 4, 8, 16, 32, 64, 128])
    loss = 1 + 3 / x**0.5
    same = iso.fit({"X": x.astype(float), "loss": loss}, "power_floor")
    assert iso.fit({"X": x.astype(dtype), "loss": loss}, "power_floor").theta.tobytes() == same.theta.tobytes()


def test_two_dimensional_points_keep_their_shape(fit):
    n, d = np.meshgrid(np.geomspace(1e8, 1e10, 3), np.geomspace(1e9, 1e11, 4))
    grid = fit.predict(N=np.asfortranarray(n), D=d)
    assert grid.shape == (4, 3)
    assert grid.ravel().tolist() == fit.predict(N=n.ravel(), D=d.ravel()).tolist()


def test_empty_and_single_points(fit):
    assert fit.predict(N=np.array([]), D=np.array([])).shape == (0,)
    assert isinstance(fit.predict(N=1e9, D=1e10), float)
    assert fit.predict(N=[1e9], D=1e10).shape == (1,)


@pytest.mark.parametrize("size", [1, 4, 7, 8, 9, 17, 100, 1023, 1024, 1025, 4567])
def test_awkward_sizes_predict_the_same_values(fit, size):
    n, d = np.geomspace(1e8, 1e12, 4567), np.geomspace(1e13, 1e9, 4567)
    assert fit.predict(N=n[:size], D=d[:size]).tobytes() == fit.predict(N=n, D=d)[:size].tobytes()


# -- arrays that others change


def scribble(arrays, stop):
    while not stop.is_set():
        for values in arrays:
            values[:] = np.nan
            values[:] = 1e-300


def test_a_thread_that_scribbles_over_the_table_changes_nothing(fit):
    table = {name: values.copy() for name, values in twin().items()}
    weights = np.ones(240)
    runs = iso.Runs(table)
    again = iso.fit(runs, "chinchilla", weights=weights)
    expected = again.bootstrap(3_000, rng=1, scheme="rows").draws
    stop = threading.Event()
    thread = threading.Thread(target=scribble, args=([*table.values(), weights], stop))
    thread.start()
    try:
        draws = again.bootstrap(3_000, rng=1, scheme="rows").draws
        later = iso.fit(runs, "chinchilla")
    finally:
        stop.set()
        thread.join()
    assert draws.tobytes() == expected.tobytes()
    assert later.theta.tobytes() == fit.theta.tobytes()


def test_arrays_that_leave_belong_to_their_owner(fit):
    """Results can be written to and outlive what they came from; nothing of the core is behind them."""
    boot = fit.bootstrap(50, scheme="rows")
    expected, draws = boot.draws.copy(), boot.draws
    values = fit.predict(N=[1e9, 1e10], D=1e11)
    values[:] = 0
    del boot
    assert draws.tobytes() == expected.tobytes()
    assert fit.predict(N=[1e9, 1e10], D=1e11).all()


# -- panics


def test_a_panic_is_an_internal_error():
    with pytest.raises(iso.InternalError, match="the core panicked: asked to") as caught:
        _engine._core._panic()
    assert "Hint: this is a bug of isoflop, please report it" in str(caught.value)
    assert isinstance(caught.value, iso.IsoflopError)
    assert isinstance(caught.value, RuntimeError)


def test_a_panic_does_not_pass_by_except_exception(fit):
    code = """
from isoflop import _engine
import isoflop as iso
for _ in range(3):
    try:
        _engine._core._panic()
    except Exception as error:
        print(type(error).__name__)
print(iso.fit({"X": [1.0, 2, 4, 8], "loss": [4.0, 3, 2.5, 2]}, "power").success)
"""
    assert run_python(code).split() == ["InternalError"] * 3 + ["True"]


# -- NaN: whose fault


def test_nan_in_data_and_nan_of_the_model_are_told_apart():
    x = np.geomspace(1, 100, 12)
    loss = 1 + 3 / x
    with pytest.raises(iso.DataError, match=r"column 'loss' has 1 NaN \(row 4\)"):
        iso.fit({"X": x, "loss": np.where(np.arange(12) == 4, np.nan, loss)}, "power_floor")
    nowhere = iso.Law("E + log(0 - A * X)", variables=("X",), scale="linear")
    with pytest.raises(iso.FitError, match="the law is not finite at any start"):
        iso.fit({"X": x, "loss": loss}, nowhere)


def test_no_nan_leaves_as_a_parameter():
    """Runs that a law cannot describe at all still give the best point found, and a status."""
    x = np.geomspace(1, 100, 12)
    law = iso.Law("E + A * sqrt(X - 50 * b)", variables=("X",), scale="linear")
    try:
        fit = iso.fit({"X": x, "loss": 2 - x / 200}, law, starts=[{"E": 1.0, "A": 0.1, "b": 0.001}])
    except (iso.FitError, iso.ConvergenceWarning):
        return
    assert np.isfinite(fit.theta).all()
    assert np.isfinite(fit.objective)


@pytest.mark.filterwarnings("ignore::isoflop.ConvergenceWarning")
def test_no_nan_leaves_as_a_draw():
    rng = np.random.RandomState(0)
    few = {"X": np.geomspace(1, 100, 6), "loss": 1 + rng.uniform(0, 1, 6)}
    boot = iso.fit(few, "power_floor", delta=0.01).bootstrap(500, scheme="rows", rng=1)
    assert not np.isnan(boot.draws).any()
    assert not np.isnan(boot.objective[boot.ok]).any()
    assert np.isfinite(boot.draws[boot.ok]).all()
