"""A folder that cannot be written, another user, a clock that goes back, a kill at any moment."""

import ctypes
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FORKS, TINY, _command, stripes

import hourglass as hg
from hourglass.core.files import remove_stale_parts
from hourglass.run.folder import RunFolder

NOBODY = 65_534
KEEP_CAPABILITIES, CAPABILITIES, READ = 8, 0x20080522, 1 << 2   # as Linux's headers have them
ROOT = Path(__file__).parents[1]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def become_nobody() -> None:
    """Another user, who may read everything, for Python may lie in root's own folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    header, held = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)(READ, READ)
    assert libc.capset(header, held) == 0, os.strerror(ctypes.get_errno())


def as_nobody(place: str, words: tuple[str, ...], said: Connection) -> None:
    os.chdir(place)
    if os.geteuid() == 0:
        become_nobody()
    _command(words, said)


@pytest.fixture
def another(tiny_run):
    """Gives a command as another user, who may read the run's folder and not write to it. Without
    root, the command runs as the folder's owner, who has no right to write."""
    if sys.platform != "linux":
        pytest.skip("needs users and capabilities as Linux has them")
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    shutil.copytree(tiny_run / "run", place / "run")
    shutil.copy(tiny_run / "x.npy", place)
    (place / "theirs").mkdir(mode=0o777)
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (place / "theirs").chmod(0o777)

    def give(*words: str) -> tuple[int, str]:
        reader, writer = Pipe(duplex=False)
        process = FORKS.Process(target=as_nobody, args=(str(place), words, writer))
        process.start()
        writer.close()
        with os.fdopen(os.dup(reader.fileno()), errors="replace") as said:
            text = said.read()
        process.join()
        return process.exitcode, text
    yield place, give
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(place)


@pytest.mark.parametrize("words, writes", [
    ("embed run x.npy -o theirs/z.csv", "z.csv"), ("generate run -n 2 -o theirs/a.png", "a.png"),
    ("generate run -n 2 --prior mixture(3) -o theirs/m.png", "m.png"),
    ("score run x.npy --detector knn(3) -o theirs/s.csv", "s.csv"),
    ("reconstruct run x.npy -o theirs/out", "out/00000.png")])
def test_another_user_uses_a_run_that_only_its_owner_may_change(words, writes, another):
    place, give = another
    before = content(place / "run")
    code, said = give(*words.split())
    assert code in (0, 1) and "Traceback" not in said, said
    assert (place / "theirs" / writes).is_file() and content(place / "run") == before
    if "mixture" in words or "knn" in words:
        assert "cannot be written" in said


def test_an_out_that_cannot_be_written_to_is_refused_before_training(another):
    place, give = another
    place.chmod(0o755)
    (place / "kept").mkdir(mode=0o555)
    place.chmod(0o555)
    for out in ("kept", "new"):
        code, said = give("finetune", "run", "x.npy", "--steps", "1000000", "-o", out)
        assert code == 2 and f"{out} cannot be used as a folder" in said, said


@pytest.mark.parametrize("words", ["train run --resume --epochs 4", "report run",
                                   "embed run x.npy -o run/z.csv", "train x.npy --out new"])
def test_another_user_is_refused_in_a_line_what_needs_the_right(words, another):
    place, give = another
    before = content(place)
    code, said = give(*words.split())
    assert code == 2 and "Permission denied" in said and "Traceback" not in said, said
    assert content(place) == before


