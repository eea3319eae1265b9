"""Saving: atomic, readable by people, and never in silence when something is wrong."""

from __future__ import annotations

import json
import math
import stat
import sys

import numpy as np
import polars as pl
import pytest

import isoflop as iso
from isoflop import _store


@pytest.fixture(scope="module")
def fit():
    runs = iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 12)}, noise=0.01)
    return iso.fit(runs, "power_floor")


def test_a_fit_comes_back_whole(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    for again in (
        iso.load(tmp_path / "fit.json"),
        iso.Fit.load(tmp_path / "fit.json"),
        iso.Fit.from_dict(fit.to_dict()),
    ):
        assert again.to_dict() == fit.to_dict()
        assert dict(again.params) == dict(fit.params)
        np.testing.assert_array_equal(again.covariance, fit.covariance)
        assert again.predict(X=1e6) == fit.predict(X=1e6)
        np.testing.assert_array_equal(again.bootstrap(20).draws, fit.bootstrap(20).draws)


def test_a_saved_bootstrap_holds_its_fit(fit, tmp_path):
    path = tmp_path / "boot.json"
    fit.bootstrap(20).save(path)
    assert iso.Fit.load(path).to_dict() == fit.to_dict()
    assert isinstance(iso.load(path), iso.Bootstrap)


@pytest.mark.parametrize("field", ["fit", "draws", "seed"])
def test_a_bootstrap_without_one_of_its_fields(fit, tmp_path, field):
    path = tmp_path / "boot.json"
    fit.bootstrap(20).save(path)
    content = json.loads(path.read_text())
    del content[field]
    path.write_text(json.dumps(content))
    with pytest.raises(iso.DataError, match=rf"boot.json' lacks the field '{field}'"):
        iso.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": 3}, "fit.json' holds something unexpected"),
        ({"table": {}}, "fit.json' lacks the field 'columns'"),
        ({"residuals": ["many"]}, "fit.json' holds something unexpected"),
        ({"schema": "one"}, "not a result saved by isoflop"),
    ],
    ids=["params", "table", "residuals", "schema"],
)
def test_a_field_that_holds_something_else(fit, tmp_path, change, message):
    path = tmp_path / "fit.json"
    path.write_text(json.dumps({**fit.to_dict(), **change}))
    with pytest.raises(iso.DataError, match=message):
        iso.load(path)


def test_the_file_says_what_it_is(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    content = json.loads((tmp_path / "fit.json").read_text())
    assert content["isoflop"] == "fit"
    assert content["schema"] == _store.SCHEMA
    assert content["version"] == iso.__version__
    assert content["law"]["formula"] == "E + A / X**alpha"
    assert content["fingerprint"] == fit.fingerprint
    assert content["params"]["E"] == fit.params["E"]


def test_numbers_that_json_lacks_survive(tmp_path):
    runs = iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 12)}, noise=0.01)
    fit = iso.fit(runs, "power_floor", criterion="squared", fixed={"alpha": 0.24})
    assert math.isinf(fit.delta)
    assert math.isnan(fit.standard_error["alpha"])
    fit.save(tmp_path / "fit.json")
    again = iso.load(tmp_path / "fit.json")
    assert math.isinf(again.delta)
    assert math.isnan(again.standard_error["alpha"])


def test_a_half_written_file_is_named(fit, tmp_path):
    path = tmp_path / "fit.json"
    fit.save(path)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(iso.DataError, match=r"fit.json' is not complete JSON"):
        iso.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": _store.SCHEMA + 1, "version": "9.9"}, r"schema 2 \(isoflop 9.9\), this version reads up to 1"),
        ({"isoflop": "sandwich"}, "holds a 'sandwich', expected 'fit'"),
    ],
)
def test_what_this_version_cannot_read_is_named(fit, tmp_path, change, message):
    path = tmp_path / "fit.json"
    path.write_text(json.dumps({**fit.to_dict(), **change}))
    with pytest.raises(iso.DataError, match=message):
        iso.load(path)
    with pytest.raises(iso.DataError, match=message):
        iso.Fit.from_dict({**fit.to_dict(), **change})


