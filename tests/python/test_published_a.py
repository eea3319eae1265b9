"""Published values of the first half of the catalogue against the reference table (tests/data/published_values.csv)."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

from .catalogue import published_rows, rows_of


def same(*names):
    """Return parameters that the table calls by the law's own names."""
    return {name: (name, float) for name in names}


def named(**names):
    """Return parameters that the table calls otherwise: table's name = law's name."""
    return {printed: (name, float) for printed, name in names.items()}


def logged(**names):
    """Return parameters that the table holds as logarithms."""
    return {printed: (name, lambda text: exp(float(text))) for printed, name in names.items()}


FIVE = same("E", "A", "B", "alpha", "beta")
LOGS = logged(logE="E", logA="A", logB="B") | same("alpha", "beta")
GADRE = same("E", "a", "b", "eta")
ERROR = same("eps", "k", "gamma")
EXPONENT = {"a": ("a", float)}
LADDER1 = {"A": ("logA", lambda t: log(float(t))), "B": ("logB", lambda t: log(float(t)))} | same("alpha", "beta", "E")
LADDER2 = same("a", "x0", "k", "b")
BREAKS = same("a", "b", "c0", "c1", "c2", "c3", "d1", "d2", "d3", "f1", "f2", "f3")

#: Rows of the table → law, key of its published values, parameters; rows that are no parameters are in OTHER.
TABLE = [
    ("kaplan L(N)", "power", "kaplan2020_N", named(alphaN="alpha", Nc="Xc")),
    ("kaplan L(D)", "power", "kaplan2020_D", named(alphaD="alpha", Dc="Xc")),
    ("kaplan L(C) fixed batch", "power", "kaplan2020_C", named(alphaC="alpha", Cc="Xc")),
    ("kaplan L(Cmin)", "power", "kaplan2020_Cmin", named(alphaCmin="alpha", Ccmin="Xc")),
    ("kaplan Bcrit(L)", "bcrit_loss", "kaplan2020", named(alphaB="alphaB", Bstar_tokens="Bstar")),
    ("kaplan Smin term", "kaplan_ns", "kaplan2020_table5", same("alphaS", "Sc")),
    ("kaplan L(N,D)", "kaplan_nd", "kaplan2020", same("alphaN", "alphaD", "Nc", "Dc")),
    ("kaplan L(N,Smin)", "kaplan_ns", "kaplan2020", same("alphaN", "alphaS", "Nc", "Sc")),
    ("kaplan lr(N)", "kaplan_lr", "kaplan2020", same("c0", "c1")),
    ("chinchilla approach 3 (printed)", "chinchilla", "hoffmann2022_printed", FIVE),
    ("chinchilla approach 3 (TeX source values)", "chinchilla", "hoffmann2022", LOGS),
    ("chinchilla approach 1 exponents", "allocation", "hoffmann2022_approach1", EXPONENT),
    ("chinchilla approach 2 exponents", "allocation", "hoffmann2022_approach2", EXPONENT),
    ("chinchilla approach 3 exponents", "allocation", "hoffmann2022_approach3", EXPONENT),
    ("chinchilla replication", "chinchilla", "epoch2024", FIVE),
    ("chinchilla replication", "allocation", "epoch2024", EXPONENT),
    ("chinchilla replication (with outliers)", "chinchilla", "epoch2024_all", FIVE),
    ("chinchilla refit by us, Huber 1e-3 sum", "chinchilla", "epoch2024_refit", FIVE),
    ("chinchilla refit by us, log least squares", "chinchilla", "epoch2024_squares", LOGS),
    ("muennighoff base (alpha=beta tied)", "chinchilla", "muennighoff2023_c4", LOGS),
    ("muennighoff base (alpha=beta tied)", "muennighoff", "muennighoff2023", named(logE="e", logA="a", logB="b")),
    ("muennighoff base (untied)", "chinchilla", "muennighoff2023_c4_untied", LOGS),
    ("muennighoff repetition", "muennighoff", "muennighoff2023", same("RD_star", "RN_star")),
    ("porian exponents", "allocation", "porian2024_kaplan", {"a (Kaplan reproduction)": ("a", float)}),
    ("porian exponents", "allocation", "porian2024_head", {"a (+head FLOPs)": ("a", float)}),
    ("porian exponents", "allocation", "porian2024_warmup", {"a (+warm-up)": ("a", float)}),
    ("porian exponents", "allocation", "porian2024_decay", {"a (+cosine decay)": ("a", float)}),
    ("porian exponents", "allocation", "porian2024_tuned", {"a (+tuned optimiser)": ("a", float)}),
    ("pearce-song", "pearce_song_nd", "epoch2024", named(g="gamma")),
    ("coupled supervised baseline", "coupled", "busbridge2025", {**FIVE, "q": ("q", float)}),
    ("coupled fit by us on Epoch points", "coupled", "epoch2024_refit", same("E", "alpha", "beta", "q")),
    ("coupled outer exponent range", "coupled", "videau2026_language", {"q (language grids)": ("q", float)}),
    ("coupled outer exponent range", "coupled", "videau2026_code", {"q (code, Chinchilla points)": ("q", float)}),
    ("sardana refit <=100 tokens/param", "chinchilla", "sardana2024_100", FIVE),
    ("sardana refit <=250", "chinchilla", "sardana2024_250", FIVE),
    ("sardana refit <=500", "chinchilla", "sardana2024_500", FIVE),
    ("sardana refit all to 10000", "chinchilla", "sardana2024_10000", FIVE),
    ("gadre loss C4 (printed)", "gadre_loss", "gadre2024_c4_printed", GADRE),
    ("gadre loss RedPajama (printed)", "gadre_loss", "gadre2024_redpajama_printed", GADRE),
    ("gadre loss RefinedWeb (printed)", "gadre_loss", "gadre2024_refinedweb_printed", GADRE),
    ("gadre loss C4 (rerun)", "gadre_loss", "gadre2024_c4", GADRE),
    ("gadre loss RedPajama (rerun)", "gadre_loss", "gadre2024_redpajama", GADRE),
    ("gadre loss RefinedWeb (rerun)", "gadre_loss", "gadre2024_refinedweb", GADRE),
    *(
        (f"gadre error {n} tasks {data}", "gadre_err", f"gadre2024_{n}_{data.lower()}", ERROR)
        for n in (17, 46)
        for data in ("C4", "RedPajama", "RefinedWeb")
    ),
    ("olmo ladder step 1 HellaSwag", "two_step", "ladder2024_hellaswag", LADDER1),
    ("olmo ladder step 1 MMLU", "two_step", "ladder2024_mmlu", LADDER1),
    ("olmo ladder step 2 HellaSwag", "two_step", "ladder2024_hellaswag", LADDER2),
    ("olmo ladder step 2 MMLU", "two_step", "ladder2024_mmlu", LADDER2),
    ("olmo ladder step 2 HellaSwag", "logistic4", "ladder2024_hellaswag", LADDER2),
    ("olmo ladder step 2 MMLU", "logistic4", "ladder2024_mmlu", LADDER2),
    ("llama3 D_opt", "alloc_power", "llama3_text", {"A (text)": ("A", float), "alpha (text)": ("alpha", float)}),
    (
        "llama3 D_opt",
        "alloc_power",
        "llama3_figure",
        {"A (figure label)": ("A", float), "alpha (figure label)": ("alpha", float)},
    ),
    ("scalerl asymptote", "scalerl", "khatri2025", same("A")),
    ("bnsl example", "bnsl", "caballero2022_example", BREAKS),
]

