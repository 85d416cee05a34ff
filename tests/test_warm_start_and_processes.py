"""The life of a model: warm start, classes as a condition, halves, several processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Started, draw, stripes, train
from safetensors.torch import load_file

import hourglass as hg
from hourglass.run.folder import RunFolder
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare, resume
from hourglass.training.train import run

SHORT = {"model": "ae(3)", "epochs": 3, "batch_size": 16, "precision": "32-true", "stop": "none"}
CONDITIONAL = {**SHORT, "model": "cvae(2)", "quiet": True}
FAST = "--no-report --epochs 1 --batch-size 16"


def test_a_run_begins_with_the_weights_and_parts_of_another(here, hourglass):
    hourglass(f"train photos/ --size 12 --model 'vae(3)' --out first {FAST}")
    code, _, err = hourglass(f"train photos.zip --from first --out second --lr 1e-12 {FAST}")
    assert code == 0 and "starts from 10 of 10 weights of first" in err.replace(
        str(Path("first").resolve()), "first"), err
    a, b = (load_file(f"{name}/model.safetensors") for name in ("first", "second"))
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)
    assert 'bottleneck = "gaussian(3)"' in Path("second/settings.toml").read_text()
    code, _, err = hourglass(f"train photos.zip --from first --bottleneck 'gaussian(5)' "
                             f"--out third {FAST}")
    assert code == 0 and "new: bottleneck" in err
    assert hg.load("third").encode("photos.zip").shape == (40, 5)


@pytest.mark.parametrize("flags, words", [
    ("--from nowhere", "nowhere is not a run folder"),
    ("--from first --model 'vae(2)' --backbone mlp((7,))", "no weights of .* fit this model"),
    ("--from photos", "photos is not a run folder")])
def test_what_cannot_be_begun_with_is_told(flags, words, here, hourglass):
    hourglass(f"train photos/ --size 12 --model 'vae(3)' --out first {FAST}")
    import re
    code, _, err = hourglass(f"train images.npy {flags} --out second {FAST}".replace(
        "mlp((7,))", "'mlp((7,))'"))
    assert code == 2 and re.search(words, err), err


def test_a_run_that_began_with_another_goes_on_without_it(here):
    train(stripes(), out="first", quiet=True, **SHORT)
    floats = (stripes()[..., None] / 255).astype(np.float32)
    train(floats, out="floats", begin="first", quiet=True, **SHORT)
    train(stripes(), out="second", begin="first", quiet=True, **{**SHORT, "epochs": 2})
    for file in Path("first").iterdir():
        if file.is_file():
            file.unlink()
    hg.resume("second", data=stripes(), epochs=4, lr=1e-4, quiet=True)
    assert len(RunFolder(Path("second")).read_history()) == 4


def test_a_conditional_model_draws_the_class_that_is_asked_for(here):
    images = np.concatenate([np.full((60, 8, 8), v, np.uint8) for v in (20, 230)])
    images = images + np.random.default_rng(0).integers(0, 20, images.shape, np.uint8)
    y = np.repeat(["dark", "bright"], 60)
    model = train(images, y=y, out="run", **{**CONDITIONAL, "epochs": 60, "lr": 0.01})
    assert model.sample(20, "dark").mean() < 0.25 < 0.75 < model.sample(20, "bright").mean()
    assert np.array_equal(model.sample(3, "dark"), hg.load("run").sample(3, "dark"))
    codes = model.encode(images[:5], y=["dark"] * 5)
    assert np.allclose(model.decode(codes, "dark"), model.reconstruct(images[:5], "dark"))
    swapped = model.decode(codes, "bright")
    assert swapped.mean() > 0.6, "the same code, with another class"
    encoder, decoder = (hg.load_half("run", half) for half in ("encoder", "decoder"))
    x = torch.from_numpy(images[:5]).float()[:, None] / 255
    z = encoder(x, torch.ones(5, dtype=torch.long))   # classes are in order: bright, dark
    assert torch.allclose(z, torch.from_numpy(codes), atol=1e-5)
    assert decoder(z, torch.ones(5, dtype=torch.long)).shape == (5, 1, 8, 8)


def test_folders_tell_a_conditional_model_its_classes(here, hourglass):
    code, _, err = hourglass(f"train photos/ --model 'cvae(2)' --out run {FAST}")
    assert code == 0, err
    assert hourglass("reconstruct run photos/ -o again")[0] == 0
    assert hourglass("generate run --class lying -n 6 -o lying.png")[0] == 0
    assert hourglass("generate run -n 5 -o all/")[0] == 0
    assert sorted(p.parent.name for p in Path("all").rglob("*.png")) == ["lying"] * 3 + [
        "upright"] * 2
    with pytest.raises(ValueError, match="n must be a whole number from 1"):
        hg.load("run").sample(0)
    with pytest.raises(ValueError, match=r"two classes or more.*labels y"):
        train((stripes(20), np.zeros(20)), **CONDITIONAL)
    for command, words in (("generate run --class lyng", "no.* class 'lyng'; did you mean 'lying'"),
                           ("generate run -o all", "all exists and is not empty"),
                           ("generate run -o s.txt", "neither a picture .* nor a folder's name"),
                           ("reconstruct run a.png", "needs the class of every sample")):
        code, _, err = hourglass(command)
        import re
        assert code == 2 and re.search(words, err), err


def test_a_class_that_was_unseen_in_training_is_refused(here, hourglass):
    for part, kinds in (("train", "ab"), ("test", "abc")):
        for kind in kinds:
            Path(f"own/{part}/{kind}").mkdir(parents=True)
            for i in range(8):
                draw("lying", i).save(f"own/{part}/{kind}/{i}.png")
    code, _, err = hourglass(f"train own/ --model 'cvae(2)' --out run {FAST}")
    assert code == 2 and "the class 'c' is in test but not in train" in err
    code, _, err = hourglass(f"train images.npy --model 'cvae(2)' --out run {FAST}")
    assert code == 2 and "two classes or more" in err
    code, _, err = hourglass(f"train images.npy --model 'ae(2)' --out plain {FAST}")
    code, _, err = hourglass("generate plain --class lying")
    assert code == 2 and "had no classes" in err


class TooSmall(torch.nn.Module):
    """A device without room for more than `most` samples at a time."""

    def __init__(self, step, most, kind):
        super().__init__()
        self.step, self.most, self.kind = step, most, kind

    def forward(self, x, *others):
        if len(x) > self.most:
            raise self.kind("DefaultCPUAllocator: can't allocate memory")
        return self.step(x, *others)


def steps_with(memory: int, name: str, kind: type[Exception] = torch.OutOfMemoryError):
    from hourglass.training.loop import Parties, fit
    settings = make_settings({**SHORT, "optimiser": "sgd", "lr": 1e-3})
    training = prepare(settings, stripes(70), out=name)
    parties = Parties(training.step, TooSmall(training.step, memory, kind), training.optimiser,
                      training.fabric)
    notes = [note for p in fit(parties, training.source, training.plan, training.state)
             for note in p.notes]
    return training, notes


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_goes_on_in_pieces_to_the_same_weights_and_says_so(kind, here):
    whole, nothing = steps_with(10_000, "whole")
    pieces, said = steps_with(5, "pieces", kind)
    assert not nothing and pieces.state.pieces == 4
    assert [note.partition(":")[0] for note in said] == ["out of memory"]
    for a, b in zip(whole.step.parameters(), pieces.step.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    for a, b in zip(whole.state.history, pieces.state.history, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-5)
    with pytest.raises(ValueError, match=r"memory is too small.*--batch-size"):
        steps_with(1, "none")


def test_a_limit_on_memory_is_for_gpus_and_says_so(here):
    training = prepare(make_settings({**SHORT, "max_memory": 4}), stripes(), out="run")
    assert any("limits nothing" in note for note in training.notes)


def test_the_layout_of_maps_can_be_chosen_and_changes_nothing(here):
    found = {}
    for layout in ("channels_last", "contiguous"):
        settings = make_settings({**SHORT, "layout": layout, "epochs": 1,
                                  "backbone": "conv(filters=(8, 8))"})
        training = prepare(settings, np.repeat(stripes()[..., None], 3, 3), out=layout)
        assert f"32-true and {layout} on cpu" in training.notes[-1]
        for _ in run(training):
            pass
        found[layout] = training
    a, b = (found[layout].step.model for layout in found)
    first = a.encoder.layers[0].weight, b.encoder.layers[0].weight
    assert first[0].is_contiguous(memory_format=torch.channels_last)
    assert first[1].is_contiguous()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-4)


def two_processes(*words: str, expected: int = 0) -> tuple[str, str]:
    """Both processes of a command, with the variables that torchrun sets, but without its own
    start. Returns what they print and say, once both have ended with the expected exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [Started(*words, printed=f"{rank}.txt", env={
        "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port}) for rank in "01"]
    ended = [process.end(0) for process in started]
    assert [code for code, _ in ended] == [expected] * 2, ended
    return "".join(Path(f"{rank}.txt").read_text() for rank in "01"), "".join(
        said for _, said in ended)


def test_two_processes_do_as_one_with_the_doubled_batch(here):
    np.save("stripes.npy", stripes(205))   # a last batch of 3 and 2
    words = ["train", "--no-report", "stripes.npy", "--model", "ae(3)", "--epochs", "3",
             "--optimiser", "sgd",
             "--lr", "1e-4", "--precision", "32-true", "--stop", "none", "--schedule", "constant"]
    out, err = two_processes(*words, "--batch-size", "16", "--out", "two")
    assert "2 processes" in err and err.count("epoch 3/3") == 1, "one speaks"
    assert out.strip() == "two"
    assert Started(*words, "--batch-size", "32", "--out", "one").end(0)[0] == 0
    a, b = (RunFolder(Path(name)).read_history() for name in ("one", "two"))
    for x, y in zip(a, b, strict=True):
        for name in ("train_loss", "val_loss", "val_mse"):
            assert x[name] == pytest.approx(y[name], rel=1e-4), name
    one, other = (load_file(f"{name}/model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)
    two_processes("train", "two", "--no-report", "--resume", "--epochs", "4")
    assert len(RunFolder(Path("two")).read_history()) == 4


def test_two_processes_train_from_python_and_both_have_the_model(here):
    Path("script.py").write_text("""
import os
import hourglass as hg
model = hg.train("images.npy", model="vae(3)", epochs=1, out="run", report=False,
                 loss="recon + ramp(0, 1) * kl")
os.write(1, f"codes {model.encode('images.npy').sum()}\\n".encode())   # at once, not word by word
""")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "script.py"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("codes")]
    assert len(said) == 2 and said[0] == said[1]
    assert not Path("history.csv").exists() and not Path("snapshot.npz").exists()


def test_two_processes_answer_bad_input_and_leave(here):
    _, err = two_processes("train", "nowhere/", "--out", "run", expected=2)
    assert "there is no file or folder nowhere/" in err and "Traceback" not in err


def test_the_lock_is_taken_before_anything_is_read(here):
    training = prepare(make_settings(SHORT), stripes(), out="run")
    Path("run/settings.toml").write_text("this is not to be read")
    with pytest.raises(ValueError, match="being trained by another process"):
        resume(RunFolder(Path("run")), {}, stripes())
    training.lock.close()
    with pytest.raises(ValueError, match="TOML"):
        resume(RunFolder(Path("run")), {}, stripes())
    Path("run/settings.toml").write_text(training.settings.to_toml())
    assert resume(RunFolder(Path("run")), {}, stripes()).state.epoch == 1, "and let go again"
    assert json.loads(Path("run/run.json").read_text())["data"]["samples"] == 60


SHARED = ["--no-report", "stripes.npy", "--model", "ae(3)", "--clip", "20", "--lr", "1e-3",
          "--precision", "32-true", "--stop", "none", "--schedule", "constant", "--batch-size",
          "16"]


def test_processes_that_share_a_model_learn_what_those_with_a_copy_each_learn(here):
    np.save("stripes.npy", stripes(45))   # a last batch of fewer
    two_processes("train", *SHARED, "--epochs", "3", "--out", "copies")
    _, err = two_processes("train", *SHARED, "--epochs", "2", "--out", "run", "--shard-model")
    assert "2 processes, which share the model" in err
    two_processes("train", "run", "--no-report", "--resume", "--epochs", "3")
    a, b = (RunFolder(Path(name)).read_history() for name in ("copies", "run"))
    for x, y in zip(a, b, strict=True):
        for name in ("train_loss", "val_loss", "val_mse"):
            assert x[name] == pytest.approx(y[name], rel=1e-4), (x["epoch"], name)
    one, other = (load_file(f"{name}/model.safetensors") for name in ("copies", "run"))
    assert one.keys() == other.keys()
    assert all(one[name].shape == w.shape and torch.allclose(one[name], w, atol=1e-3)
               for name, w in other.items())
    whole, shared = (load_file(f"{name}/checkpoint.safetensors") for name in ("copies", "run"))
    assert {name: w.shape for name, w in whole.items()} == {n: w.shape for n, w in shared.items()}
    assert hg.load("run").reconstruct("stripes.npy").shape[0] == 45


@pytest.mark.parametrize("flags, words", [
    ([], "there is one process. Start several"), (["--compile"], "there is one process")])
def test_one_process_shares_no_model(here, flags, words, hourglass):
    code, _, err = hourglass(" ".join(["train", "digits", "--shard-model", *flags]))
    assert code == 2 and words in err and "leave --shard-model out" in err