@pytest.mark.parametrize("content", ["[1, 2]", "{}", '{"isoflop": "fit"}', "5"])
def test_json_of_others_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(iso.DataError, match="not a result saved by isoflop"):
        iso.load(path)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(iso.DataError, match="cannot read"):
        iso.load(tmp_path / "nothing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(iso.DataError, match="cannot read"):
        iso.load(tmp_path / "binary.json")


def test_a_crash_leaves_the_old_file(fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.json"
    fit.save(path)
    before = path.read_bytes()

    def crash(*_):
        raise OSError("no space left")

    monkeypatch.setattr(_store.os, "fsync", crash)
    with pytest.raises(OSError, match="no space left"):
        fit.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_a_save_replaces_what_was_there(fit, tmp_path):
    path = tmp_path / "fit.json"
    path.write_text("old")
    fit.save(path)
    assert iso.load(path).objective == fit.objective
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) & 0o400


def test_draws_come_back_with_the_same_bits(fit, tmp_path):
    boot = fit.bootstrap(60, rng=3)
    boot.save(tmp_path / "boot.json")
    again = iso.load(tmp_path / "boot.json")
    np.testing.assert_array_equal(again.draws, boot.draws)
    np.testing.assert_array_equal(again.status, boot.status)
    assert again.status.dtype == np.uint8
    assert (again.seed, again.scheme, again.reason) == (3, boot.scheme, boot.reason)
    assert again.interval().equals(boot.interval())
    assert again.summary() == boot.summary()


def test_draws_can_be_read_by_others(fit, tmp_path):
    fit.bootstrap(60).save(tmp_path / "boot.json")
    (parquet,) = tmp_path.glob("*.parquet")
    assert pl.read_parquet(parquet).columns == ["draw E", "draw A", "draw alpha", "objective", "status"]


def test_saving_again_removes_the_old_draws_last(fit, tmp_path):
    path = tmp_path / "boot.json"
    fit.bootstrap(30, rng=1).save(path)
    (tmp_path / "boot.mine.parquet").write_bytes(b"a file of the user")
    fit.bootstrap(30, rng=2).save(path)
    assert iso.load(path).seed == 2
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    assert (tmp_path / "boot.mine.parquet").exists()


def test_draws_of_another_save_are_refused(fit, tmp_path):
    path = tmp_path / "boot.json"
    boot = fit.bootstrap(30, rng=1)
    boot.save(path)
    (parquet,) = tmp_path.glob("*.parquet")
    whole = parquet.read_bytes()
    parquet.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(iso.DataError, match="cannot read the draws"):
        iso.load(path)
    fit.bootstrap(30, rng=2).save(tmp_path / "two.json")
    (other,) = tmp_path.glob("two*.parquet")
    parquet.write_bytes(other.read_bytes())
    with pytest.raises(iso.DataError, match="not those"):
        iso.load(path)
    parquet.unlink()
    with pytest.raises(iso.DataError, match="in one folder"):
        iso.load(path)


def test_a_crash_between_draws_and_json_leaves_the_old_bootstrap(fit, tmp_path, monkeypatch):
    path = tmp_path / "boot.json"
    fit.bootstrap(30, rng=1).save(path)

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_store, "save_json", crash)
    with pytest.raises(KeyboardInterrupt):
        fit.bootstrap(30, rng=2).save(path)
    assert iso.load(path).seed == 1


def test_a_table_of_fits_comes_back(tmp_path):
    x = np.tile(np.geomspace(1, 1e4, 6), 2)
    task = np.repeat([1, 2], 6)
    fits = iso.fit({"X": x, "loss": task + 3 * x**-0.5, "task": task}, "power_floor", by="task")
    fits.save(tmp_path / "fits.json")
    again = iso.load(tmp_path / "fits.json")
    assert list(again) == [1, 2]
    assert again.to_dict() == fits.to_dict()


def test_levels_survive(tmp_path):
    x = np.tile(np.geomspace(1, 1e4, 6), 2)
    family = np.repeat(["a", "b"], 6)
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    loss = np.where(family == "a", 1.0, 2.0) + 3 * x**-0.5
    fit = iso.fit({"X": x, "family": family, "loss": loss}, law)
    fit.save(tmp_path / "fit.json")
    again = iso.load(tmp_path / "fit.json")
    assert again.predict(X=100.0, family="b") == fit.predict(X=100.0, family="b")
    np.testing.assert_array_equal(again.bootstrap(5).draws, fit.bootstrap(5).draws)
