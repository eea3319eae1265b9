"""Published values of the second half of the catalogue against tests/data/published_values.csv."""

from __future__ import annotations

import csv
import re
from math import exp

import pytest

import isoflop as iso

from .helpers import DATA


def same(*names):
    """Return parameters that the table calls by the law's own names."""
    return {name: (name, float) for name in names}


def logged(**names):
    """Return parameters that the table holds as logarithms."""
    return {printed: (name, lambda text: exp(float(text))) for printed, name in names.items()}


CLARK = same("a", "b", "c", "d", "E_start", "E_max")
FRANTAR = same("aS", "bS", "cS", "bN", "aD", "bD", "c")
PD = logged(logA_P="A_N", logA_D="A_D", logE="E") | {"alpha_P": ("alpha_N", float), "alpha_D": ("alpha_D", float)}
WIDE = PD | logged(logA_width="A_width", logA_depth="A_depth") | same("alpha_width", "alpha_depth")
HENIGHAN_N = {"Linf": ("E", float), "N0": ("N0", float), "alpha": ("alpha", float)}
HENIGHAN_C = {"Linf": ("E", float), "C0": ("C0", float), "alpha": ("alpha", float)}
MULTI_POWER = same("L0", "A", "alpha", "B", "C", "beta", "gamma")
BITS = ("gamma_w", "gamma_a", "gamma_kv", "n_w", "n_a", "n_kv")


def power(k, **exponents):
    """Return a law of powers: its coefficient and exponents as the table calls them."""
    return {k: ("k", float)} | {printed: (name, float) for name, printed in exponents.items()}


#: Rows of the table (name, and a word of the convention where a name is used twice) → law, key, parameters.
TABLE = {
    ("clark S-BASE", ""): ("clark", "clark2022_sbase", CLARK),
    ("clark RL-R", ""): ("clark", "clark2022_rlr", CLARK),
    ("clark HASH", ""): ("clark", "clark2022_hash", CLARK),
    ("clark dense", ""): ("clark_dense", "clark2022", same("alphaN", "Nc")),
    ("krajewski MoE", ""): (
        "krajewski",
        "krajewski2024_moe",
        same("a", "alpha", "b", "beta", "g", "gamma", "c"),
    ),
    ("krajewski dense", ""): ("krajewski", "krajewski2024_dense", same("a", "alpha", "b", "beta", "c")),
    ("abnar", ""): (
        "abnar",
        "abnar2025",
        same("a", "b", "c", "d", "e", "alpha", "beta", "lambda", "delta", "gamma"),
    ),
    ("ludziejewski joint MoE", ""): (
        "ludziejewski",
        "ludziejewski2025",
        same("a", "alpha", "delta", "gamma", "b", "beta", "omega", "zeta", "E_start", "E_max", "c"),
    ),
    ("ludziejewski lr", ""): ("ludziejewski_lr", "ludziejewski2025", logged(c="k") | same("p_N", "p_E")),
    ("frantar T5/C4", ""): ("frantar", "frantar2023_t5", FRANTAR),
    ("frantar T5/C4 converged by us", ""): ("frantar", "frantar2023_t5_converged", FRANTAR),
    ("frantar ViT/JFT", ""): ("frantar", "frantar2023_vit", FRANTAR),
    ("gemstones width,depth,P,D", ""): ("gemstones", "mcleish2025", WIDE),
    ("gemstones P,D", "1e-4"): ("gemstones_nd", "mcleish2025", PD),
    ("gemstones P,D", "1e-3"): ("gemstones_nd", "mcleish2025_wide", PD),
    ("tao unigram-normalised loss", ""): (
        "tao_lu",
        "tao2024",
        same("A1", "A2", "B", "E", "alpha1", "alpha2", "beta"),
    ),
    ("tao tokens per character", ""): ("tao_f", "tao2024", same("a", "b", "c")),
    ("parscale Stack", ""): ("parscale", "chen2025_stack", same("E", "A", "alpha", "k")),
    ("kumar precision", ""): ("kumar_loss", "kumar2024_biased", same("A", "alpha", "B", "beta", "E", *BITS)),
    ("hernandez transfer text to python", ""): ("hernandez", "hernandez2021_text", same("k", "alpha", "beta")),
    ("hernandez transfer mixed to python", ""): ("hernandez", "hernandez2021_mixed", same("k", "alpha", "beta")),
    ("distillation student", ""): (
        "distill_student",
        "busbridge2025",
        same("c0", "c1", "f1", "d1", "A2", "B2", "alpha2", "beta2", "gamma2"),
    ),
    ("multi-power law 25M", ""): ("mpl", "luo2025_25m", MULTI_POWER),
    ("multi-power law 100M", ""): ("mpl", "luo2025_100m", MULTI_POWER),
    ("minicpm", ""): ("minicpm_batch", "minicpm2024", power("batch_coefficient", p_L="batch_exponent_L")),
    ("zhang critical batch", ""): ("zhang_critical_batch", "zhang2024", power("coefficient", p_D="exponent_D")),
}
#: Rows that are split over two laws, or spelled per row.
SPREAD = {
    "deepseek hyper-parameters": [
        ("deepseek_lr", "deepseek2024", power("lr_coefficient", p_C="lr_exponent_C")),
        ("deepseek_batch", "deepseek2024", power("batch_coefficient", p_C="batch_exponent_C")),
        ("deepseek_M_opt", "deepseek2024", power("M_opt_coefficient", p_C="M_opt_exponent")),
        ("deepseek_D_opt", "deepseek2024", power("D_opt_coefficient", p_C="D_opt_exponent")),
    ],
    "deepseek exponent by data": [
        ("deepseek_allocation", "early_data", {"a early data": ("p_C", float)}),
        ("deepseek_allocation", "current_data", {"a current data": ("p_C", float)}),
        ("deepseek_allocation", "openwebtext2", {"a OpenWebText2": ("p_C", float)}),
    ],
    "step law": [
        (
            "step_law_lr",
            "li2025",
            logged(ln_lr_constant="k") | {"lr_exponent_N": ("p_N", float), "lr_exponent_D": ("p_D", float)},
        ),
        ("step_law_batch", "li2025", logged(ln_batch_constant="k") | {"batch_exponent_D": ("p_D", float)}),
    ],
    "porian hyper-parameters": [
        ("porian_lr", "porian2024", power("lr_coefficient", p_N="lr_exponent_N")),
        (
            "porian_batch",
            "porian2024",
            {
                "batch_coefficient_sequences": ("k", lambda text: float(text) * 2048),
                "batch_exponent_N": ("p_N", float),
            },
        ),
    ],
    "tao allocation": [
        ("tao_N_nv_opt", "tao2024", logged(log_coefficient_Nnv="k") | {"exponent_Nnv": ("p", float)}),
        ("tao_N_v_opt", "tao2024", logged(log_coefficient_Nv="k") | {"exponent_Nv": ("p", float)}),
        ("tao_N_v_body", "tao2024", {"gamma_approach2": ("p", float)}),
    ],
    "kumar precision": [("kumar_ptq", "kumar2024", same("C_T", "gamma_D", "gamma_N", "gamma_post"))],
    "hestness exponents": [
        ("hestness", f"hestness2017_{key}", {printed: ("b", float)})
        for printed, key in {
            "word LM": "word_lm",
            "character LM": "character_lm",
            "translation": "translation",
            "ImageNet top-1": "imagenet_top1",
            "ImageNet top-5": "imagenet_top5",
            "speech": "speech",
        }.items()
    ],
}
#: Rows that are no parameter: objectives, a derived time, exponents of a law whose other values are not printed.
NO_PARAMETER = {
    ("frantar T5/C4", "mean_huber_1e-3"),
    ("frantar T5/C4 converged by us", "mean_huber_1e-3"),
    ("minicpm", "alpha"),
    ("minicpm", "beta"),
    ("kumar precision", "b"),
    ("ho algorithmic progress", "doubling_months"),
}
#: Entries that hold more digits than the table.
UNROUNDED = {"frantar2023_t5", "frantar2023_vit"}
SUBJECTS = ("clark", "krajewski", "abnar", "ludziejewski", "frantar", "gemstones", "tao", "parscale", "kumar")
SUBJECTS += ("hernandez", "distillation", "minicpm", "zhang", "deepseek", "step law", "porian hyper", "henighan")
SUBJECTS += ("hestness", "ho ", "multi-power")


