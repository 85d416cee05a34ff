"""Lines of text: as data, as models that write them, and in use."""

import gzip
import lzma
import math
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Categorical

import hourglass as hg
from hourglass.analysis.metrics.lines import mutual_information
from hourglass.analysis.snapshot import Snapshot
from hourglass.core.tokens import END, PAD, UNKNOWN
from hourglass.data.collect import collect, split
from hourglass.data.find import find_call
from hourglass.data.image_options import Reading
from hourglass.data.split_data import POOL, shuffled
from hourglass.data.vocabulary import vocabulary_of
from hourglass.inference.latent_directions import find_attribute
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.backbones.token_layers import TokenHead
from hourglass.model.likelihoods.tokens import chooser
from hourglass.model.parts import Parts
from hourglass.tasks.find_similar import search

SHARES = {"val": 0.1, "test": 0.1}
WORDS = ["ada", "bob", "cleo", "dora", "eve", "fay", "gus", "hal", "ida", "jo"] * 4
TINY = "gru(12, embedding=6)"


def of(text: str, **shares: float):
    return split(collect(text, Reading()), shares or SHARES, 0)


@pytest.fixture
def names(tmp_path, monkeypatch) -> Path:
    """A folder of names, a file for each of two classes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").mkdir()
    for kind, end in (("greek", "os"), ("polish", "ski")):
        (tmp_path / "names" / f"{kind}.txt").write_text(
            "".join(f"{word}{i}{end}\n" for i, word in enumerate(WORDS)))
    return tmp_path


@pytest.fixture(scope="module")
def run_of_names(tmp_path_factory) -> Path:
    """A folder with names, and a run on them with its report; copied, never changed."""
    place = tmp_path_factory.mktemp("lines")
    (place / "names.txt").write_text("".join(f"{w}{i}\n" for i, w in enumerate(WORDS)))
    hg.train(place / "names.txt", kind="lines", model="vae(3)", backbone=TINY, epochs=1,
             batch_size=16, out=place / "run", quiet=True)
    return place


@pytest.fixture
def run(run_of_names, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run_of_names / "run", "run")
    shutil.copy(run_of_names / "names.txt", "names.txt")
    return tmp_path / "run"


def test_lines_become_tokens_and_texts_again(names):
    source = of("lines('names/greek.txt')")
    vocabulary = vocabulary_of(source.encoding)
    batch = source.splits["train"].batch(torch.arange(5))
    x = torch.where(batch.known > 0, batch.x, torch.nan).numpy()
    asked = [source.names[i] for i in source.splits["train"].index[:5].tolist()]
    assert vocabulary.texts(x) == asked
    assert ((x == END).sum(1) == 1).all()
    assert (batch.x[batch.known == 0] == PAD).all()


def test_only_training_lines_make_the_vocabulary(tmp_path):
    for name, text in (("train", "a b b\n" * 9), ("valid", "a b\n"), ("test", "a z\n")):
        (tmp_path / f"x.{name}.txt").write_text(text)
    source = of(f"lines({str(tmp_path)!r}, level='word')")
    assert source.encoding["tokens"] == ["b", "a"]   # the most frequent first
    assert source.splits["test"].batch(torch.arange(1)).x[0, :3].tolist() == [4, UNKNOWN, END]
    assert any("not in the vocabulary" in note and "'z'" in note for note in source.notes)


def test_files_named_train_valid_and_test_are_splits(tmp_path):
    with zipfile.ZipFile(tmp_path / "ptb.zip", "w") as held:
        for name, count in (("train", 5), ("valid", 2), ("test", 3)):
            held.writestr(f"ptb.{name}.txt", " the cat \n" * count)
    source = of(f"lines({str(tmp_path / 'ptb.zip')!r}, level='word')")
    assert {name: len(part) for name, part in source.splits.items()} == {
        "train": 5, "val": 2, "test": 3}


def test_other_files_are_classes(names):
    source = of("lines('names')")
    assert source.classes == ("greek", "polish")


def test_a_column_of_a_table_holds_lines_and_another_their_classes(tmp_path):
    (tmp_path / "t.csv").write_text("text,lang\n" + "hi,en\nsalut,fr\n,fr\n" * 8)
    found = collect(f"lines({str(tmp_path / 't.csv')!r}, column='text', label='lang')", Reading())
    assert len(found.x) == 16 and found.classes == ("en", "fr")
    assert any("8 rows with an empty text" in note for note in found.notes)
    with pytest.raises(ValueError, match="say which one holds the lines"):
        collect(f"lines({str(tmp_path / 't.csv')!r})", Reading())


def test_fasta_headers_tell_classes_and_splits(tmp_path):
    rows = [f">P{i}|{'AMP' if i % 2 else 'nonAMP'}|{'test' if i % 5 == 0 else 'train'}\nGLL\nLK\n"
            for i in range(20)]
    (tmp_path / "p.fasta").write_text("".join(rows))
    found = collect(f"lines({str(tmp_path / 'p.fasta')!r})", Reading())
    assert found.names[0] == "GLLLK" and found.classes == ("AMP", "nonAMP")
    assert len(found.parts["test"]) == 4


FASTA = {   # content of a file, its sequences, and what is said
    "odd letters": (">a\nAC D*-\n>b\nAC1D?\n>c\n\n", ["ACD*-", "AC1D?"],
                    ["1 headers without a sequence", "neither letters nor * or -, such as '1'"]),
    "small letters": (">a\nacdk\n", ["ACDK"], ["small letters of 1 sequences are read as capit"]),
    "no header": ("ACDK\nGGL\n", ["ACDK", "GGL"], ["no line begins with >"]),
    "a comment, and Windows' ends": ("\ufeff;old\r\n>a|x\r\nAC\r\nDK\r\n", ["ACDK"], []),
    "a sequence first": ("ACDK\n>a\nGGL\n", [], ["!before its first header"]),
    "another alphabet": (">a\nACD\xc9K\n", ["ACD\xc9K"], ["such as '\xc9'"])}


@pytest.mark.parametrize("level", ["character", "byte"])
@pytest.mark.parametrize("case", FASTA)
def test_a_file_named_fasta_is_never_read_as_plain_lines(tmp_path, case, level):
    content, sequences, words = FASTA[case]
    if level == "byte":
        content = content.replace("\xc9", "1")
        sequences, words = [text.replace("\xc9", "1") for text in sequences], words[:1]
    (tmp_path / "p.fasta").write_bytes(content.encode())
    text = f"lines({str(tmp_path / 'p.fasta')!r}, level={level!r})"
    if not sequences:
        with pytest.raises(ValueError, match=words[0][1:]):
            collect(text, Reading())
        return
    found = collect(text, Reading())
    assert list(found.names) == sequences
    assert all(any(word.replace("\xc9", "1" if level == "byte" else "\xc9") in note
                   for note in found.notes) for word in words)


@pytest.mark.parametrize("name, content, kind", [
    ("p.fasta", b">a\nACDK\n", "lines"), ("x.txt", b"Smith\nJones\n", "lines"),
    ("x.txt", b"a,b\n1,2\n", "table"), ("m.smi", b"CCO\nCCN\n", "molecules")])
@pytest.mark.parametrize("packed", ["gz", "xz"])
def test_packed_texts_are_told_apart_and_damage_is_refused(tmp_path, name, content, kind, packed):
    module = {"gz": gzip, "xz": lzma}[packed]
    place = tmp_path / f"{name}.{packed}"
    whole = module.compress(content * 300)
    place.write_bytes(whole)
    assert find_call(str(place)).name == kind
    for damaged in (whole[:-20], whole[:30] + b"xxxxxxxx" + whole[38:]):
        place.write_bytes(damaged)
        with pytest.raises(ValueError, match="is cut short or damaged"):
            collect(str(find_call(str(place))), Reading())


BAD = {   # content of a file, level, and what is said or refused
    "empty lines": (b"one\n\ntwo\n\n", "character", "2 empty lines are left out (line 2, 4)"),
    "a line of 100,000 characters": (b"a" * 100_000 + b"\nbc\n", "character",
                                     "1 of 2 lines are longer than 200 characters and are cut; "
                                     "the longest has 100,000"),
    "Latin-1": ("caf\xe9\nth\xe9\n".encode("latin-1"), "character", "Windows-1252"),
    "UTF-16": ("abc\ndef\n".encode("utf-16"), "character", "read as UTF-16"),
    "NUL bytes": (b"abc\nd\0f\n", "character", "!NUL character in line 2"),
    "nothing": (b"\n \n", "character", "!holds no line of text"),
}


@pytest.mark.parametrize("case", BAD)
def test_odd_files_are_said_or_refused(tmp_path, case):
    content, level, words = BAD[case]
    (tmp_path / "x.txt").write_bytes(content)
    text = f"lines({str(tmp_path / 'x.txt')!r}, level={level!r})"
    if words.startswith("!"):
        with pytest.raises(ValueError, match=words[1:]):
            collect(text, Reading())
        return
    assert any(words in note for note in collect(text, Reading()).notes)


def test_bytes_keep_every_byte(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"a\xff\0z\nb\n")
    found = collect(f"lines({str(tmp_path / 'x.txt')!r}, level='byte')", Reading())
    assert np.isfinite(found.x).sum(1).tolist() == [5, 2]   # with the end


@pytest.mark.parametrize("content, kind", [
    ("Dear sir,\nI write, as agreed, to you.\nYours\n", "lines"), ("Smith\nJones\n", "lines"),
    ("a,b\n1,2\n3,4\n", "table"), ("1.5\n2.5\n3\n", "table"), ("x\ty\nu\tv\n", "table")])
def test_a_text_file_is_told_from_a_table_by_looking(tmp_path, content, kind, capsys):
    (tmp_path / "x.txt").write_text(content)
    assert find_call(str(tmp_path / "x.txt")).name == kind
    assert ("holds lines of text" in capsys.readouterr().err) == (kind == "lines")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("lines", [3, 30_000])   # more than is looked at
def test_a_text_in_utf_16_is_told_from_a_table_too(tmp_path, encoding, lines):
    text = "Smith\nM\u00fcller\nJones\n" * (lines // 3)
    (tmp_path / "x.txt").write_bytes(text.encode(encoding))
    assert find_call(str(tmp_path / "x.txt")).name == "lines"


def test_a_folder_of_text_files_is_read_as_lines(names):
    assert find_call("names").name == "lines"


def test_a_batch_holds_lines_of_like_length(tmp_path):
    (tmp_path / "x.txt").write_text("".join("a" * (1 + i % 40) + "\n" for i in range(400)))
    train = of(f"lines({str(tmp_path / 'x.txt')!r})").splits["train"]
    batches = shuffled(train, 8, 0, 1)
    assert sorted(torch.cat(batches).tolist()) == list(range(len(train)))
    spread = [float(train.lengths[train.index[rows]].float().std()) for rows in batches]
    assert POOL > 1 and np.mean(spread) < 3   # 11 if drawn at random
    again = shuffled(train, 8, 0, 1)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


BACKBONES = ("gru(8, embedding=4)", "lstm(8, embedding=4, layers=2)",
             "transformer(8, depth=1, heads=2)", "tcn(8, depth=2)")


def tiny(backbone: str, size: int = 7, length: int = 6, bottleneck: str = "gaussian(2)"):
    return Autoencoder(Parts(backbone, bottleneck=bottleneck, likelihood=f"tokens({size})"),
                       (length,)).eval()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_probabilities_of_all_lines_add_up_to_one(backbone):
    """Of two tokens, END and another, all lines of up to three tokens."""
    model = tiny(backbone, 2, 3)
    lines = torch.tensor([[1, 0, 0], [2, 1, 0], [2, 2, 1], [2, 2, 2]]).float()
    with torch.no_grad():
        px = model.decode(torch.randn(1, 2).expand(4, 2))
        nats = px.log_prob(lines)
    assert float(nats.sum(1).exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_what_is_written_first_does_not_depend_on_what_follows(backbone):
    model, z = tiny(backbone), torch.randn(1, 2)
    lines = torch.tensor([[3, 4, 5, 6, 1, 0], [3, 4, 7, 2, 2, 1]]).float()
    with torch.no_grad():
        nats = model.decode(z.expand(2, 2)).log_prob(lines)
    assert torch.allclose(nats[0, :2], nats[1, :2], atol=1e-6)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_padding_changes_nothing(backbone):
    model = tiny(backbone)
    lines = torch.tensor([[3, 4, 1, 0, 0, 0], [3, 4, 5, 6, 2, 1]]).float()
    with torch.no_grad():
        both, alone = model.encode(lines)[0].z, model.encode(lines[:1])[0].z
        nats = model.decode(both).log_prob(lines)
        one = model.decode(alone).log_prob(lines[:1])
    assert torch.allclose(both[:1], alone, atol=1e-5)
    assert torch.allclose(nats[:1], one, atol=1e-5) and (nats[0, 3:] == 0).all()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_writing_and_reading_agree_on_the_most_probable_token(backbone):
    model, z = tiny(backbone), torch.randn(5, 2)
    with torch.no_grad():
        px = model.decode(z)
        written = px.mean
        best = px.log_prob(written)
        for token in range(1, 8):   # no other first token is more probable
            other = written.clone()
            other[:, 0] = token
            assert (px.log_prob(other)[:, 0] <= best[:, 0] + 1e-6).all()


def test_one_shot_decoders_write_independent_tokens():
    model = tiny("transformer(8, depth=1, heads=2, one_by_one=False)")
    lines = torch.tensor([[3.0, 4, 1, 0, 0, 0]])
    with torch.no_grad():
        px = model.decode(torch.zeros(1, 2))
        right = Categorical(logits=px.logits[:, :3]).log_prob(lines.long()[:, :3] - 1)
        assert torch.allclose(px.log_prob(lines)[:, :3], right, atol=1e-6)
        assert (px.log_prob(lines)[:, 3:] == 0).all()


def test_a_large_vocabulary_is_a_distribution_too():
    head = TokenHead(32, 4000)
    states = torch.randn(2, 3, 32)
    ids = torch.tensor([[1, 500, 4000], [2, 0, 0]])
    logits = head.logits(states.flatten(0, 1))
    assert torch.allclose(logits.logsumexp(1), torch.zeros(6), atol=1e-4)
    found = head(states, ids)
    assert torch.allclose(found[0], logits[range(3), ids[0] - 1], atol=1e-5)
    assert (found[1, 1:] == 0).all()


def test_temperature_and_top_k_choose_tokens():
    logits = torch.tensor([[0.0, 1.0, 2.0, 5.0]]).expand(2000, -1)
    assert set(chooser(top_k=2)(logits).tolist()) <= {3, 4}
    assert (chooser(temperature=0)(logits) == 4).all()
    assert (chooser(1e-300)(logits) == 4).all(), "a tiny temperature divides nothing to infinity"
    share = float((chooser(2.0)(logits[:, :2]) == 2).float().mean())
    assert share == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.05)


def test_a_language_model_ignores_the_line_but_for_what_is_written():
    model = tiny("gru(8, embedding=4)", bottleneck="nothing")
    lines = torch.tensor([[3.0, 4, 1, 0, 0, 0], [5.0, 2, 2, 2, 2, 1]])
    with torch.no_grad():
        z = model.encode(lines)[0].z
    assert z.shape == (2, 1) and not z.any()


def test_mutual_information_is_that_of_a_gaussian_channel():
    """Codes x + noise, both normal: 0.5 log(1 + 1 / noise^2)."""
    noise, n, none = 0.5, 900, np.empty(0)
    z = np.random.default_rng(1).standard_normal((n, 1))
    s = Snapshot(np.zeros((n, 1)), none, z, np.full((n, 1), noise), np.zeros(n), none, none, (),
                 (), "test", n, False, kind="lines")
    assert mutual_information(s)["mutual_information"] == pytest.approx(
        0.5 * math.log(1 + 1 / noise**2), abs=0.1)


@pytest.mark.parametrize("parts, words", [
    ({"backbone": "mlp"}, "not for lines of text"),
    ({"backbone": TINY, "bottleneck": "vamp(2)"}, "learns inputs"),
    ({"backbone": TINY, "corruption": "noise(0.1)"}, "is for numbers"),
    ({"backbone": TINY, "likelihood": "normal"}, "is for numbers")])
def test_parts_that_cannot_read_tokens_are_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        Autoencoder(Parts(**parts).fitted((5,), -math.inf, math.inf, "tokens(9)"), (5,))


@pytest.mark.parametrize("backbone", ["gru(8)", "lstm(8)", "transformer(8, depth=1, heads=2)",
                                      "tcn(8, depth=2)"])
def test_series_have_these_backbones_too(backbone):
    model = Autoencoder(Parts(backbone, bottleneck="plain(2)", likelihood="normal"), (3, 10))
    x = torch.randn(4, 3, 10)
    loss = -model(x).px.log_prob(x).sum()
    loss.backward()
    assert model(x).px.mean.shape == x.shape
    assert all(p.grad is not None for half in (model.encoder, model.decoder)
               for p in half.parameters())


def test_images_are_refused_by_them():
    with pytest.raises(ValueError, match="needs sequences"):
        Autoencoder(Parts("gru(8)", likelihood="normal"), (1, 8, 8))


def test_what_is_cut_or_unknown_in_a_given_line_is_said(run, capsys):
    model = hg.load(run)
    for use in (lambda text: search(model, "names.txt", [text], 1)[0],
                lambda text: model.morph(text, "bob1"), lambda text: model.vary(text, "length")):
        lines = use("\u0416" + "a" * 100_000)
        said = capsys.readouterr().err
        assert "is cut; the longest has 100,001" in said and "such as '\u0416'" in said
        assert all(len(str(line)) < 300 for line in lines)


def test_python_reconstructs_encodes_and_samples_lines(run):
    model = hg.load(run)
    asked = ["ada1", "bob2"]
    again, codes = model.reconstruct(asked), model.encode(asked)
    assert len(again) == 2 and all(isinstance(text, str) for text in again)
    assert codes.shape == (2, 3) and model.decode(codes) == again
    drawn = model.sample(5, seed=1, temperature=0.5, top_k=3)
    assert drawn == model.sample(5, seed=1, temperature=0.5, top_k=3) and len(drawn) == 5
    assert model.score(asked).shape == (2,)
    assert len(model.generate(4, temperature=0.5)) == 4
    assert model.morph(*asked, frames=1)[::2] == again
    with pytest.raises(ValueError, match="for models of molecules"):
        model.generate(4, where="logP=2")
    with pytest.raises(ValueError, match="line 1 is empty"):
        model.encode(["ada", " "])
    with pytest.raises(ValueError, match="given in a list"):
        model.encode("ada")


def test_lines_in_memory_are_trained_on_with_their_classes(tmp_path):
    model = hg.train(WORDS, kind="lines", y=["a", "b"] * 20, model="vae(2)", backbone=TINY,
                     condition="label", epochs=1, out=tmp_path / "run", report=False, quiet=True)
    assert model.classes == ("a", "b") and len(model.sample(3, y="b")) == 3


SAYS = {   # a command on the run, and what it prints
    "generate run -n 3 --top-k 4 --temperature 0.7": "",
    "generate run -n 3 -o g.txt": "3 lines of the prior own in g.txt",
    "morph run ada1 bob2 --frames 2": "",
    "reconstruct run names.txt -o r.csv": "40 lines in r.csv",
    "embed run names.txt -o z.csv": "40 codes of 3 numbers",
    "embed run names.txt --nearest ada0 -n 1": "nearest.csv",
    "evaluate run --nll 5": "perplexity",
}


@pytest.mark.parametrize("command", SAYS)
def test_commands_take_lines(run, hourglass, command):
    code, out, err = hourglass(command)
    assert code == 0 and SAYS[command] in out, err


def test_odd_lines_are_scored(run, hourglass):
    (run.parent / "q.txt").write_text("ada1\n" + "q" * 6 + "\n")
    code, _, err = hourglass("score run q.txt -o s.csv")
    assert code in (0, 1), err
    assert (run.parent / "s.csv").read_text().splitlines()[2].startswith("qqqqqq,")


REFUSED = ("restore run names.txt", "impute run names.txt", "export run", "classify run names.txt",
           "compress run names.txt", "evaluate run --factors",
           "finetune run names.txt", "embed run names.txt --duplicates",
           "generate run --grid 3", "generate run --sharpen 2", "score run --detector input_knn")


@pytest.mark.parametrize("command", REFUSED)
def test_other_commands_refuse_lines_in_a_sentence(run, hourglass, command):
    code, _, err = hourglass(command)
    assert code == 2 and "Traceback" not in err
    assert "lines of text" in err


def test_the_report_shows_lines_as_text(run):
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert {"line_reconstructions", "line_samples", "line_steps"} <= drawn
    assert not {"lines", "errors", "reconstructions"} & drawn


def test_nats_per_token_are_of_the_lines_that_were_chosen(run):
    model = hg.load(run)
    found = model.evaluate(nll=4, limit=2).measure
    split = model.source().splits["test"]
    tokens = (split.batch(split.evenly(2)).known.sum() / 2).item()
    assert found.values == pytest.approx(tokens)
    assert f"{tokens:.4g} tokens per line" in found.of_tokens(1.0)[0]


def test_the_nats_of_a_language_model_are_its_likelihood(names):
    model = hg.train(names / "names", kind="lines", model="language_model(8)", epochs=1,
                     report=False, quiet=True, out=names / "run")
    lines = model.evaluate().lines
    assert any("nats are -log p(x), exactly" in line for line in lines)
    assert not any("no likelihood" in line for line in lines)


def test_a_language_model_of_the_same_size_stands_in_the_report(run, hourglass, monkeypatch):
    code, out, _ = hourglass("report run --language-model")
    assert code == 0 and "a language model of the same size (the decoder without" in out
    kept = hg.load("run").cache.evaluations()["language model of the same size"]
    rival, ours = hg.load("run/language_model"), hg.load("run")
    split = ours.source().splits["test"]
    batch = split.batch(torch.arange(len(split)))
    with torch.inference_mode():
        net = rival.model.eval()
        px = net.decode(net.encode(batch.x, batch.y)[0].z, batch.y)
        nats = -px.log_prob(batch.x).flatten(1).sum(1).mean()
    assert kept["language_model"] == pytest.approx(float(nats), rel=1e-4)
    def weights(model):
        return {n: t.shape for n, t in model.model.decoder.state_dict().items()}
    assert weights(rival) == weights(ours), "the same decoder"
    assert "a language model of the same size" in Path("run/report.html").read_text()
    _, out, err = hourglass("report run --language-model")
    assert "training a language model" not in out + err, "it is trained once"


def test_no_language_model_stands_beside_a_model_without_a_code(run, hourglass):
    assert hourglass("report run --minutes 2")[0] == 2
    hourglass("report run --language-model")
    code, _, err = hourglass("report run/language_model --language-model")
    assert code == 2 and "with a code" in err


def test_a_line_is_varied_along_a_class_along_length_and_along_an_attribute_of_ones_own(
    names, tmp_path, hourglass
):
    model = hg.train("names", kind="lines", model="vae(3)", backbone=TINY, epochs=1, batch_size=16,
                     report=False, out="of names", quiet=True)
    source, codes = model.source(), model.trained.codes()
    z = codes.z.numpy()
    line = source.names[0]
    greek = codes.y.numpy() == model.classes.index("greek")
    wanted = {"greek": z[greek].mean(0) - z[~greek].mean(0)}
    texts = [source.names[i] for i in source.splits["train"].index[codes.rows].tolist()]
    lengths = np.array([len(text) for text in texts])
    far = {name: find_attribute(name, codes, model.classes, model.source, True).direction
           for name in ("greek", "length")}
    np.testing.assert_allclose(far["greek"], wanted["greek"], rtol=1e-5)
    quarter = len(z) // 4
    order = torch.tensor(lengths).argsort().numpy()
    np.testing.assert_allclose(far["length"], z[order[-quarter:]].mean(0) - z[
        order[:quarter]].mean(0), rtol=1e-4)
    found = model.vary(line, "greek", "length", steps=4)
    own = model.encode([line])[0]
    for name, written in found.items():
        by_hand = [own + np.float32(t) * far[name] for t in (-1.5, -0.75, 0, 0.75, 1.5)]
        assert written == model.decode(np.stack(by_hand)), name
    mine = model.vary(line, having=texts[:5], lacking=texts[5:9], steps=2)
    assert list(mine) == ["having it"] and len(mine["having it"]) == 3
    code, out, _ = hourglass(f"vary 'of names' {line} --attribute greek --steps 4 -o v.csv")
    assert code == 0 and "+1.50" in out and len(Path("v.csv").read_text().splitlines()) == 6
    for wrong, said in (("--attribute grek", "did you mean"), ("--property logP", "molecules"),
                        ("--sharpen 1", "for images"), ("-o v.png", "v.png")):
        code, _, err = hourglass(f"vary 'of names' {line} {wrong}")
        assert code == 2 and said in err, err
