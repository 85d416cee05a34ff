"""Molecules: as data, in tokens, as models that write them, in use, and how they are measured."""

import gzip
import json
import math
import shutil
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import hourglass as hg
from hourglass.analysis import molecule_sets as measures
from hourglass.analysis.molecule_sets import MoleculeSet
from hourglass.core.checksums import stamped
from hourglass.core.ridge import explained, ridge
from hourglass.core.tokens import END, FIRST, PAD
from hourglass.data import chemistry, notations
from hourglass.data.collect import collect, split
from hourglass.data.find import find_call
from hourglass.data.image_options import Reading
from hourglass.data.is_of_molecules import is_of_molecules
from hourglass.data.molecule_properties import (
    DESCRIPTORS,
    PROPERTIES,
    descriptors_of,
    properties_of,
    property_name,
)
from hourglass.data.notations import in_notation
from hourglass.data.vocabulary import vocabulary_of
from hourglass.inference.molecule_search import (
    WAYS,
    FoundMolecules,
    PropertyRange,
    find_molecules,
    read_conditions,
)
from hourglass.inference.property_directions import PropertyDirection, moved, property_direction
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SOME = [f"{'C' * n}{end}" for n, end in product(range(1, 9), ("O", "N", "C(=O)O", "c1ccccc1", "F"))]
SHARES = {"val": 0.1, "test": 0.2}


def table(path: Path, smiles: list[str] = SOME, head: str = "id,smiles,mass,kind") -> Path:
    path.write_text("".join([f"{head}\n", *(
        f"m{i},{text},{len(text) + i / 100},{'acid' if 'O' in text else 'other'}\n"
        for i, text in enumerate(smiles))]))
    return path


def read(path: Path, **options):
    more = "".join(f", {name}={value!r}" for name, value in options.items())
    return collect(f"molecules({str(path)!r}{more})", Reading())


@pytest.fixture(scope="module")
def run_of_molecules(tmp_path_factory) -> Path:
    """A folder with a table of molecules, and a run on it with its report; copied, never changed.
    """
    place = tmp_path_factory.mktemp("molecules")
    hg.train(table(place / "m.csv"), model="moses_vae(3, width=16, layers=1, embedding=8)",
             epochs=1, batch_size=16, test=0.2, out=place / "run", quiet=True)
    return place


@pytest.fixture
def run(run_of_molecules, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run_of_molecules / "run", "run")
    shutil.copy(run_of_molecules / "m.csv", "m.csv")
    return tmp_path / "run"


# tokens

@pytest.mark.parametrize("text, tokens", [
    ("CC(=O)Oc1ccccc1Cl", ["C", "C", "(", "=", "O", ")", "O", "c", "1", "c", "c", "c", "c", "c",
                           "1", "Cl"]),
    ("[C@@H](Br)%12[NH2+]", ["[C@@H]", "(", "Br", ")", "%12", "[NH2+]"]),
    ("F/C=C\\F.[Na+]", ["F", "/", "C", "=", "C", "\\", "F", ".", "[Na+]"])])
def test_smiles_are_split_into_atoms_bonds_branches_and_rings(text, tokens):
    assert chemistry.split_smiles(text) == tokens


def test_selfies_are_split_into_symbols_as_their_own_library_does():
    import selfies
    for text in (ASPIRIN, "[Na+].[Cl-]", *SOME):
        written = chemistry.selfies_of(text)
        assert chemistry.split_selfies(written) == list(selfies.split_selfies(written))
        assert chemistry.smiles_of(written) == chemistry.canonical(text)


@pytest.mark.parametrize("notation", ["selfies", "smiles"])
def test_molecules_become_tokens_and_smiles_again(tmp_path, notation):
    found = read(table(tmp_path / "m.csv"), notation=notation)
    again = vocabulary_of(found.encoding).texts(found.x)
    assert [*map(chemistry.canonical, again)] == [*map(chemistry.canonical, SOME)]
    assert found.names == tuple(SOME)


def test_any_sequence_of_selfies_is_a_molecule_or_empty(tmp_path):
    vocabulary = vocabulary_of(read(table(tmp_path / "m.csv")).encoding)
    draw = np.random.default_rng(0)
    rows = draw.integers(FIRST, FIRST + len(vocabulary.tokens), (50, vocabulary.length))
    assert all(not text or chemistry.molecule_of(text) for text in vocabulary.texts(rows))


