"""A classifier made of a trained encoder with few labels."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hourglass as hg
from hourglass.core.tensor_files import load_tensors

QUIET = {"quiet": True, "report": False, "epochs": 10, "batch_size": 16, "lr": 0.01}


def squares(n: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of 8x8 pixels, bright at the left, at the right or below, and which."""
    x, y = 0.3 * np.random.default_rng(0).random((n, 8, 8)), np.arange(n) % 3
    x[y == 0, :, :3] += 0.6
    x[y == 1, :, 5:] += 0.6
    x[y == 2, 5:] += 0.6
    return x.astype(np.float32), np.array(["left", "right", "below"])[y]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, hg.Trained]:
    folder, (x, y) = tmp_path_factory.mktemp("runs"), squares()
    np.savez(folder / "data.npz", x=x, y=y)
    return {"own": hg.train(folder / "data.npz", model="ae(4)", backbone="conv((4, 8))",
                            out=folder / "own", **QUIET),
            "unlabelled": hg.train(x, model="vae(4)", backbone="mlp(16)", out=folder / "un",
                                   **QUIET)}


@pytest.mark.parametrize("frozen", [False, True])
def test_few_labels_make_a_classifier(runs, frozen, tmp_path, hourglass):
    out = tmp_path / "few"
    code, said, err = hourglass(f"finetune {runs['own'].folder.path} --labels 12 --steps 60 "
                                f"{'--frozen' if frozen else ''} -o {out}")
    assert code == 0, err
    assert "trained on 12 labels; of the test samples are right: the classifier" in said
    assert "nearest neighbours of codes" in said
    x, y = squares(60)
    model = hg.load(out)
    assert np.mean(np.array(model.classify(x)) == y) > 0.9
    record = json.loads((out / "run.json").read_text())
    assert record["labels"] == 12 and record["metrics"]["accuracy of the classifier"] > 0.8


def test_a_frozen_encoder_stays_and_a_free_one_moves(runs, tmp_path):
    own = dict(runs["own"].model.encoder.state_dict())
    for frozen in (True, False):
        model = hg.finetune(runs["own"], labels=9, frozen=frozen, steps=20,
                            out=tmp_path / str(frozen))
        same = all(torch.equal(value, own[name])
                   for name, value in model.model.encoder.state_dict().items())
        assert same == frozen
    x = squares(6)[0]
    np.testing.assert_array_equal(hg.load(tmp_path / "True").encode(x), runs["own"].encode(x))


def test_the_decoder_is_thrown_away_and_says_so(runs, tmp_path, hourglass):
    model = hg.finetune(runs["own"], labels=9, steps=10, out=tmp_path / "few")
    weights, _ = load_tensors(tmp_path / "few" / "model.safetensors")
    assert not [name for name in weights if name.startswith("decoder")]
    with pytest.raises(ValueError, match=r"a classifier without a decoder.*own"):
        model.reconstruct(squares(3)[0])
    np.save(tmp_path / "x.npy", squares(3)[0])
    for command in ("reconstruct {} {}/x.npy", "generate {} -o {}/x.png", "score {} {}/x.npy",
                    "finetune {} --labels 9"):
        code, _, said = hourglass(command.format(tmp_path / "few", tmp_path))
        assert code == 2 and ("without a decoder" in said or "a classifier already" in said), said


def test_the_classifier_is_as_good_as_one_by_hand(runs, tmp_path):
    """The same head, trained by full-batch descent on the frozen encoder's output."""
    x, y = squares(60)
    run = runs["own"]
    model = hg.finetune(run, frozen=True, steps=200, out=tmp_path / "all")
    with torch.no_grad():
        h = run.model.hidden(torch.from_numpy(x)[:, None])[0].flatten(1)
    number = torch.tensor([run.classes.index(name) for name in y])
    by_hand = nn.Linear(h.shape[1], 3)
    optimiser = torch.optim.Adam(by_hand.parameters(), 0.02)
    for _ in range(300):
        optimiser.zero_grad()
        nn.functional.cross_entropy(by_hand(h), number).backward()
        optimiser.step()
    right = (by_hand(h).argmax(1) == number).float().mean()
    assert np.mean(np.array(model.classify(x)) == y) >= float(right) - 0.05


def test_labels_may_come_from_other_data(runs, tmp_path, hourglass):
    x, y = squares(60)
    for i, (image, kind) in enumerate(zip(x, y, strict=True)):
        (tmp_path / "labelled" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(image.clip(0, 1) * 255)).save(
            tmp_path / "labelled" / kind / f"{i}.png")
    code, said, err = hourglass(f"finetune {runs['unlabelled'].folder.path} {tmp_path}/labelled "
                                f"--steps 100 --augment shift(1) -o {tmp_path}/few")
    assert code == 0 and "54 labels" in said, err
    code, said, err = hourglass(f"classify {tmp_path}/few {tmp_path}/labelled -o {tmp_path}/c.csv")
    assert code == 0 and "are predicted correctly" in said, err
    model = hg.finetune(runs["unlabelled"], x, y=y, steps=200, out=tmp_path / "memory")
    assert np.mean(np.array(model.classify(x)) == y) > 0.9


@pytest.mark.parametrize("which, given, words", [
    ("unlabelled", {}, "is needed here|in memory"), ("own", {"labels": 2}, "from 3"),
    ("own", {"labels": 100_000}, "from 3"), ("own", {"steps": 1}, "steps"),
    ("own", {"augment": "nonsense"}, "no augmentation"),
    ("own", {"data": np.zeros((20, 5), np.float32), "y": ["a", "b"] * 10}, "shape")])
def test_what_cannot_be_finetuned_is_refused(runs, which, given, words, tmp_path):
    run = hg.load(runs[which].folder.path)
    with pytest.raises(ValueError, match=words):
        hg.finetune(run, out=tmp_path / "few", **given)
    assert not (tmp_path / "few" / "model.safetensors").exists()


def test_a_model_without_classes_is_told_what_makes_some(runs, hourglass, tmp_path):
    np.save(tmp_path / "x.npy", squares(3)[0])
    code, _, said = hourglass(f"classify {runs['own'].folder.path} {tmp_path}/x.npy")
    assert code == 2 and "hourglass finetune" in said


@pytest.fixture
def used(tmp_path):
    """Places that cannot be the folder of a new run."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    return tmp_path


@pytest.mark.parametrize("out, words", [
    ("own", "is a run already.*choose another out"), ("full", "exists and is not empty"),
    ("file", "cannot be used as a folder"), ("file/few", "cannot be used as a folder")])
def test_an_out_in_use_is_refused_before_a_batch_is_trained(runs, out, words, used):
    run = hg.load(runs["own"].folder.path)
    place, batches = run.folder.path if out == "own" else used / out, []
    before = sorted(used.rglob("*"))
    run.model.encoder.register_forward_pre_hook(lambda net, x: batches.append(x))
    with pytest.raises(ValueError, match=words):
        hg.finetune(run, labels=9, steps=10, out=place)
    assert not batches and sorted(used.rglob("*")) == before
    hg.finetune(run, labels=9, steps=10, out=used / "few", quiet=True)
    assert batches   # so the hook would have seen them


def test_a_finetuning_that_fails_leaves_no_folder(runs, tmp_path):
    with pytest.raises(ValueError, match="no augmentation"):
        hg.finetune(runs["own"], augment="nonsense", out=tmp_path / "new" / "few")
    assert not list(tmp_path.iterdir())