#: Rows that no published parameter holds; they are checked by name below or are facts about data, not parameters.
OTHER = {
    ("kaplan allocation", None): "kaplan_alloc's defaults",
    ("kaplan data requirement", None): "kaplan_data_requirement's defaults",
    ("kaplan derived alphaCmin", None): "kaplan_frontier",
    ("chinchilla approach 1 optimum", None): "hoffmann_optimum",
    ("chinchilla approach 1 exponents", "b"): "1 - a, printed with an interval of its own",
    ("chinchilla approach 2 exponents", "b"): "1 - a",
    ("chinchilla approach 3 exponents", "b"): "1 - a",
    ("chinchilla refit by us, Huber 1e-3 sum", "objective"): "test_shared_job",
    ("chinchilla refit by us, Huber 1e-3 sum", "a"): "derived",
    ("chinchilla refit by us, log least squares", "half_SSE"): "test_reproductions",
    ("chinchilla refit by us, log least squares", "a"): "derived",
    ("coupled fit by us on Epoch points", "half_SSE"): "test_reproductions",
    ("coupled fit by us on Epoch points", "a"): "derived",
    ("muennighoff objective", None): "two values of the law",
    ("pearce-song local slope over Kaplan range", None): "depends on the spacing of points",
    ("llama3 D_opt", "N at 3.8e25"): "one optimum, no parameter",
    ("llama3 D_opt", "D at 3.8e25"): "one optimum, no parameter",
    ("observational PCs", None): "shares of variance",
}
OURS = ("kaplan", "chinchilla", "muennighoff", "porian exponents", "pearce-song", "coupled", "sardana", "gadre")
OURS += ("olmo", "llama3", "scalerl", "bnsl", "observational")


