"""Column names: what is understood, what is refused, what is said about it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from isoflop._errors import DataError, LawError, compose, nearest, rows_text
from isoflop._roles import ALIASES
from isoflop._runs import Runs

LARGE = [1e9, 1e10]


def roles_of(*names: str, **asked: str) -> dict[str, str]:
    return Runs(
        {name: LARGE if name.lower()[:4] not in ("loss", "val_") else [3.0, 2.0] for name in names}, **asked
    ).roles


@pytest.mark.parametrize("role", ALIASES)
def test_every_alias_is_understood(role: str) -> None:
    for alias in ALIASES[role]:
        values = [3.0, 2.0] if role == "loss" else LARGE
        assert Runs({alias: values}).roles == {role: alias}


@pytest.mark.parametrize("name", ["Val Loss", "val-loss", "VAL_LOSS", "val.loss", " val_loss ", "val/loss"])
def test_spelling_is_free(name: str) -> None:
    assert Runs({name: [3.0]}).roles == {"loss": name}


def test_single_letters_are_exact() -> None:
    assert roles_of("n", "d", "c", "l") == {}


def test_choice_is_noted_printed_and_overridable(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"params_non_embedding": [8e8, 9e8], "params": LARGE, "loss": [3.0, 2.0], "D": LARGE}
    runs = Runs(table)
    assert runs.roles["N"] == "params"
    note = "N is column 'params'; 'params_non_embedding' would fit too (N=)"
    assert runs.notes == (note,)
    assert capsys.readouterr().err == f"isoflop: {note}\n"
    other = Runs(table, N="params_non_embedding")
    assert other.roles["N"] == "params_non_embedding"
    assert other.notes == ()
    runs.where("N > 1e9").final(by="params").split("params")
    assert capsys.readouterr().err == ""


def test_runs_of_one_size_are_groups_by_its_column_or_its_letter() -> None:
    table = {"params": [1e9, 2e9, 1e9], "tokens": [1e10, 2e10, 3e10], "loss": [3.0, 2.5, 2.6]}
    for name in ("params", "N"):
        runs = Runs(table, N="params", groups=name)
        assert runs.roles["groups"] == "params"
        assert runs.group_codes()[0].tolist() == [0, 1, 0]


def test_text_columns_are_not_chosen() -> None:
    assert Runs({"model_size": ["70M", "1B"], "n_params": LARGE}).roles == {"N": "n_params"}
    assert Runs({"compute": ["H100", "A100"], "N": LARGE, "D": LARGE}).derived == {"C": "6*N*D"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"N": "parms"}, r"no column 'parms' \(asked for as N\)\n\nHint: did you mean 'params'\?"),
        ({"N": "Params"}, r"did you mean 'params'\?"),
        ({"loss": "zzz"}, r"no column 'zzz' \(asked for as loss\)\n\nHint: the table has 'params', 'tokens'"),
        ({"X": "zzz"}, r"no column 'zzz' \(asked for as X\)"),
        (
            {"groups": "family_id"},
            r"no column 'family_id' \(asked for as groups\)\n\nHint: did you mean 'family'\?",
        ),
        ({"N": "tokens", "D": "tokens"}, "column 'tokens' is asked for twice: as N and as D"),
        (
            {"N": "params", "X": "params"},
            r"twice: as N and as X\n\nHint: write X='N' if X is to be the same as N",
        ),
        ({"X": "flops", "Y": "flops"}, "twice: as X and as Y"),
        ({"X": "loss"}, "column 'loss' is asked for twice: as loss and as X"),
        ({"loss": "loss", "groups": "loss"}, "column 'loss' is asked for twice: as loss and as groups"),
        ({"N": "family"}, r"column 'family' \(N\) holds text \('a' in row 0\), expected numbers"),
        ({"N": "flag"}, r"column 'flag' \(N\) holds boolean values, expected numbers"),
    ],
)
def test_refused(asked: dict[str, str], message: str) -> None:
    table = {
        "params": LARGE, "tokens": LARGE, "flops": [6e18, 6e20], "loss": [3.0, 2.0],
        "family": ["a", "b"], "flag": [True, False],
    }  # fmt: skip
    with pytest.raises(DataError, match=message):
        Runs(table, **asked)


def test_letters() -> None:
    table = {"params": LARGE, "tokens": LARGE, "flops": [6e18, 6e20], "loss": [3.0, 2.0]}
    runs = Runs(table, X="flops")
    assert runs.roles == {"loss": "loss", "N": "params", "D": "tokens", "C": "flops", "X": "flops"}
    assert Runs(table, X="C").variable("X").tolist() == [6e18, 6e20]
    assert Runs(table, X="C", C="6*N*D").variable("X").tolist() == [6e18, 6e20]
    assert runs.variables == ["N", "D", "C", "X", "params", "tokens", "flops", "loss"]
    assert Runs(table, width="params").notes == ()


def test_column_hidden_by_a_letter_is_noted() -> None:
    runs = Runs({"loss": [3.0], "w": [1.0], "width": [2.0]}, width="w")
    assert runs.variable("width").tolist() == [1.0]
    assert runs.notes == ("width is column 'w', as asked; the column 'width' itself is not used",)


def test_groups_may_also_be_a_level() -> None:
    runs = Runs({"loss": [3.0, 2.0], "family": ["a", "b"]}, groups="family", F="family")
    assert runs.factor("F")[1] == ["a", "b"]


def test_unknown_variable() -> None:
    runs = Runs({"params": LARGE, "tokens": LARGE})
    with pytest.raises(DataError, match=r"no column 'Params'\n\nHint: did you mean 'params'\?"):
        runs.variable("Params")
    with pytest.raises(DataError, match=r"no column was understood as loss\n\nHint: name it with loss="):
        _ = runs.loss
    assert not runs.has_loss
    with pytest.raises(DataError, match="no column was understood as C"):
        Runs({"N": LARGE}).variable("C")


def test_units_and_roles_after_override() -> None:
    runs = Runs({"D": LARGE, "tokens": [2e9, 2e10], "params": LARGE}, D="tokens")
    assert runs.variable("D").tolist() == [2e9, 2e10]
    np.testing.assert_array_equal(runs.variable("C"), 6 * np.array(LARGE) * [2e9, 2e10])


def test_error_texts() -> None:
    error = LawError(compose("unknown function 'lg'", "did you mean 'log'?"), 4).with_text("E + lg(N)")
    assert str(error) == ("unknown function 'lg' (position 4)\n    E + lg(N)\n        ^\n\nHint: did you mean 'log'?")
    assert (error.position, error.text) == (4, "E + lg(N)")
    assert str(LawError("plain")) == "plain"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert nearest("alhpa", ["alpha", "beta"]) == ["alpha"]
    assert rows_text(np.array([7])) == "row 7"
