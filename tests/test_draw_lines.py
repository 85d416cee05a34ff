"""Molecules that a model of SMILES draws: the invalid ones are left out, and counted."""

import csv
from itertools import count, islice

import pytest
from fastapi.testclient import TestClient

import hourglass as hg
from hourglass.data.chemistry import molecule_of
from hourglass.inference import draw_lines
from hourglass.serving.app import make_app

RINGS = [f"{'C' * a}1{'C' * b}({'O' * c})1" for a in range(1, 6) for b in range(2, 8)
         for c in (1, 2)] * 2


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A language model of SMILES with rings, that forgets to close some."""
    place = tmp_path_factory.mktemp("smiles")
    (place / "rings.smi").write_text("".join(f"{text}\n" for text in RINGS))
    return hg.train(f"molecules({str(place / 'rings.smi')!r}, notation='smiles')",
                    model="language_model(24, dropout=0)", epochs=6, batch_size=16, lr=0.01,
                    out=place / "run", quiet=True, report=False)


def valid_of(model, n: int) -> tuple[list[str], int]:
    """The first n valid texts of draws with seeds 0, 1, ..., and how many came before the last."""
    texts = ((i, text) for i, text in enumerate(
        text for seed in count() for text in model.sample(n, seed=seed)))
    kept = list(islice(((i, text) for i, text in texts if molecule_of(text)), n))
    return [text for _, text in kept], kept[-1][0] + 1


def test_as_many_valid_molecules_come_as_are_asked_for(model):
    texts, drawn = valid_of(model, 12)
    assert drawn > 12   # otherwise this test shows nothing
    found = model.generate(12)
    assert found.smiles == texts and f"{drawn - 12} of {drawn} drawn texts are not" in found.about


def test_the_command_says_what_it_left_out(model, hourglass, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts, drawn = valid_of(model, 9)
    code, said, err = hourglass(f"generate {model.folder.path} -n 9 -o drawn.csv")
    assert code == 0 and f"{drawn - 9} of {drawn} drawn texts are not valid molecules" in said, err
    assert [row["line"] for row in csv.DictReader(open("drawn.csv"))] == texts


def test_the_server_answers_with_valid_molecules_and_says_what_it_left_out(model):
    texts, drawn = valid_of(model, 7)
    with TestClient(make_app(model)) as client:
        answer = client.post("/v1/generate", json={"n": 7, "prior": "own"}).json()
    assert answer["samples"] == texts
    assert answer["notes"] == [
        f"{drawn - 7} of {drawn} drawn texts are not valid molecules and are left out"]


def test_a_model_that_writes_no_molecules_is_refused_in_a_sentence(model, hourglass, monkeypatch):
    monkeypatch.setattr(draw_lines, "TRIES", 1)
    code, said, err = hourglass(f"generate {model.folder.path} -n 30")
    assert code == 2 and "of 30 drawn texts are valid molecules, and 30 were asked for" in err
    assert "Traceback" not in err and not said