def rows():
    with (DATA / "published_values.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["law"].startswith(SUBJECTS)]


def homes(row):
    """Return the law, key and parameter that a row of the table went to."""
    name = row["law"]
    found = [entry for (label, word), entry in TABLE.items() if label == name and word in row["convention"]]
    found += SPREAD.get(name, [])
    if name.startswith("henighan"):
        _, *domain, kind = name.replace(" (extrapolation)", "").replace("-", " ").split()
        key = "henighan2020_" + "_".join(domain).lower()
        law = {"L(N)": "henighan_n", "L(C)": "henighan_c", "Nopt(C)": "henighan_nopt"}[kind]
        table = {"henighan_n": HENIGHAN_N, "henighan_c": HENIGHAN_C, "henighan_nopt": same("C0", "p")}[law]
        found.append((law, key, table))
    return [(law, key, table[row["parameter"]]) for law, key, table in found if row["parameter"] in table]


def half_a_digit(text):
    """Return half a unit of the last digit of a printed number."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def check(row, law, key, name, read):
    entry = iso.laws.get(law).published[key]
    value, text = entry.params[name], row["value"]
    slack = half_a_digit(text) if key in UNROUNDED else 1e-12 * abs(read(text))
    assert abs(value - read(text)) <= slack
    assert entry.verified == (row["verified"] == "yes")
    for number in re.findall(r"\d{4}\.\d{5}", row["source"]):
        assert f"arXiv {number}" in entry.source


def test_every_row_has_a_home_and_its_value():
    homeless = []
    for row in rows():
        found = homes(row)
        if not found and (row["law"], row["parameter"]) not in NO_PARAMETER:
            homeless.append((row["law"], row["parameter"]))
        for law, key, (name, read) in found:
            check(row, law, key, name, read)
    assert homeless == []


def test_unrounded_values_are_printed_ones_to_their_digits():
    values = iso.laws.get("frantar").published["frantar2023_t5"].params
    assert round(values["aS"], 1) == 16.8
    assert round(values["cS"], 1) == 45.0
    assert float(f"{values['aD']:.2e}") == 6.90e8


def test_standard_errors_of_the_step_law_are_those_of_the_table():
    errors = {row["parameter"]: float(row["se"]) for row in rows() if row["law"] == "step law"}
    entry = iso.laws.get("step_law_lr").published["li2025"]
    assert entry.standard_error["p_N"] == errors["lr_exponent_N"]
    assert entry.standard_error["k"] / entry.params["k"] == pytest.approx(errors["ln_lr_constant"], rel=1e-12)
