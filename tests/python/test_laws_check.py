"""`laws check`: the reference table, other values by an independent writing of every law, and rows that are wrong."""

from __future__ import annotations

import csv
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import isoflop as iso
from isoflop.cli import main

from .catalogue import DATA
from .law_reference import REFERENCE

VECTORS = DATA / "law_vectors.csv"
COLUMNS = ("id", "law", "output", "value", "params", "inputs")


def vectors():
    with VECTORS.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        out.writerows(dict(zip(COLUMNS, row, strict=True)) if isinstance(row, tuple) else row for row in rows)
    return path


def read(text):
    """Return `name=number;name=number,number` as a dict."""
    pairs = (part.split("=") for part in text.split(";") if part)
    values = {name: [float(x) for x in value.split(",")] for name, value in pairs}
    return {name: x if len(x) > 1 else x[0] for name, x in values.items()}


def text(values):
    return ";".join(f"{k}={','.join(map(repr, x)) if isinstance(x, list) else repr(x)}" for k, x in values.items())


def test_every_row_of_the_reference_table_passes():
    found = iso.laws.check(VECTORS)
    assert [row.problem for row in found.rows if row.problem] == []
    assert (found.n_passed, found.n_failed, found.n_skipped) == (468, 0, 69)
    assert max(row.error for row in found.rows if not row.skipped) < 1e-13
    assert set(found.by_law()) == {row["law"] for row in vectors()}


def test_other_values_pass_too(tmp_path):
    """Every parameter and input a little larger, the value by `law_reference`, which knows nothing of the library."""
    rng = np.random.default_rng(20)
    rows = [dict(row) for row in vectors() if not row["law"].startswith("fit_")]

    def moved(name, x):
        return (
            x if name == "n" else [moved(name, y) for y in x] if isinstance(x, list) else x * (1 + 0.03 * rng.random())
        )

    for row in rows:
        params, inputs = ({k: moved(k, v) for k, v in read(row[part]).items()} for part in ("params", "inputs"))
        values = SimpleNamespace(**params, **inputs)
        row |= {"value": repr(float(REFERENCE[row["law"]](values)[row["output"]]))}
        row |= {"params": text(params), "inputs": text(inputs)}
    found = iso.laws.check(write(tmp_path / "moved.csv", rows))
    assert len(found.rows) == 468
    # The reference is float64 itself: it may be off by some roundings, and by more where it takes differences.
    assert [(row.id, row.output, row.error) for row in found.rows if not row.error < 2e-11] == []


def test_a_value_that_is_off_fails(tmp_path):
    rows = vectors()
    for row in rows:
        if not row["law"].startswith("fit_"):
            row["value"] = repr(float(row["value"]) * (1 + 3e-12) + (1e-11 if float(row["value"]) == 0 else 0))
    found = iso.laws.check(write(tmp_path / "off.csv", rows))
    searched = {row.law for row in found.rows if row.passed}
    assert searched == {"m4", "sardana"}  # roots are allowed 1e-9
    assert found.n_failed == 468 - 26


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("a", "chinchila", "L", "1", "E=1", "N=1"), "no law 'chinchila' in the catalogue"),
        (("a", "chinchilla", "L", "1", "E=1;A=1;B=1;alpha=1", "N=1;D=1"), "no value for 'beta'"),
        (("a", "chinchilla", "L", "1", "E=1;A=1;B=1;alpha=1;beta=1", "N=1"), "no value for 'D'"),
        (("a", "chinchilla", "loss", "1", "E=1;A=1;B=1;alpha=1;beta=1", "N=1;D=1"), "has no quantity 'loss'"),
        (("a", "chinchilla", "L", "1", "E=1;A=one;B=1;alpha=1;beta=1", "N=1;D=1"), "params A is 'one'"),
        (("a", "chinchilla", "L", "1", "E=1;A;B=1;alpha=1;beta=1", "N=1;D=1"), "params holds 'A'"),
        (("a", "chinchilla", "L", "one", "", ""), "value is 'one'"),
        (("a", "chinchilla", "L", "1", "E=1;A=1;B=1;alpha=1;beta=1", "N=-1;D=1"), "N is -1"),
        (("a", "sardana", "N", "1", "E=1;A=1;B=1;alpha=1;beta=1", "L_target=2"), "sardana needs 'D_inf'"),
        (("a", "chinchilla_opt", "P_opt", "1", "E=1;A=1;B=1;alpha=1;beta=1", "C=6"), "gives no 'P_opt'"),
        (("a", "bnsl", "y", "1", "a=1;b=1;c0=1;c=1,2;d=1,2", "X=1"), "no value for 'f1', 'f2'"),
        (("a", "hp_power", "value", "1", "k=1;p_C=0.5", "N=4"), "no value for 'C'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_cannot_be_computed_says_why(tmp_path, row, problem):
    good = ("b", "power", "L", "4", "Xc=4;alpha=1", "X=1")
    found = iso.laws.check(write(tmp_path / "bad.csv", [row, good]))
    assert (found.n_passed, found.n_failed) == (1, 1)
    assert problem in found.rows[0].problem
    assert math.isinf(found.rows[0].error)
    assert problem in found.summary()
    assert found.summary().splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_values_that_parameters_of_a_fit_cannot_take_are_arithmetic(tmp_path):
    """Domains guide fits; a formula with a negative amplitude or a parameter of zero still has a value."""
    rows = [
        ("a", "chinchilla", "L", "0.5", "E=1;A=-1;B=0;alpha=1;beta=1", "N=2;D=4"),
        ("b", "power_floor", "L", "3.0", "E=1;A=1;alpha=-1", "X=2"),
    ]
    assert iso.laws.check(write(tmp_path / "odd.csv", rows)).n_passed == 2


def test_a_file_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "short.csv"
    path.write_text("id,law,value\n")
    with pytest.raises(iso.DataError, match="has no column 'output', 'params', 'inputs'"):
        iso.laws.check(path)


def test_the_shell_prints_laws_and_counts(capsys):
    assert main(["laws", "check", str(VECTORS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "468 passed, 0 failed, 69 skipped"
    assert lines[0].split()[:3] == ["law", "rows", "largest"]
    assert next(line for line in lines if line.startswith("kaplan_frontier")).split()[1] == "24"


def test_the_shell_fails_with_a_failed_row(tmp_path, capsys):
    path = write(
        tmp_path / "bad.csv", [("a", "power", "L", "5", "Xc=4;alpha=1", "X=1"), ("f", "fit_x", "a", "", "", "")]
    )
    assert main(["laws", "check", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 1 skipped"
    assert main(["laws", "check", str(path), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["passed"], content["failed"], content["skipped"]) == (0, 1, 1)
    assert content["laws"]["power"]["largest_error"] == pytest.approx(0.2)
    assert content["failed_rows"][0]["id"] == "a"
    assert main(["laws", "check", str(tmp_path / "none.csv")]) == 1