def test_a_nitro_group_without_charges_is_written_in_selfies(tmp_path):
    found = read(table(tmp_path / "m.csv", [*SOME, "CN(=O)=O"]))
    assert len(found.x) == len(SOME) + 1


# data

def test_columns_of_numbers_are_properties_and_a_label_gives_classes(tmp_path):
    found = read(table(tmp_path / "m.csv"), label="kind")
    assert [*found.properties] == ["mass"] and found.classes == ("acid", "other")
    assert found.properties["mass"][3] == pytest.approx(len(SOME[3]) + 0.03)
    assert any("columns that are not properties are left out: id" in note for note in found.notes)
    assert split(found, SHARES, 0).properties["mass"].shape == (len(SOME),)


def test_the_column_of_smiles_is_found_by_its_content(tmp_path):
    assert read(table(tmp_path / "m.csv", head="id,what,mass,kind")).names == tuple(SOME)


def test_a_packed_table_and_a_file_of_lines_are_read_too(tmp_path):
    content = table(tmp_path / "m.csv").read_bytes()
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "l.smi").write_text("".join(f"{text} name{i}\n" for i, text in enumerate(SOME)))
    assert read(tmp_path / "p.csv.gz").names == read(tmp_path / "l.smi").names == tuple(SOME)


def test_files_named_train_and_test_are_splits_of_molecules(tmp_path):
    for name, part in (("train", SOME[:30]), ("test", SOME[30:])):
        (tmp_path / f"{name}.smi").write_text("\n".join(part))
    assert {name: len(rows) for name, rows in read(tmp_path).parts.items()} == {
        "test": 10, "train": 30}


