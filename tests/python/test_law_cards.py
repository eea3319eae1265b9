"""Every declaration of the catalogue: complete, true to its own box and domains, saved and made again, shown."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws
from isoflop.cli import main

NAMES = laws.list()
#: Laws of which papers print the exponent alone, and single values that stand beside whole sets.
EXPONENTS = ("allocation", "hestness", "deepseek_allocation", "scalerl")
PARTIAL = {("coupled", "videau2026_language"), ("coupled", "videau2026_code")}


def test_the_catalogue_is_large_and_known_by_attribute():
    assert len(NAMES) >= 90
    assert len(laws.calculations()) >= 30
    for name in NAMES:
        assert getattr(laws, name) is laws.find(name)
        assert laws.get(name).name == name
    for name, function in laws.calculations().items():
        assert getattr(laws, name) is function
        assert function.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_is_complete(name):
    law = laws.get(name)
    assert law.title
    assert law.citation
    assert law.validity
    assert law.traps
    assert set(law.variables) <= set(law.units)
    known = {*law.parameters, *law.tied}
    assert set(law.box) <= set(law.parameters)
    for parameter, (low, high) in law.box.items():
        assert low < high
        assert law.domain(parameter) == "real" or low >= 0, parameter
        assert law.domain(parameter) != "unit" or high <= 1, parameter
    for key, entry in law.published.items():
        assert set(entry.params) <= known, key
        partial = bool(set(law.parameters) - {*entry.params, *law.constants})
        assert partial == ((name, key) in PARTIAL or name in EXPONENTS), key
        assert set(entry.standard_error) | set(entry.interval) <= set(entry.params), key
        assert entry.source, key
        for parameter, (low, high) in entry.interval.items():
            assert low < high
            # Some print values with fewer digits than intervals: 0.46 for 0.454 to 0.455.
            assert low * 0.98 <= entry.params[parameter] <= high * 1.02, (key, parameter)


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_goes_through_json(name):
    law = laws.get(name)
    again = iso.Law.from_dict(json.loads(json.dumps(law.to_dict())))
    assert again == law
    assert (again.parameters, again.variables, again.where) == (law.parameters, law.variables, law.where)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_shows_what_is_known(name):
    law = laws.find(name)
    card = law.card()
    law = laws.get(name)
    flat = " ".join(card.split())
    assert card.startswith(f"{law.name}: {law.title}")
    assert " ".join(f"{law.response} = {law.formula}".split()) in flat
    assert all(" ".join(f"{part} = {text}".split()) in flat for part, text in law.where.items())
    assert all(key in card for key in law.published)
    assert all(" ".join(trap.split()) in flat for trap in law.traps)
    assert max(map(len, card.splitlines())) <= 120


def test_a_card_prints_errors_and_intervals():
    card = " ".join(iso.laws.chinchilla.card().split())
    assert "alpha = 0.3478 ± 0.0154 [0.317 to 0.373]" in card
    assert "caution:" in card  # the two digits of equation 10 are too few


def test_shapes_of_families():
    assert laws.get("bnsl", breaks=3).parameters == laws.bnsl.law(breaks=3).parameters
    assert laws.get("bnsl", breaks=2) is laws.get("bnsl", breaks=2)
    with pytest.raises(iso.LawError, match=r"no shape 'brakes'(.|\n)*Hint: its shape is breaks=1"):
        laws.get("bnsl", brakes=2)
    with pytest.raises(iso.LawError, match="has no shape"):
        laws.get("chinchilla", breaks=2)
    with pytest.raises(iso.LawError, match="is a calculation, no law"):
        laws.get("sardana")


def test_results_of_a_calculation_are_frozen_and_vectorised():
    shape = dict(iso.laws.chinchilla.published["epoch2024"].params)
    best = laws.chinchilla_opt(C=np.array([1e21, 1e24]), **shape)
    assert best.N_opt.shape == (2,)
    assert laws.chinchilla_opt(C=1e24, **shape)["N_opt"] == pytest.approx(best.N_opt[1], rel=1e-15)
    with pytest.raises(AttributeError):
        best.N_opt = 1.0
    with pytest.raises(AttributeError, match="there are"):
        _ = best.N_best
    with pytest.raises(iso.LawError, match="did you mean 'alpha'"):
        laws.chinchilla_opt(C=1e24, alfa=1.0, **{k: v for k, v in shape.items() if k != "alpha"})


def test_the_shell_lists_families_calculations_and_cards(capsys):
    def shell(*words):
        assert main(list(words)) == 0
        return capsys.readouterr().out

    listing = shell("laws", "--no-json")
    assert all(f"\n{name} " in listing for name in (*NAMES, *laws.calculations()))
    assert "A family: laws.get('bnsl', breaks=1)" in shell("laws", "bnsl", "--no-json")
    assert shell("laws", "sardana", "--no-json").startswith("isoflop.laws.sardana(D_inf")
    content = json.loads(shell("laws", "--json"))
    assert [law["name"] for law in content["laws"]] == list(NAMES)
    assert content["calculations"]
    (one,) = json.loads(shell("laws", "chinchilla", "--json"))["laws"]
    assert one["published"]["epoch2024"]["interval"]["alpha"] == [0.317, 0.373]


def test_importing_the_package_does_not_load_the_catalogue():
    code = "import sys, isoflop; print([m for m in sys.modules if m.startswith('isoflop.laws')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_published_values_with_too_few_digits_warn():
    law = iso.Law(
        "E + A / N**alpha", published={"two": iso.Published({"E": 1, "A": 2, "alpha": 1}, warning="two digits")}
    )
    with pytest.warns(iso.PrecisionWarning, match="two digits"):
        assert law.predict("two", N=2.0) == 2.0
    with pytest.warns(iso.PrecisionWarning):
        law.published["two"].predict(N=2.0)
    assert math.isclose(law.predict(law.published["two"].params, N=2.0), 2.0)
