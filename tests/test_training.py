"""Training: resumed it ends as if never stopped; whatever happens, what was learnt is kept."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Started, stripes, train
from safetensors.torch import load_file

import hourglass as hg
from hourglass.analysis.report import finish
from hourglass.core.device import make_fabric
from hourglass.run.folder import RunFolder
from hourglass.run.settings import make_settings
from hourglass.training.progress import line
from hourglass.training.setup import prepare, resume
from hourglass.training.train import run

SHORT = {"model": "vae(3)", "epochs": 4, "batch_size": 8, "stop": "none", "precision": "32-true"}


images = stripes


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def whole(path: str, **settings) -> Path:
    training = prepare(make_settings({**SHORT, **settings}), images(), out=path)
    for _ in run(training):
        pass
    return Path(path)


def in_pieces(path: str, stops: list[int], **settings) -> Path:
    """The same run, stopped after each of these numbers of batches as by Ctrl-C."""
    training = prepare(make_settings({**SHORT, **settings}), images(), out=path)
    for stop in [*stops, None]:
        for done, _ in enumerate(run(training), 1):
            if done == stop:
                os.kill(os.getpid(), signal.SIGINT)
        if stop is not None:
            assert training.interrupted
            torch.manual_seed(stop)   # the random state may change in between
            training = resume(RunFolder(Path(path)), {}, images())
    return Path(path)


@pytest.mark.parametrize("settings", [
    {}, {"model": "dae(3)"}, {"optimiser": "sgd(momentum=0.9)"},
    {"schedule": "plateau(patience=1)"},
    {"backbone": "conv(norm='batch', dropout=0.2)", "schedule": "one_cycle", "optimiser": "nadam"},
    {"precision": "bf16-mixed"}, {"val": 0}], ids=str)
def test_an_interrupted_run_ends_bit_for_bit_like_one_that_was_not(settings, here):
    a, b = whole("a", **settings), in_pieces("b", [3, 1, 9, 2], **settings)
    assert same(weights(a), weights(b))
    histories = [[{k: v for k, v in row.items() if "second" not in k}
                  for row in RunFolder(p).read_history()] for p in (a, b)]
    assert histories[0] == histories[1]


def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_one_that_was_not(here):
    """Four of them; benchmarks/killed.py has a hundred, of all commands."""
    command = ["train", "--no-report", "digits", "--epochs", "30", "--stop", "none", "--model",
               "vae(8)", "--out"]
    assert Started(*command, "whole").end(0)[0] == 0
    chance = random.Random(7)
    for _ in range(4):
        started = Started(*(["train", "killed", "--no-report", "--resume"]
                            if Path("killed").exists() else [*command, "killed"]))
        started.wait_for("vae")   # until it is about to take its first step
        time.sleep(chance.uniform(0.05, 0.8))
        assert started.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert Started("train", "killed", "--no-report", "--resume").end(0)[0] == 0
    assert same(weights(Path("whole")), weights(Path("killed")))


def test_ctrl_c_finishes_the_batch_saves_and_writes_the_report(here):
    process = subprocess.Popen(
        [sys.executable, "-m", "hourglass", "train", "digits", "--epochs", "9999", "--out", "run"],
        stderr=subprocess.PIPE, text=True)
    while not process.stderr.readline().startswith("epoch "):
        pass
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130 and "Traceback" not in said
    assert "hourglass train run --resume" in said
    assert Path("run/report.html").stat().st_size > 10_000
    assert Path("run/checkpoint.safetensors").exists()


def test_a_run_interrupted_in_its_first_epoch_still_has_a_model_and_a_report(here, few_figures):
    in_pieces("run", [2])
    training = prepare(make_settings(SHORT), images(), out="first")
    for _ in run(training):
        os.kill(os.getpid(), signal.SIGINT)
    assert training.interrupted and not training.state.history
    finish(training)
    assert Path("first/report.html").exists() and hg.load("first").encode(images(2)).shape == (2, 3)


def test_a_loss_that_is_not_finite_names_every_term_and_keeps_the_best_weights(here):
    settings = make_settings({**SHORT, "model": "vae(3)", "optimiser": "sgd", "lr": 1e6,
                              "epochs": 50})
    training = prepare(settings, images(), out="run")
    with pytest.raises(FloatingPointError, match=r"loss .*recon .*kl .*--lr"):
        for _ in run(training):
            pass
    kept = weights(Path("run"))
    assert all(w.isfinite().all() for w in kept.values())


def test_more_epochs_go_on_from_the_last_weights(here):
    training = prepare(make_settings(SHORT), images(), out="run")
    for _ in run(training):
        pass
    finish(training)
    with pytest.raises(ValueError, match=r"finished its 4 epochs.*--epochs 8"):
        resume(RunFolder(Path("run")), {}, images())
    again = resume(RunFolder(Path("run")), {"epochs": 6}, images())
    for _ in run(again):
        pass
    assert [row["epoch"] for row in RunFolder(Path("run")).read_history()] == [1, 2, 3, 4, 5, 6]


def test_other_data_or_other_settings_are_refused_when_a_run_goes_on(here):
    in_pieces("run", [3])
    with pytest.raises(ValueError, match="has changed since run was trained"):
        resume(RunFolder(Path("run")), {"epochs": 9}, images(61))
    with pytest.raises(ValueError, match="batch_size cannot change"):
        resume(RunFolder(Path("run")), {"batch_size": 4}, images())


def test_two_processes_do_not_train_in_one_folder(here):
    training = prepare(make_settings(SHORT), images(), out="run")
    with pytest.raises(ValueError, match="being trained by another process"):
        resume(RunFolder(Path("run")), {}, images())
    training.lock.close()
    assert resume(RunFolder(Path("run")), {}, images()).state.epoch == 1


def test_a_disk_without_room_is_noticed_before_the_first_step(here, monkeypatch):
    from shutil import _ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda path: _ntuple_diskusage(10, 9, 100_000))
    with pytest.raises(ValueError, match="MiB free, and this needs"):
        prepare(make_settings(SHORT), images(), out="run")
    assert not Path("run/run.json").exists()


def test_minutes_end_a_run(here):
    training = prepare(make_settings({**SHORT, "epochs": 100_000, "minutes": 0.02}), images(),
                       out="run")
    for _ in run(training):
        pass
    assert "time limit of" in training.ended


ALMOST_NONE, PLENTY = 1e-9, 1e9   # minutes: over after the first batch, and never


@pytest.mark.parametrize("settings", [{}, {"val": 0}, {"backbone": "conv(norm='batch')"},
                                      {"model": "aae(3)"}], ids=str)
def test_a_run_cut_by_minutes_ends_bit_for_bit_like_one_that_was_not(settings, here):
    """The rest of the epoch that time cut short is trained when the run goes on."""
    a = whole("a", **settings)
    training = prepare(make_settings({**SHORT, **settings, "minutes": ALMOST_NONE}), images(),
                       out="b")
    *_, last = run(training)
    assert last.row and not last.whole and last.batch == 1 < last.batches
    torch.manual_seed(1)
    again = resume(RunFolder(Path("b")), {"minutes": PLENTY}, images())
    for _ in run(again):
        pass
    assert same(weights(a), weights(Path("b")))
    histories = [[{k: v for k, v in row.items() if "second" not in k}
                  for row in RunFolder(p).read_history()] for p in (a, Path("b"))]
    assert histories[0] == histories[1]


def test_an_epoch_cut_by_minutes_counts_as_such(here):
    training = prepare(make_settings({**SHORT, "minutes": ALMOST_NONE}), images(), out="run")
    *_, last = run(training)
    state = training.state
    assert last.row["epoch"] == pytest.approx(1 / last.batches) and state.history == []
    assert "1 batches into epoch 1" in training.ended and state.best_epoch == 0
    assert "of it)" in line(last, 4) and "(best)" in line(last, 4)
    (row,) = RunFolder(Path("run")).read_history()
    assert row["epoch"] == pytest.approx(1 / last.batches)
    finish(training)
    record = RunFolder(Path("run")).read_record()
    assert record["epochs"] == record["best_epoch"] == round(1 / last.batches, 2)
    assert any("before the first epoch" in note for note in record["notes"])
    own = {k.removeprefix("model."): v for k, v in training.step.state_dict().items()}
    assert same(weights(Path("run")), {k: v for k, v in own.items() if k in weights(Path("run"))})


def test_a_cut_epoch_that_is_worse_leaves_the_best_weights(here):
    whole("run", lr=0.01)
    changes = {"epochs": 9, "minutes": ALMOST_NONE, "lr": 100.0}
    with pytest.raises(ValueError, match=r"has used its .* minutes. To continue, pass --minutes"):
        resume(RunFolder(Path("run")), changes, images())
    kept = weights(Path("run"))
    training = resume(RunFolder(Path("run")), {**changes, "minutes": None}, images())
    training.plan = replace(training.plan, minutes=ALMOST_NONE)
    *_, last = run(training)
    assert not last.whole and not last.best and not training.state.cut_is_best
    assert same(kept, weights(Path("run")))
    assert [row["epoch"] for row in RunFolder(Path("run")).read_history()][:4] == [1, 2, 3, 4]


def test_early_stopping_says_why_and_gives_the_best_weights_back(here):
    settings = make_settings({**SHORT, "epochs": 500, "stop": "early(patience=2)", "lr": 0.05})
    training = prepare(settings, images(), out="run")
    for _ in run(training):
        pass
    assert "val_loss has not improved" in training.ended
    assert training.state.best_epoch == len(training.state.history) - 2
    best = {k.removeprefix("model."): v for k, v in training.state.best.items()}
    assert same(weights(Path("run")), {k: v for k, v in best.items() if k in weights(Path("run"))})


def test_accelerations_change_nothing_but_time(here):
    """The gradient reaches every parameter, through hand-made layers too."""
    training = prepare(make_settings({**SHORT, "backbone": "conv(final='valid')"}), images(),
                       out="run")
    before = {k: v.clone() for k, v in training.step.state_dict().items()}
    for _ in run(training):
        pass
    after = training.step.state_dict()
    assert all(not torch.equal(before[k], after[k]) for k in before)


def test_python_trains_on_arrays_tensors_and_files_and_uses_what_it_learnt(here):
    model = train(images(), y=np.arange(60) % 2, quiet=True, out="run", **SHORT)
    codes = model.encode(images(7))
    assert codes.shape == (7, 3) and np.array_equal(codes, model.encode(images(7)))
    assert model.decode(codes).shape == (7, 10, 10, 1)
    tensor = torch.from_numpy(images(7)).float()[:, None] / 255
    assert np.allclose(model.reconstruct(tensor), model.reconstruct(images(7)), atol=1e-6)
    assert np.allclose(model.decode(codes), model.reconstruct(images(7)), atol=1e-6)
    assert np.allclose(np.concatenate([model.encode(images(7)[i:i + 1]) for i in range(7)]), codes,
                       atol=1e-5), "codes do not depend on the batch"
    again = hg.load("run")
    assert np.array_equal(again.encode(images(7)), codes)
    from_files = train("photos/", quiet=True, out="files", **SHORT)
    assert from_files.reconstruct("photos.zip").shape == (40, 16, 16, 3)
    names = ["photos/upright/003.png", "photos/lying/001.png"]
    both = from_files.encode(names)
    assert np.allclose(both[0], from_files.encode(names[0])[0], atol=1e-5), "in the order given"
    with pytest.raises(ValueError, match="takes samples of shape"):
        from_files.encode(np.zeros((3, 7), np.float32))


def test_encoder_and_decoder_can_be_loaded_alone(here):
    model = train(images(), quiet=True, out="run", **SHORT)
    x = torch.from_numpy(images(5)).float()[:, None] / 255
    z = hg.load_half("run", "encoder")(x)
    assert torch.allclose(z, torch.from_numpy(model.encode(images(5))), atol=1e-6)
    recon = hg.load_half("run", "decoder")(z)[:, 0].detach().numpy()
    assert np.allclose(recon, model.reconstruct(images(5))[..., 0], atol=1e-6)


def test_the_model_file_holds_no_code_and_says_what_it_is(here):
    import json

    from safetensors import safe_open
    whole("run")
    with safe_open("run/model.safetensors", "pt") as file:
        about = json.loads(file.metadata()["hourglass"])
    assert about["shape"] == [1, 10, 10] and about["parts"]["bottleneck"] == "gaussian(3)"
    assert not [p for p in Path("run").rglob("*") if p.suffix in (".pt", ".pkl", ".pickle", ".pth")]


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one_whole(here, monkeypatch):
    whole("run")
    before = Path("run/checkpoint.safetensors").read_bytes()
    training = resume(RunFolder(Path("run")), {"epochs": 6}, images())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        for _ in run(training):
            pass
    assert Path("run/checkpoint.safetensors").read_bytes() == before
    assert not list(Path("run").glob("*.part"))


class Passing(torch.nn.Module):
    """Gives what it gets, and the product of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, bool]:
        made = self.layer(ids[:4])
        return ids.clone(), made.dtype == torch.bfloat16


def test_a_batch_keeps_its_digits_in_bf16():
    ids = torch.arange(10_000, dtype=torch.float32)   # of words: 257 would be 256
    found, in_half = make_fabric(torch.device("cpu"), "bf16-mixed").setup(Passing())(ids)
    assert torch.equal(found, ids) and in_half, "and layers still multiply in bf16"
