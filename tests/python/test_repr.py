"""The one rounding rule, tables, and named values."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop._repr import Values, facts, html_table, number, pair, percent, table


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (0.347310, 0.01532, ("0.347", "0.015")),
        (2143.2, 1287.0, ("2100", "1300")),
        (1.8172, 0.0257, ("1.817", "0.026")),
        (482.01, 124.52, ("480", "120")),
        (1.0, 0.0996, ("1.00", "0.10")),
        (0.5, 0.999, ("0.5", "1")),
        (12.3456, 9.96, ("12", "10")),
        (1e-7, 3.14e-9, ("1.000e-07", "0.031e-07")),
        (8.8e13, 1.2e12, ("8.80e+13", "0.12e+13")),
        (0.00012345, 25.0, ("0.00012", "25")),
        (2.71e15, 8.7e20, ("2.7e+15", "8.7e+20")),
        (0.0, 25.0, ("0", "25")),
        (3.5, math.nan, ("3.5", "–")),
        (3.5, 0.0, ("3.5", "0")),
        (3.5, math.inf, ("3.5", "–")),
        (1.7999999999999996, 2.8e-16, ("1.8", "2.8e-16")),
        (399.9999999999945, 3.1e-12, ("400", "3.1e-12")),
        (math.nan, math.nan, ("–", "–")),
    ],
)
def test_pair(value, error, expected):
    assert pair(value, error) == expected


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e9))
def test_a_pair_never_hides_more_than_a_twentieth_of_the_error(value, error):
    shown, rounded = pair(value, error)
    # Half a unit of the second digit of 1.0 is 5 %; the value moves by the same place at most.
    assert abs(float(rounded) - error) <= 0.0501 * error
    assert abs(float(shown) - value) <= 0.0501 * error + 6e-9 * abs(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.34731045, "0.34731"),
        (2143.0, "2143"),
        (1.4e12, "1.4e+12"),
        (0.001018274018, "0.00101827"),
        (1e-5, "1e-05"),
        (0.0, "0"),
        (-2.5, "-2.5"),
        (math.inf, "inf"),
        (math.nan, "–"),
        (999999999.0, "999999999"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_percent_never_rounds_to_nothing_or_to_all():
    shares = (0.95, 0.9999, 0.00031, 1e-6, 0, 1)
    assert [percent(x) for x in shares] == ["95 %", "99.99 %", "0.031 %", "<0.001 %", "0 %", "100 %"]


def test_table_aligns():
    assert table(["name", "x"], [["alpha", "1"], ["b", "22.5"]]).splitlines() == [
        "name      x",
        "alpha     1",
        "b      22.5",
    ]
    assert facts([("rows", "240"), ("prior", ""), ("objective", "0.001")]) == "rows       240\nobjective  0.001"


def test_html_is_escaped():
    assert "&lt;b&gt;" in html_table(["a"], [["<b>"]], caption="x < y")


def test_values_read_like_a_dict_and_do_not_change():
    values = Values({"E": np.float32(1.5), "alpha": 0.25})
    assert dict(values) == {"E": 1.5, "alpha": 0.25}
    assert isinstance(values["E"], float)
    assert values == {"E": 1.5, "alpha": 0.25}
    with pytest.raises(TypeError):
        values["E"] = 2.0
    with pytest.raises(KeyError, match="'gamma' is not one of E, alpha"):
        values["gamma"]
    assert "gamma" not in values
    assert values.get("gamma") is None
    assert pickle.loads(pickle.dumps(values)) == values
    assert len(repr(Values({f"p{i}": i for i in range(1000)}))) < 200