def entry_of(law, key):
    shape = {"breaks": 3} if law == "bnsl" else {}
    return laws.get(law, **shape).published[key]


@pytest.mark.parametrize(("table", "law", "key", "names"), TABLE, ids=[f"{t[0]}-{t[1]}" for t in TABLE])
def test_values_are_those_of_the_table(table, law, key, names):
    rows, entry = rows_of(table), entry_of(law, key)
    for printed, (name, read) in names.items():
        row = rows[printed]
        digits = len(row["value"].partition("e")[0].replace(".", "").lstrip("0-"))
        rounding = 10.0 ** (1 - digits) / 2 if name in ("logA", "logB") or law in ("two_step", "logistic4") else 1e-12
        assert entry.params[name] == pytest.approx(read(row["value"]), rel=rounding), name
        assert entry.verified == (row["verified"] == "yes"), name
        if row["se"] and not printed.startswith("log"):
            assert entry.standard_error[name] == float(row["se"]), name
        if row["lower"]:
            assert entry.interval[name] == (float(row["lower"]), float(row["upper"])), name


def test_every_row_of_these_sections_is_somewhere():
    held = {(table, printed) for table, _, _, names in TABLE for printed in names}
    ours = {(row["law"], row["parameter"]) for row in published_rows() if row["law"].startswith(OURS)}
    missing = {row for row in ours - held if row not in OTHER and (row[0], None) not in OTHER}
    assert not missing


def test_defaults_of_calculations_are_those_of_the_table():
    rows = {name: float(row["value"]) for name, row in rows_of("kaplan allocation").items()}
    assert laws.kaplan_alloc(C_PFdays=1e-3) == laws.kaplan_alloc(C_PFdays=1e-3, **rows)
    need = {name: float(row["value"]) for name, row in rows_of("kaplan data requirement").items()}
    assert need["coefficient"] * 1e8 ** need["exponent"] == laws.kaplan_data_requirement(N=1e8).D


def test_derived_frontier_of_kaplan():
    rows = {name: float(row["value"]) for name, row in rows_of("kaplan derived alphaCmin").items()}
    five = laws.kaplan_frontier(C_PFdays=1.0)
    three = laws.kaplan_frontier(C_PFdays=1.0, alphaN=0.077, Nc=6.5e13)
    assert five.alphaC == pytest.approx(rows["alphaCmin_table5"], abs=5e-6)
    assert three.alphaC == pytest.approx(rows["alphaCmin_table3"], abs=5e-6)
    assert five.Cc_PFdays == pytest.approx(rows["Cc_table5_PFdays"], rel=3e-4)
    assert three.Cc_PFdays == pytest.approx(rows["Cc_table3_PFdays"], rel=3e-4)


def test_table_of_optima():
    sizes = {"400M": 4e8, "1B": 1e9, "10B": 1e10, "67B": 67e9, "175B": 175e9, "280B": 280e9, "520B": 520e9}
    sizes |= {"1T": 1e12, "10T": 1e13}
    rows = rows_of("chinchilla approach 1 optimum")
    assert len(rows) == 2 * len(sizes)
    for word, N in sizes.items():
        best = laws.hoffmann_optimum(N=N)
        assert pytest.approx(float(rows[f"C_opt at N={word}"]["value"]), rel=1e-12) == best.C
        assert pytest.approx(float(rows[f"D_opt at N={word}"]["value"]), rel=1e-12) == best.D


def test_objectives_that_the_authors_of_muennighoff_print():
    law, rows = laws.get("muennighoff"), rows_of("muennighoff objective")
    found = law.predict("muennighoff2023", N=[6.34e9, 8.67e9], D=[242e9, 178e9], U=25e9)
    np.testing.assert_allclose(found, [float(rows[f"objective_{x}"]["value"]) for x in "ab"], rtol=1e-14)


def test_refits_give_the_exponents_that_were_printed_with_them():
    for law, key, table in (
        ("chinchilla", "epoch2024_refit", "chinchilla refit by us, Huber 1e-3 sum"),
        ("chinchilla", "epoch2024_squares", "chinchilla refit by us, log least squares"),
        ("coupled", "epoch2024_refit", "coupled fit by us on Epoch points"),
    ):
        entry = entry_of(law, key)
        a = laws.get(law).quantity("a", entry.params)
        assert a == pytest.approx(float(rows_of(table)["a"]["value"]), rel=2e-7)


def test_rounded_constants_warn():
    with pytest.warns(iso.PrecisionWarning):
        laws.get("chinchilla").predict("sardana2024_100", N=1e9, D=1e11)
