"""Notes: ids, texts and remedies, as text and in JSON's types."""

import json
import pickle

import pytest

from isoflop._notes import Kind, Note, Notes

FEW = Kind("few-groups", "the runs have {n} groups", "add at least {more} runs")
PLAIN = Kind("ridge", "alpha and A trade off ({r:+.3f})")


def test_a_kind_fills_text_and_remedy():
    note = FEW(n=4, more=6)
    assert (note.id, note.text, note.remedy) == ("few-groups", "the runs have 4 groups", "add at least 6 runs")
    assert str(note) == "the runs have 4 groups (few-groups); add at least 6 runs"
    assert str(PLAIN(r=0.99)) == "alpha and A trade off (+0.990) (ridge)"


@pytest.mark.parametrize("name", ["", "Few", "few groups", "few_groups", "-few", "few--groups"])
def test_an_id_is_words_joined_by_hyphens(name):
    with pytest.raises(ValueError, match="lower-case words"):
        Kind(name, "text")


def test_notes_are_asked_by_id_and_travel_as_json():
    notes = Notes([FEW(n=4, more=6), PLAIN(r=-0.5), FEW(n=3, more=7)])
    assert "few-groups" in notes
    assert "few" not in notes
    assert PLAIN(r=-0.5) in notes
    assert notes.ids == ("few-groups", "ridge")
    assert [note.text for note in notes.of("few-groups")] == ["the runs have 4 groups", "the runs have 3 groups"]
    assert Notes.from_dict(json.loads(json.dumps(notes.to_dict()))) == notes
    assert pickle.loads(pickle.dumps(notes)) == notes
    assert notes.to_dict()[1] == {"id": "ridge", "text": "alpha and A trade off (-0.500)", "remedy": ""}


def test_notes_as_text_put_each_remedy_on_its_line():
    assert str(Notes([Note("a", "first", "do this"), Note("b", "second")])) == "a: first\n  Hint: do this\nb: second"
    assert str(Notes()) == ""
