"""The documentation: its pages run and print what they say, pages of laws and the reference are complete and true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
import re
import sys
from pathlib import Path

import pytest

import isoflop as iso

from . import pages
from .conftest import ROOT, shared_data

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "generated" not in path.parts)
sys.path.insert(0, str(DOCS))
api, examples, latex, law_pages, markdown = (
    importlib.import_module(f"_site.{name}") for name in ("api_pages", "examples", "latex", "law_pages", "markdown")
)
sys.path.remove(str(DOCS))


def label(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


RUN = [path for path in PAGES if any(b.language == "python" for b in pages.blocks(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("path", RUN, ids=label)
def test_pages_print_what_they_say(path, tmp_path, monkeypatch):
    page = path.read_text(encoding="utf-8")
    wanted, shared = pages.tables(page), shared_data()
    if wanted and not shared.is_dir():
        pytest.skip("measured tables are not here (ISOFLOP_SHARED)")
    pages.place(tmp_path, wanted, shared)
    monkeypatch.chdir(tmp_path)
    for step in pages.run(page, label(path)):
        assert step.holds, step.complaint


def test_a_page_that_prints_something_else_is_found():
    (step,) = pages.run("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", "page")
    assert not step.holds
    assert "prints\n2" in step.complaint
    (silent,) = pages.run("```python\nprint(2)\n```\n", "page")
    assert not silent.holds


def test_pages_are_rewritten_with_what_they_print():
    page = "# T\n\n```python\nprint(2)\n```\n\n```text\n3\n```\n\n```python\nprint(4)\n```\n\nend\n"
    assert pages.rewritten(page, "page") == page.replace("\n3\n", "\n2\n").replace(
        "\nend\n", "\n```text\n4\n```\n\nend\n"
    ).replace("print(4)\n```\n\n\n", "print(4)\n```\n\n")


def test_links_lead_somewhere():
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#`]+)[)#]", path.read_text(encoding="utf-8")):
            if target.startswith("https://") or "generated/" in target:
                continue
            assert (path.parent / target).exists(), f"{label(path)}: {target}"


def test_pages_include_tables_that_were_measured():
    included = {
        (path.parent / name).resolve()
        for path in PAGES
        for name in re.findall(r"^```\{include\} (\S+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    measured = set((DOCS / "measured").glob("*.md")) - {DOCS / "measured" / "README.md"}
    assert measured <= included
    assert all(len(path.read_text(encoding="utf-8").splitlines()) > 5 for path in measured)


def test_the_gallery_shows_every_picture():
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    made = {path.name for path in (DOCS / "gallery").glob("*.png")}
    assert made
    assert set(re.findall(r"\(gallery/(\w+\.png)\)", page)) == made


@pytest.mark.parametrize("module", [latex, markdown])
def test_the_examples_of_the_site_s_own_code_run(module):
    assert doctest.testmod(module).failed == 0


# ---- pages of laws


@pytest.mark.parametrize("name", iso.laws.names())
def test_the_example_of_every_law_runs(name):
    assert math.isfinite(float(examples.printed(examples.code(name))))


def test_examples_from_the_table_of_values_give_its_values():
    checked = 0
    for name, row in examples.chosen().items():
        if "value" in row:
            assert float(examples.printed(examples.code(name))) == pytest.approx(float(row["value"]), rel=1e-9), name
            checked += 1
    assert checked > 40


@pytest.mark.parametrize("name", iso.laws.names())
def test_the_page_of_every_law_says_what_is_declared(name):
    page, law = law_pages.law_page(name), iso.laws.get(name)
    assert page.startswith(f"# {name}\n")
    for said in (law.formula, *law.where.values(), *law.published):
        assert said in page
    assert page.count("\n- ") >= 5 + len(law.traps)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("E + A / N**alpha + B / D**beta", r"E + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}}"),
        ("a - (b - c) * d", r"a - \left(b - c\right)\,d"),
        ("(A / N)**alpha**p", r"\left(\frac{A}{N}\right)^{\alpha^{p}}"),
        ("-x**2 - -y", r"-x^{2} - \left(-y\right)"),
        ("log(X) * log1p(c * X)", r"\ln X\,\ln\!\left(1 + c\,X\right)"),
        ("c / (1 - S)**lambda", r"\frac{c}{\left(1 - S\right)^{\lambda}}"),
        ("6e3 * RD_star * E[family]", r"6000\,\mathrm{RD}^{*}\,E_{\mathrm{family}}"),
        ("2.5e-10 * C", r"2.5 \cdot 10^{-10}\,C"),
        ("sqrt(N_opt) * abs(x1)", r"\sqrt{N_{\mathrm{opt}}}\,\left|x_{1}\right|"),
    ],
)
def test_formulas_as_latex(formula, expected):
    assert latex.formula(formula) == expected


# ---- the reference


def reference():
    """Return everything that has an entry of its own in the reference, by name."""
    found = {name: getattr(iso, name) for name in api.public_names()}
    for home, module in api.modules().items():
        found |= {f"{home}.{name}": getattr(module, name) for name in api.members(module)}
    return found | {f"laws.{name}": function for name, function in iso.laws.calculations().items()}


def test_every_public_name_has_a_page_and_stands_in_one_theme():
    names = [name for group in api.themes().values() for name in group]
    assert sorted(names) == api.public_names()
    made = {path for path, _ in api.pages()}
    assert {f"reference/{name}.rst" for name in api.public_names()} <= made


@pytest.mark.parametrize("name", sorted(reference()))
def test_every_public_name_has_a_docstring_with_an_example(name):
    text = inspect.getdoc(reference()[name])
    assert text, f"{name} has no docstring"
    assert doctest.DocTestParser().get_examples(text), f"{name} has no example"


@pytest.mark.parametrize("name", api.public_names())
def test_methods_say_what_they_do(name):
    thing = getattr(iso, name)
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"
