"""Searches with jobs of a cluster: submitit's executors, and what sbatch is given."""

import os
import signal
import sys
from pathlib import Path

import pytest
import test_search
from test_search import LONG, TINY, children_of, exit_code_of, rows, searching, wait_for

from hourglass.searching.study_folder import StudyFolder

data = test_search.data   # a working folder with x.npy
SLURM = """
jobs = 3
minutes = 240
cpus = 8
gpus = 1
memory_gb = 32
partition = "gpu"
account = "vision"
at_once = 2
wait = false
setup = ["module load cuda"]
[sbatch]
mail-type = "END"
"""


def cluster(text: str) -> str:
    """A file with these options."""
    Path("cluster.toml").write_text(text)
    return "--cluster cluster.toml"


def test_jobs_of_this_machine_search_one_study(data, hourglass):
    flags = cluster('executor = "local"\njobs = 2\nminutes = 5')
    code, out, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 3 --out s "
                               f"--prune none {flags}")
    assert code == 0, err
    assert "2 jobs of local: " in err and "Their logs are in s/jobs" in err
    table = [row for row in rows("s") if row["state"] != "duplicate"]
    assert [row["state"] for row in table] == ["finished"] * 3
    assert "best: trial " in out and "holdout  " in out
    logs = [path.read_text() for path in Path("s/jobs").glob("*_log.err")]
    assert len(logs) == 2 and any("3 of 3 trials" in log for log in logs)


@pytest.mark.parametrize("executor", ["local", "debug"])
def test_ctrl_c_ends_the_jobs_and_loses_nothing(data, hourglass, executor):
    flags = cluster(f'executor = "{executor}"')
    long = LONG.replace("--epochs 40", "--epochs 90000")
    process = searching("search", "x.npy", "--model", "ae({2..60})", *long.split(), "--trials",
                        "1", "--out", "s", *flags.split())
    wait_for(Path("s/trials/0000/run.json"), process)
    if executor == "local":   # as before a job's time is over: it starts again, and goes on
        controller, = children_of(process)
        job, = children_of(controller)
        os.kill(job, signal.SIGUSR2)
        wait_for(Path("s/jobs") / f"{controller}_0_log.err", process,
                 "trial 0 is resumed from its checkpoint")
    os.kill(process, signal.SIGINT)
    assert exit_code_of(process) == 130
    assert "nothing is lost. To continue, give --cluster again" in Path("said.txt").read_text()
    held = StudyFolder(Path("s")).claim(0)
    assert held is not None, "no process trains any more"
    held.close()
    assert rows("s")[0]["state"] == "running"
    assert Path("s/trials/0000/checkpoint.safetensors").exists()


def test_a_job_that_fails_tells_its_last_line(data, hourglass):
    flags = cluster('executor = "local"\nsetup = ["echo cut > x.npy"]')   # after this command
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s "
                             f"{flags}")
    *_, ended, last = err.splitlines()
    assert code == 2 and "ended with 2: " in ended and "x.npy" in ended, err
    assert last == "hourglass: all jobs have failed. Their logs are in s/jobs"


def test_sbatch_is_given_the_options(data, hourglass, monkeypatch):
    programs = data / "programs"
    programs.mkdir()
    for name, does in (("srun", ":"), ("sbatch", f'cp "$1" {data}/given.sh\n'
                                                 'echo "Submitted batch job 77"')):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s "
                             f"{cluster(SLURM)}")
    assert code == 0 and "3 jobs of slurm: 77_0, 77_1, 77_2. Their logs are in s/jobs" in err, err
    given = Path("given.sh").read_text().splitlines()
    for option in ("time=240", "cpus-per-task=8", "gpus-per-node=1", "mem=32GB", "partition=gpu",
                   "account=vision", "array=0-2%2", "mail-type=END", "job-name=hourglass"):
        assert f"#SBATCH --{option}" in given, given
    assert "module load cuda" in given
    (programs / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2\n"
                                     "exit 1\n")
    code, _, err = hourglass("search s --cluster cluster.toml")
    assert code == 2 and "cannot be submitted: sbatch: error: invalid partition. The study stays " \
                         "in s" in err.splitlines()[-1]


@pytest.mark.parametrize("text, words", [
    ("partitions = 'gpu'", "did you mean 'partition'"), ("jobs = '3'", "must be a whole number"),
    ("jobs = 0", "jobs must be at least 1"), ("gpus = -1", "gpus must not be below 0"),
    ("executor = 'slrum'", "did you mean 'slurm'"), ("wait = 1", "wait is 1, but must be true or"),
    ("setup = 'module load'", "must be a list of texts"), ("jobs = true", "a whole number"),
    ("memory_gb = 'much'", "must be a number"), ("sbatch = 'x'", "must be a table"),
    ("executor = 'slurm'", "Slurm is not on this machine"), ("jobs =", "cluster.toml")])
def test_wrong_options_of_a_cluster_are_refused(data, hourglass, text, words, monkeypatch):
    monkeypatch.setenv("PATH", str(data))   # without Slurm
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' --out s {cluster(text)}")
    assert code == 2 and words in err.splitlines()[-1], err
    assert not Path("s").exists()


def test_without_submitit_the_extra_is_named(data, hourglass, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..4}})' {cluster('jobs = 2')}")
    assert code == 2 and "pip install 'hourglass[cluster]'" in err.splitlines()[-1]
    code, _, err = hourglass("search x.npy --model 'ae({2..4})' --cluster nowhere.toml")
    assert code == 2 and "nowhere.toml" in err.splitlines()[-1]