BAD = {   # content of a file, and what is said, or refused after !
    "malformed SMILES": ("smiles\nCCO\nC1CC\nCC\nxyz\nC(C\nC((\nC=\n",
                         "5 of 7 molecules are left out: RDKit cannot read their SMILES; row 2: "
                         "'C1CC', row 4: 'xyz', row 5: 'C(C', ..."),
    "an impossible valence": ("smiles\nCCO\nC(C)(C)(C)(C)C\nCC\n", "row 2: 'C(C)(C)(C)(C)C'"),
    "an empty cell": ("n,smiles\na,CCO\nb,\nc,CC\n", "1 rows with an empty smiles are left out"),
    "100,000 characters": ("smiles\nCCO\nCC\n" + "C" * 100_000 + "\n", "row 3: 'CCCC"),
    "100,000 brackets": ("smiles\nCCO\nCC\n" + "C(" * 50_000 + "\n", "row 3: 'C(C("),
    "more tokens than the limit": ("smiles\nCCO\nCC\n" + "C" * 300 + "\n",
                                   "1 molecules of more than 200 tokens are left out, change"),
    "another alphabet": ("smiles\nCCO\nCC\n\u0421\u0421O\n", "row 3: '\u0421\u0421O'"),   # Cyrillic
    "no column": ("a,b\nred,1\nblue,2\n", "!has no column of SMILES"),
    "two columns": ("a,b\nC(=O)O,C=C\nC(=O)N,C#C\n", "!several columns of SMILES"),
    "no molecule": ("smiles\nfoo\nbar\n", "!holds no molecule"),
    "nothing": ("", "!empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_odd_tables_of_molecules_are_said_or_refused(tmp_path, case):
    content, words = BAD[case]
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    if words.startswith("!"):
        with pytest.raises(ValueError, match=words[1:]):
            read(tmp_path / "x.csv")
        return
    assert any(words in note for note in read(tmp_path / "x.csv").notes)


@pytest.mark.parametrize("content, words", [
    ("CCO\n\nCC\nC1C\n".encode("utf-16"), "read as UTF-16"),
    (b"CCO\n\nCC\nC1C\n", "1 empty lines are left out"),
    (b"CCO\n\nCC\nC1C\n", "line 4: 'C1C'"),
    (b"CCO caf\xe9\nCC\n", "Windows-1252")])
def test_odd_files_of_smiles_are_said(tmp_path, content, words):
    (tmp_path / "x.smi").write_bytes(content)
    assert any(words in note for note in read(tmp_path / "x.smi").notes)


@pytest.mark.parametrize("name, content, answer", [
    ("m.csv", "smiles,x\nC=O,1\nCCO,2\nC1CC1,3\n", "yes"),
    ("m.tsv", "x\tSMILES\n1\tC=O\n2\tC(C)O\n", "yes"),
    ("m.csv", "what,x\nC=O,1\nC(C)O,2\n", "perhaps"),
    ("m.csv", "smiles,x\nCCO,1\nCCN,2\n", "yes"),
    ("m.csv", "what,x\nCCO,1\nCCN,2\n", ""),
    ("m.csv", "smi,x\n8123.4,1\n8130,2\n", ""),
    ("m.csv", "smiles,x\nhappy,1\nsad,2\n", ""),
    ("m.smi", "C=O\nC(C)O\nC#N\n", "yes"), ("m.smi", "happy\nsad\n", "yes"),
    ("m.txt", "C=O a\nC(C)O b\nC#N c\n", "yes"),
    ("m.txt", "Smith\nJones\nNoPFIB\n", ""), ("m.txt", "CON\nSON\nSOON\nBISON\n", ""),
    ("m.csv", "a,b\n1,2\n3,4\n", ""), ("m.csv", "word\nCON\nSON\n", ""), ("m.csv", "", "")])
def test_a_file_of_molecules_is_told_by_looking(tmp_path, name, content, answer, capsys):
    (tmp_path / name).write_text(content)
    assert is_of_molecules(tmp_path / name) == answer
    if content:
        call = find_call(str(tmp_path / name))
        assert (call.name == "molecules") == (answer == "yes")
        assert ("SMILES" in capsys.readouterr().err) == bool(answer)


def test_many_molecules_are_checked_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(notations, "MANY", 3)
    smiles, texts = ["CCO", "C1CC", "CCN"], ["[C][C][O]", None, "[C][C][N]"]
    for notation, expected in (("selfies", texts), ("smiles", ["CCO", None, "CCN"])):
        assert in_notation(smiles, notation) == expected
    kept = [*tmp_path.rglob("*.json")]
    assert len(kept) == 2, "one for each notation"
    for path in kept:
        path.write_text(json.dumps(stamped({"texts": ["[C]", "", None]})))
    assert in_notation(smiles, "selfies") == ["[C]", "", None], "what is kept is read"
    for damage in ("{", "[]", "{}", path.read_text().replace("[C]", "[N]")):
        for path in kept:
            path.write_text(damage)
        assert in_notation(smiles, "selfies") == texts, "what is damaged is made again"
    assert in_notation(smiles[:2], "selfies") == texts[:2], "few are not kept"


@pytest.mark.parametrize("missing", ["rdkit", "selfies"])
def test_a_missing_library_is_named_with_the_extra(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    for cached in (chemistry.rdkit, chemistry.selfies_library):
        cached.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'hourglass\[molecules\]'"):
        read(table(tmp_path / "m.csv"))


def test_molecules_in_memory_are_lists_or_frames(tmp_path):
    import pandas
    frame = pandas.DataFrame({"smiles": SOME, "mass": np.arange(40.0) ** 2})
    from hourglass.data.data_by_kind import as_kind
    assert as_kind(frame, "molecules", None, {}).properties["mass"][2] == 4
    assert as_kind(SOME, "molecules", ["a", "b"] * 20, {}).classes == ("a", "b")
    with pytest.raises(ValueError, match="column and label are for tables"):
        as_kind(SOME, "molecules", None, {"label": "kind"})


# models

@pytest.mark.parametrize("backbone", [
    "gru(8, embedding=4, bidirectional=True)", "lstm(8, embedding=4, bidirectional=True, layers=2)",
    "gru(8, embedding=4, layers=2, encoder_layers=1)", "conv_gru(8, embedding=4, layers=1)"])
def test_padding_changes_nothing_for_networks_of_molecules(backbone):
    model = Autoencoder(Parts(backbone, bottleneck="gaussian(2)", likelihood="tokens(7)"),
                        (6,)).eval()
    lines = torch.tensor([[3, 4, 1, 0, 0, 0], [3, 4, 5, 6, 2, 1]]).float()
    with torch.no_grad():
        both, alone = model.encode(lines)[0].z, model.encode(lines[:1])[0].z
        nats = model.decode(both).log_prob(lines)
    assert torch.allclose(both[:1], alone, atol=1e-5) and (nats[0, 3:] == 0).all()


def test_a_bidirectional_encoder_reads_backwards_as_pytorch_does():
    model = Autoencoder(Parts("gru(8, embedding=4, bidirectional=True)", bottleneck="gaussian(2)",
                              likelihood="tokens(7)"), (6,)).eval()
    reader = model.encoder
    own = torch.nn.GRU(4, 4, batch_first=True, bidirectional=True)
    own.load_state_dict({**reader.cell.state_dict(), **{
        f"{name}_reverse": value for name, value in reader.back.state_dict().items()}})
    lines = torch.tensor([[3, 4, END, PAD, PAD, PAD], [3, 4, 5, 6, 2, END]])
    with torch.no_grad():
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            reader.enter(lines), torch.tensor([3, 6]), batch_first=True, enforce_sorted=False)
        last = own(packed)[1]
        assert torch.allclose(reader(lines.float())[0], torch.cat([*last], 1), atol=1e-6)


def test_models_of_molecules_are_compositions():
    from hourglass.core.registry import models
    assert "bidirectional=True" in models.make("moses_vae").backbone
    assert models.make("chemical_vae").backbone == "conv_gru(488, layers=3)"
    with pytest.raises(ValueError, match="even width"):
        Autoencoder(Parts("gru(7, bidirectional=True)", likelihood="tokens(7)"), (6,))
    with pytest.raises(ValueError, match="needs lines of text or molecules"):
        Autoencoder(Parts("conv_gru(8)", likelihood="normal"), (3, 10))


@pytest.mark.parametrize("backbone", ["transformer(8, depth=1, heads=2)",
                                      "transformer(8, depth=1, heads=2, one_by_one=False)",
                                      "conv_gru(8, layers=1)"])
def test_other_networks_are_trained_on_molecules_from_start_to_end(tmp_path, backbone):
    model = hg.train(SOME, kind="molecules", notation="smiles", model="vae(2)", backbone=backbone,
                     epochs=1, out=tmp_path / "run", report=False, quiet=True)
    assert len(model.sample(2)) == 2 and model.encode(["CCO"]).shape == (1, 2)


# measures

def test_valid_unique_and_novel_are_those_of_moses():
    made = MoleculeSet(("CCO", "OCC", "C1CC", "CCN", "CCC", ""))
    assert measures.valid(made) == pytest.approx(4 / 6)
    assert measures.unique_at(made, 4) == 3 / 4 and measures.unique_at(made, 2) == 1 / 2
    assert measures.novel(made, ["CCO"]) == pytest.approx(2 / 3)


def test_similarities_diversity_and_snn_agree_with_rdkit():
    from rdkit import DataStructs
    from rdkit.Chem import rdFingerprintGenerator
    made, real = MoleculeSet(tuple(SOME[:12])), MoleculeSet(tuple(SOME[12:]))
    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    a, b = ([maker.GetFingerprint(m) for m in each.molecules] for each in (made, real))
    expected = np.array([DataStructs.BulkTanimotoSimilarity(one, b) for one in a])
    assert measures.similarities(made.fingerprints, real.fingerprints) == pytest.approx(expected)
    assert measures.nearest_similarity(made.fingerprints, real.fingerprints) == pytest.approx(
        expected.max(1).mean())
    own = np.array([DataStructs.BulkTanimotoSimilarity(one, a) for one in a])
    assert measures.internal_diversity(made.fingerprints) == pytest.approx(1 - own.mean())


def test_scaffold_overlap_is_a_cosine_of_counts():
    a = MoleculeSet(("Cc1ccccc1", "CCc1ccccc1", "C1CC1C", "CCO"))   # benzene twice, cyclopropane
    b = MoleculeSet(("Nc1ccccc1", "C1CCC1"))
    assert a.scaffolds == {"c1ccccc1": 2, "C1CC1": 1}
    assert measures.overlap_of_counts(a.scaffolds, b.scaffolds) == pytest.approx(
        2 / (math.sqrt(5) * math.sqrt(2)))
    assert measures.overlap_of_counts(a.scaffolds, {}) == 0


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_frechet_distances_are_those_of_gaussians_and_0_to_itself():
    from scipy.linalg import sqrtm
    made, real = MoleculeSet(tuple(SOME[:20])), MoleculeSet(tuple(SOME[15:]))
    assert measures.descriptor_frechet(real, real) == pytest.approx(0, abs=1e-6)
    assert measures.fingerprint_frechet(real, real) == pytest.approx(0, abs=1e-4)
    std = real.descriptors.std(0)
    a, b = ((each.descriptors - real.descriptors.mean(0)) / np.where(std > 0, std, 1)
            for each in (made, real))
    expected = ((a.mean(0) - b.mean(0))**2).sum() + np.trace(
        np.cov(a.T) + np.cov(b.T) - 2 * sqrtm(np.cov(a.T) @ np.cov(b.T)).real)
    assert measures.descriptor_frechet(made, real) == pytest.approx(expected, rel=1e-3)


def test_property_distances_are_shifts_of_sorted_values():
    """Of as many molecules on both sides, the mean distance of sorted values."""
    made, real = MoleculeSet(tuple(SOME[:10])), MoleculeSet(tuple(SOME[10:20]))
    found = measures.compare_sets(made, real)
    for name in ("logP", "qed", "SAS", "weight"):
        a, b = (np.sort(each.property(name)) for each in (made, real))
        assert found[f"wasserstein_{name}"] == pytest.approx(np.abs(a - b).mean())
    assert measures.compare_sets(MoleculeSet(("", "C1C")), real) == {"valid": 0}


def test_properties_of_aspirin_are_known():
    """Figures of PubChem: 180.16 daltons, 63.6 square angstroms, 1 donor, 13 heavy atoms."""
    found = {name: float(properties_of(name, [ASPIRIN])[0]) for name in PROPERTIES}
    assert found["weight"] == pytest.approx(180.16, abs=0.01)
    assert found["tpsa"] == pytest.approx(63.6) and found["donors"] == 1
    assert found["atoms"] == 13 and found["rings"] == 1
    assert 1 < found["SAS"] < 2 and 0.5 < found["qed"] < 0.6 and found["logP"] == pytest.approx(
        1.31, abs=0.01)
    assert math.isnan(properties_of("logP", ["C1C"])[0]) and property_name("LOGp") == "logP"
    assert descriptors_of(MoleculeSet((ASPIRIN,)).molecules).shape == (1, len(DESCRIPTORS))


def test_ridge_is_that_of_scikit_learn():
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(30, 4)), draw.normal(size=30)
    weights, offset = ridge(x, y, 2.0)
    other = Ridge(2.0).fit(x, y)
    assert weights == pytest.approx(other.coef_) and offset == pytest.approx(other.intercept_)
    assert explained(y, x @ weights + offset) == pytest.approx(r2_score(y, other.predict(x)))


# latent search

@pytest.mark.parametrize("text, expected", [
    ("logP=2..3", PropertyRange("logP", 2, 3)),
    ("qed > 0.7", PropertyRange("qed", low=0.7, ends=False)),
    ("mw<=400", PropertyRange("weight", high=400)), ("rings=2", PropertyRange("rings", 2, 2)),
    ("logp=-1..-.5", PropertyRange("logP", -1, -0.5))])
def test_conditions_are_ranges_of_properties(text, expected):
    assert read_conditions(text) == [expected]
    assert not PropertyRange("qed", low=0.7, ends=False).holds(0.7)


@pytest.mark.parametrize("text", ["logP", "logP=3..2", "colour=2", "logP>2..3", "logP=a", ","])
def test_other_conditions_are_refused(text):
    with pytest.raises(ValueError, match=r"condition|range|no property"):
        read_conditions(text)


def test_moved_codes_have_the_predicted_properties_and_are_the_conditional_mean():
    draw = np.random.default_rng(0)
    mixing = draw.normal(size=(4, 4))
    cov, z = mixing @ mixing.T, draw.normal(size=(3, 4))
    ways = [PropertyDirection("a", draw.normal(size=4), 0.5, np.zeros(4), 1, 1),
            PropertyDirection("b", draw.normal(size=4), -1, np.zeros(4), 1, 1)]
    targets = np.array([[1.0, 2.0]] * 3)
    found = moved(z, ways, targets, cov)
    assert np.stack([way.predict(found) for way in ways], 1) == pytest.approx(targets)
    w = np.stack([way.weights for way in ways])   # E[z | w z = t] of N(z0, cov)
    expected = z[0] + cov @ w.T @ np.linalg.inv(w @ cov @ w.T) @ (
        targets[0] - [way.predict(z[:1])[0] for way in ways])
    assert found[0] == pytest.approx(expected)


# use

SAYS = {   # a command on the run, and what it prints
    "vary run CCc1ccccc1 --property logP --steps 3": "logP grows along a direction",
    "vary run 1 --property -mass --steps 2 -o v.svg": "predicted mass",
    "generate run -n 3": "", "generate run -n 3 -o g.png": "3 molecules of the prior own",
    "generate run -n 2 --where weight<1000": "different molecules that meet all conditions, of",
    "generate run -n 2 --where weight<1000 -o w.csv": "of 200 drawn",
    "morph run CCO CCN --frames 2 -o m.png": "",
    "reconstruct run m.csv -o r.csv": "40 lines in r.csv",
    "embed run m.csv -o z.csv": "40 codes of 3 numbers",
    "score run m.csv -o s.csv": "", "evaluate run --nll 2": "",
}


@pytest.mark.parametrize("command", SAYS)
def test_commands_take_molecules(run, hourglass, command):
    code, out, err = hourglass(command)
    assert code in (0, 1 if command.startswith("score") else 0) and SAYS[command] in out, err
    if "-o " in command:
        assert (run.parent / command.rpartition(" ")[2]).stat().st_size > 0


@pytest.mark.parametrize("command, words", [
    ("vary run C1CC --property logP", "RDKit cannot read"),
    ("vary run CCCCCCCCCCCCCCCCCCCCCC --property logP", "takes molecules of up to 16 tokens"),
    ("vary run CCO --property lokP", "no property is named 'lokP'"),
    ("generate run --where lokP=2", "no property is named"),
    ("generate run --where qed", "is not a condition"), ("export run", "trained on molecules"),
    ("embed run nothing.csv", "no file or folder nothing.csv"),
    ("generate run -o x.gif", "x.gif")])
def test_wrong_uses_of_molecules_are_refused_in_a_sentence(run, hourglass, command, words):
    code, _, err = hourglass(command)
    assert code == 2 and words in err and "Traceback" not in err


def test_python_varies_searches_morphs_and_draws_molecules(run, tmp_path):
    model = hg.load(run)
    way = model.vary("Cc1ccccc1", property="logP", steps=2)
    assert len(way) == 4 and way[0] == "Cc1ccccc1" and way.values["similarity"][0] == 1
    assert way.values["logP"][0] == properties_of("logP", ["Cc1ccccc1"])[0]
    assert "<svg" in way._repr_html_() and way.save(tmp_path / "v.png").stat().st_size > 0
    found = model.generate(3, where="weight<1000")
    assert len(set(found)) == len(found) == 3 and max(found.values["weight"]) < 1000
    assert len(model.morph("CCO", "CCN", frames=1)) == 3 and len(model.generate(4)) == 4
    with pytest.raises(ValueError, match="varied along a property"):
        model.vary("CCO")


def test_the_direction_of_a_property_is_kept_and_predicts_it(run):
    model = hg.load(run)
    way = property_direction(model.trained, "mass")
    assert (run / "properties").is_dir()
    source, codes = model.source(), model.codes()
    y = source.properties["mass"][source.splits["train"].index[codes.rows].numpy()]
    weights, offset = ridge(codes.z.numpy().astype(np.float64), y)
    assert way.predict(codes.z.numpy()) == pytest.approx(codes.z.numpy() @ weights + offset)
    again = property_direction(hg.load(run).trained, "mass")
    assert again.weights == pytest.approx(way.weights) and again.r2 == pytest.approx(way.r2)


def test_the_search_of_molecules_goes_on_in_the_way_that_does_better(run):
    model = hg.load(run).trained
    found = find_molecules(model, read_conditions("weight<90"), 10**6, most=1000)
    assert set(found.met) == set(WAYS) and found.drawn == 1000
    assert sum(met for met, _ in found.met.values()) >= len(found.smiles)
    better = FoundMolecules(met={"prior": (9, 200), "moved": (12, 400)})
    assert max(WAYS, key=better.share) == "prior" and better.share("moved") == 0.03
    assert FoundMolecules(met={"prior": (199, 200)}).share("moved") == 1, "not tried yet"


def test_the_report_draws_molecules_and_measures_them(run):
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert {"molecule_reconstructions", "molecule_samples", "molecule_steps"} <= drawn
    assert "line_samples" not in drawn
    found = hg.load(run).metrics
    assert found["own/valid"][0] > 0.5 and "mass_r2" in found and "mass_r2_fingerprints" in found
    assert 0 <= found["training_molecules/nearest_similarity"][0] <= 1


def test_images_have_no_properties(hourglass, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hg.train(np.random.default_rng(0).random((32, 8, 8), np.float32), model="ae(2)",
             backbone="mlp", epochs=1, out="run", report=False, quiet=True)
    for command in ("vary run 1 --property logP", "generate run --where logP=2"):
        code, _, err = hourglass(command)
        assert code == 2 and "models of molecules" in err