def test_a_clock_that_goes_back_or_stands_in_the_future_changes_nothing(tiny_run, tmp_path,
                                                                        monkeypatch):
    shutil.copytree(tiny_run / "run", tmp_path / "usual")
    shutil.copytree(tiny_run / "run", tmp_path / "odd")
    hg.resume(tmp_path / "usual", epochs=4, quiet=True, report=False)
    for i, path in enumerate(sorted((tmp_path / "odd").rglob("*"))):
        when = (0, 4_102_444_800)[i % 2]   # 1970 and 2100
        os.utime(path, (when, when))
    now = [2e9]

    def back() -> float:
        now[0] -= 1000
        return now[0]
    monkeypatch.setattr(time, "time", back)
    hg.resume(tmp_path / "odd", epochs=4, quiet=True, report=False)
    monkeypatch.undo()
    assert (tmp_path / "odd/model.safetensors").read_bytes() == (
        tmp_path / "usual/model.safetensors").read_bytes()
    assert np.array_equal(hg.load(tmp_path / "odd").sample(3, seed=1),
                          hg.load(tmp_path / "usual").sample(3, seed=1))


def test_a_part_from_the_future_is_not_taken_for_an_old_one(tmp_path):
    part = tmp_path / "a.part"
    part.write_bytes(b"half")
    os.utime(part, (4_102_444_800,) * 2)
    remove_stale_parts(tmp_path)
    assert part.exists()


def test_commands_killed_at_any_moment_end_as_the_undisturbed_do(tmp_path):
    """The whole is benchmarks/killed.py; here, a few moments of the quick commands."""
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks/killed.py"), "--count", "3",
                           "--only", "train,prior"], capture_output=True, text=True,
                          timeout=900, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1",
                                                          "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "3 in all, 0 wrong" in done.stdout, done.stdout + done.stderr


LEFT = [{"epochs": 3}, {"epochs": 30, "stop": "early(patience=1, min_delta=1000.0)"},
        {"epochs": 10_000, "minutes": 0.002}]


@pytest.mark.parametrize("settings", LEFT, ids=["epochs", "early stop", "minutes"])
def test_a_run_killed_after_its_last_step_gets_its_end_and_then_is_over(settings, tmp_path,
                                                                        monkeypatch):
    """Killed between the checkpoint and all that follows: weights, codes, how it ended."""
    monkeypatch.chdir(tmp_path)
    hg.train(stripes(), out="run", report=False, **{**TINY, **settings})
    run = RunFolder(Path("run"))
    whole, weights = run.read_record(), run.model.read_bytes()
    first = {key: value for key, value in whole.items() if key not in ("ended", "steps")}
    run.write_record(first)
    run.model.write_bytes(b"")
    for kept in ("codes.safetensors", "history.csv"):
        (run.path / kept).unlink()
    hg.resume("run", data=stripes(), quiet=True, report=False)
    again = run.read_record()
    assert run.model.read_bytes() == weights and (run.path / "codes.safetensors").is_file()
    for name in ("epochs", "best_epoch", "steps", "ended"):
        assert again[name] == whole[name], name
    with pytest.raises(ValueError, match="To continue, pass"):
        hg.resume("run", data=stripes(), quiet=True)


def test_an_epoch_within_a_ramp_does_not_count_as_waiting_when_a_run_is_resumed():
    """A resumed run is over exactly where training would have stopped."""
    from hourglass.training.early_stopping import Stopping
    from hourglass.training.loop import State, TrainingPlan, stop_reason
    plan = TrainingPlan(9, 8, 0, None, Stopping(patience=2), None, None, None)
    state = State(history=[{"val_loss": value} for value in (1.0, 2.0, 3.0, 2.0)])
    assert stop_reason(state, plan) and not stop_reason(dataclasses.replace(state, ramping=3), plan)


def test_the_columns_of_a_history_stay_in_their_order_where_an_epoch_is_cut(tmp_path):
    """A checkpoint in the middle of an epoch keeps the losses' sums in the order that they had."""
    from torch import nn, optim

    from hourglass.training.checkpoint import load_state_into, save_state
    from hourglass.training.loop import State
    step = nn.Linear(2, 1)
    optimiser = optim.Adam(step.parameters())
    sums = {name: torch.tensor(1.0) for name in ("loss", "recon", "kl", "a")}
    save_state(tmp_path / "c", State(sums=sums), step, optimiser)
    assert list(load_state_into(tmp_path / "c", step, optimiser).sums) == list(sums)
