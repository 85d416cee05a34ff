"""Searches: trials in processes, killed and resumed, pruned, known already, over a limit."""

import csv
import json
import os
import pkgutil
import re
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import stripes
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.cli.search import INNER
from hourglass.inference.trained import Trained
from hourglass.run.folder import open_run
from hourglass.searching.study import Study
from hourglass.training import train

TINY = ("--backbone mlp(8) --epochs 2 --batch-size 16 --precision 32-true --val 0.2 --test 0.1 "
        "--holdout 0.1")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A working folder with x.npy, in which the command searches in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(INNER, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")   # forks of a process that has threads
    np.save("x.npy", stripes(64))
    return tmp_path


def rows(folder: str) -> list[dict[str, str]]:
    with open(Path(folder) / "trials.csv", newline="") as table:
        return list(csv.DictReader(table))


def told(folder: str) -> Counter:
    """How often the journal says that each trial has ended, by number; 6 is that operation."""
    lines = [json.loads(line) for line in (Path(folder) / "journal.log").read_text().splitlines()]
    return Counter(line["trial_id"] for line in lines
                   if line["op_code"] == 6 and line.get("state") != 0)


def test_a_search_is_a_folder_of_runs_with_a_table_and_a_page(data, hourglass):
    code, out, err = hourglass(f"search x.npy --model 'ae({{2..6}})' --lr '{{1e-3..1e-1}}' {TINY} "
                               f"--trials 4 --workers 2 --prune none --out s")
    assert code == 0, err
    assert "largest model" in err and "lr         0.001 to 0.1, log scale" in err
    assert "4 of 4 trials" in err and "all 4 trials have begun" in err
    table = rows("s")
    assert [row["trial"] for row in table] == ["0", "1", "2", "3"]
    assert {row["state"] for row in table} == {"finished"}
    values = [float(row["val_loss"]) for row in table]
    assert f"best: trial {np.argmin(values)}, val_loss {min(values):.5g}" in out
    assert re.search(r"holdout  [\d.]+ \([\d.]+ to [\d.]+\)", out)
    for row in table:   # each is a run like any other
        run = hg.load(f"s/trials/{int(row['trial']):04}")
        assert run.encode("x.npy").shape == (64, int(row["model.dim"]))
        settings = run.folder.settings.read_text()
        lr = re.search(r"^lr = ([\d.e-]+)$", settings, re.M)[1]
        assert float(lr) == pytest.approx(float(row["lr"]), rel=1e-3)
        history = run.history["val_loss"]
        assert float(row["val_loss"]) == min(history)
    page = Path("s/study.html").read_text()
    assert page.count("<img") >= 6 and 'src="http' not in page and "Best 4 trials" in page
    splits = json.loads(Path("s/splits.json").read_text())
    assert [v["split"] for v in splits[0]["values"]] == ["train", "val", "test", "holdout"]
    of_val = next(v["value"] for v in splits[0]["values"] if v["split"] == "val")
    assert of_val == pytest.approx(min(values), rel=1e-5), "the same as validation measured"
    both = Study("s").ensemble(how="uniform", out="both", report=False)
    assert both.encode("x.npy").shape == (64, sum(int(row["model.dim"]) for row in table))


def test_a_study_goes_on_and_its_settings_stay(data, hourglass):
    command = f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 2 --workers 2 --out s"
    assert hourglass(command)[0] == 0
    before = rows("s")
    code, _, err = hourglass("search s --trials 4 --workers 2")
    assert code == 0 and "4 of 4 trials" in err, err
    assert rows("s")[:2] == before and len(rows("s")) == 4
    assert hourglass(command)[::2] == (2, "reading x.npy ...\nhourglass: s is a study already. To "
                                          "continue it: hourglass search s\n")
    for flags in ("--lr 0.1", "--out t", "--metric mse", "--limit 'parameters <= 9'"):
        code, _, err = hourglass(f"search s {flags}")
        assert code == 2 and "cannot change" in err.splitlines()[-1], flags
    np.save("x.npy", 255 - stripes(64))
    code, _, err = hourglass("search s --trials 6")
    assert code == 2 and "has changed since s was begun" in err


def test_known_configurations_are_not_trained_again(data, hourglass):
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..4}})' {TINY} --trials 9 --out s "
                             f"--prune none")
    assert code == 0 and "all 3 configurations of the space have been tried" in err, err
    table = rows("s")
    trained = [row for row in table if row["state"] == "finished"]
    assert sorted(row["model.dim"] for row in trained) == ["2", "3", "4"]
    assert len(list(Path("s/trials").glob("*/model.safetensors"))) == 3
    assert {row["state"] for row in table} <= {"finished", "duplicate"}


def test_models_over_a_limit_are_not_trained(data, hourglass):
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 2 --out s "
                             f"--limit 'parameters <= 2000' --metric 'mse,parameters'")
    assert code == 0, err
    table = rows("s")
    trained = [row for row in table if row["state"] == "finished"]
    assert len(trained) == 2
    assert all(float(row["parameters"]) <= 2000 for row in trained)
    for row in table:
        if row["state"] == "refused":
            assert "the limit is parameters <= 2000" in row["why"] and not row["val_mse"]
            assert not Path(f"s/trials/{int(row['trial']):04}").exists()
    assert {row["state"] for row in table} <= {"finished", "refused", "duplicate"}
    front = Study("s").front
    assert {t.values["parameters"] for t in front} <= {float(r["parameters"]) for r in trained}


def test_a_failing_trial_says_why_and_the_others_go_on(data, hourglass):
    code, _, err = hourglass(f"search x.npy --lr '{{1e-3|1e30}}' {TINY} --trials 2 --out s")
    assert code == 0, err
    table = {row["lr"]: row for row in rows("s") if row["state"] != "duplicate"}
    assert {lr: row["state"] for lr, row in table.items()} == {"1e-3": "finished",
                                                               "1e30": "failed"}
    assert "the loss is not finite" in table["1e30"]["why"]
    assert "Failures" in Path("s/study.html").read_text()


def test_a_search_in_which_all_trials_fail_ends_after_ten(data, hourglass):
    code, out, err = hourglass(f"search x.npy --lr '{{1e14..1e15}}' {TINY} --trials 40 --out s")
    assert code == 2 and len(rows("s")) == 10, out + err
    assert "the last 10 trials failed (the loss is not finite" in err


@pytest.fixture
def begun(data, hourglass):
    """The folder of a study with one trial."""
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..6}})' {TINY} --trials 1 --metric mse "
                             f"--prune median --out s")
    assert code == 0, err
    return Path("s")


def test_a_damaged_study_is_refused_in_one_line(begun, hourglass):
    mark, journal = begun / "study.toml", begun / "journal.log"
    text, lines = mark.read_text(), journal.read_bytes()
    for old, new, words in [
            ("trials = 1", 'trials = "ten"', "trials is 'ten', but must be a whole number"),
            ('metric = "val_mse"', "metric = 3", "metric is 3, but must be a text"),
            ("plugins = []", "plugins = 3", "plugins is 3, but must be a list of texts"),
            ('"median"', '"later"', "study.toml: --prune is one of"),
            ("trials = 1", "ahead = 1", "has the option 'ahead', which this version"),
            ('"val_mse"', '"val_mse,parameters"', "was begun with 1 objective")]:
        assert old in text
        mark.write_text(text.replace(old, new, 1))
        code, _, err = hourglass("search s")
        assert code == 2 and words in err.splitlines()[-1], err
    mark.write_text(text)
    for damage in (b"garbage\n", b"\xff\xfe\n"):
        journal.write_bytes(lines + damage)
        code, _, err = hourglass("search s --trials 2")
        assert code == 2 and "journal.log is damaged" in err.splitlines()[-1], err
    journal.write_bytes(lines)
    (begun / "trials").rename("elsewhere")
    code, _, err = hourglass("search s --trials 2")
    assert code == 2 and "has lost its folder trials" in err
    Path("elsewhere").rename(begun / "trials")
    mark.unlink()   # its folder of images is no data
    code, _, err = hourglass("search s --trials 2")
    assert code == 2 and "is a study without its study.toml" in err
    code, _, err = hourglass("search s/trials/0000")
    assert code == 2 and "s/trials/0000 is a run" in err


def test_a_study_takes_its_own_options_and_no_others(begun, hourglass):
    for flags, words in [("--prune asha", "--prune cannot change"),
                         ("--metric parameters", "--metric cannot change"),
                         ("--metric mse --prune median --trials 1", "")]:
        code, _, err = hourglass(f"search s {flags}")
        assert code == (2 if words else 0) and words in err, err
    with pytest.raises(ValueError, match="leave out y"):
        hg.search("s", y=[1], quiet=True)


def test_a_study_may_be_named_like_the_data_that_it_searches(data, hourglass):
    code, _, err = hourglass("search digits --lr '{1e-3|1e-2}' --backbone mlp(8) --epochs 1 "
                               "--trials 2 --out digits")
    assert code == 0 and "failed" not in {row["state"] for row in rows("digits")}, err
    code, _, err = hourglass("search digits")
    assert code == 0 and "trials so far" in err, err


def test_a_search_by_auroc_keeps_half_of_the_abnormal_samples_for_its_end(data, hourglass):
    y = np.arange(64) % 2
    x = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32) + 0.7 * y[:, None]
    np.savez("xy.npz", x=x, y=y)
    code, _, err = hourglass(f"search xy.npz --only 0 --model 'ae({{2|3}})' {TINY} --trials 2 "
                               f"--metric auroc --out s")
    assert code == 0, err
    best = Study("s").best
    model = hg.load(best.folder)
    source = Trained(open_run(best.folder)).source()
    test = source.splits["test"]
    odd = [int(row) for row in test.index if y[row] == 1]
    for split, half in (("val", odd[0::2]), ("holdout", odd[1::2])):
        normal = source.splits[split].index.tolist()
        scores = model.score(x[[*normal, *half]])
        expected = roc_auc_score([0] * len(normal) + [1] * len(half), scores)
        value = next(v.value for v in Study("s").splits.values if v.split == split)
        assert value == pytest.approx(expected)
    assert best.value == max(float(row["auroc"]) for row in rows("s") if row["auroc"])
    code, _, err = hourglass(f"search xy.npz --model 'ae({{2|3}})' {TINY} --metric auroc --out t")
    assert code == 2 and "pass --only with the normal classes" in err


def test_bad_trials_are_pruned_and_the_last_epoch_is_not(data, hourglass):
    flags = TINY.replace("--epochs 2", "--epochs 9 --stop none")
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..30}})' --lr '{{1e-6..1e-1}}' {flags} "
                             f"--trials 8 --out s")
    assert code == 0, err
    table = rows("s")
    pruned = [row for row in table if row["state"] == "pruned"]
    assert pruned and all(int(row["epochs"]) < 9 for row in pruned)
    assert all(row["epochs"] == "9" for row in table if row["state"] == "finished")
    assert "stopped early" in Path("s/study.html").read_text()


def test_a_time_limit_ends_trials_and_the_splits_are_evaluated(data, hourglass):
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s")
    assert code == 0, err
    Path("s/splits.json").unlink()
    asked = Path("s/study.toml").read_text()
    Path("s/study.toml").write_text(asked.replace('epochs = "2"', 'epochs = "90000"'))
    code, _, err = hourglass("search s --trials 2 --minutes 0.05")
    assert code == 0 and "the time limit of 0.05 minutes is reached" in err, err
    assert "1 trial has not ended. To resume them: hourglass search s" in err
    assert [row["state"] for row in rows("s")] == ["finished", "running"]
    assert Path("s/splits.json").is_file()


def test_the_same_seed_has_the_same_trials(data, hourglass):
    for out in ("a", "b"):
        code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 2 "
                                 f"--seed 5 --out {out}")
        assert code == 0, err
    same = ("trial", "state", "val_loss", "model.dim")
    assert [[r[n] for n in same] for r in rows("a")] == [[r[n] for n in same] for r in rows("b")]


@pytest.mark.parametrize("flags, words", [
    ("--model 'ae({4-64})'", "write {4..64}"), ("--model 'ae({})'", "empty hole"),
    ("--model 'ae({2..4})' --metric val_mes", "did you mean 'val_mse'"),
    ("--model 'ae({2..4})' --limit 'parameters <= 5'", "breaks --limit"),
    ("--model 'ae({2..4})' --metric mse,bce,kl", "one or two"),
    ("--model 'ae({2..4})' --val 0", "pass --val 0.1"),
    ("--model 'aee({2..4})'", "did you mean 'ae'"), ("--val '{0.1..0.2}'", "must be the same"),
    ("--model 'ae({2..4})' --prune soon", "--prune is one of"),
    ("--backbone 'mlp({8..9000000000})'", "Narrow the space"),
    ("--batch-size 32 33 34", "put them in quotes: --batch-size '{32..34}'"),
    ("--model 'ae({2..4})' --storage nonsense://x", "--storage nonsense://x cannot be used"),
    ("--model 'ae({2..4})' --metric mse,val_mse", "two different"),
    ("--model 'ae({2..4})' --metric linear_accuracy", "it needs two classes of 5"),
    ("--model 'ae({2..4})' --minutes inf", "--minutes must be a finite number"),
    ("--model 'ae({2..4})' --target nan", "--target must be a finite number"),
    ("--model 'ae({2..4})' --device cuda:99", "no device 'cuda:99'")])
def test_a_wrong_search_is_refused_in_one_line(data, hourglass, flags, words):
    plain = flags if "--val" in flags else f"{flags} --val 0.2"
    code, _, err = hourglass(f"search x.npy {plain} --out s")
    assert code == 2 and words in err.splitlines()[-1], err
    assert err.splitlines()[-1].startswith("hourglass: ")
    assert not Path("s/study.toml").exists()


def test_without_optuna_a_search_names_the_extra(data, hourglass, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, err = hourglass("search x.npy --model 'ae({2..4})'")
    assert code == 2 and "pip install 'hourglass[search]'" in err.splitlines()[-1]


# killed

LONG = ("--backbone mlp(8) --epochs 40 --stop none --batch-size 4 --precision 32-true --val 0.2 "
        "--prune none")


def searching(*words: str) -> int:
    """The command in a process of its own, whose number is returned."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    from hourglass.__main__ import main
    said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 2)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)   # not those of the tests
    sys.argv = ["hourglass", *words]
    try:
        main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    os._exit(70)


def children_of(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def exit_code_of(process: int) -> int:
    """The exit code of a command in a process of its own, which has minutes to end."""
    for _ in range(9000):
        if (ended := os.waitpid(process, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(ended[1])
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return pytest.fail(f"{process} did not end: {Path('said.txt').read_text()}")


def wait_for(path: Path, process: int, words: str = "") -> None:
    """Until a process has written a file, with these words in it."""
    for _ in range(6000):
        if path.exists() and (not words or words in path.read_text()):
            return
        assert os.waitpid(process, os.WNOHANG) == (0, 0), Path("said.txt").read_text()
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    pytest.fail(f"{path} did not appear")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("whom", ["searcher", "trial", "both", "interrupted"])
def test_a_kill_loses_no_trial_and_trains_none_twice(data, hourglass, whom, monkeypatch):
    monkeypatch.setattr(train, "SHORTEST", 0.1)   # seconds between checkpoints
    words = f"search x.npy --model ae({{2..3}}) {LONG} --out s".split()
    process = searching(*words)
    wait_for(Path("s/trials/0000/checkpoint.safetensors"), process)
    trial = children_of(process)
    assert trial
    if whom in ("searcher", "both"):
        os.kill(process, signal.SIGKILL)
    if whom == "interrupted":
        os.kill(process, signal.SIGINT)
    if whom in ("trial", "both"):
        os.kill(trial[0], signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if whom == "interrupted":
        assert os.waitstatus_to_exitcode(status) == 130
        assert "To continue: hourglass search s" in Path("said.txt").read_text()
    if whom != "trial":   # whoever comes next goes on
        assert "ended" not in json.loads(Path("s/trials/0000/run.json").read_text())
        code, _, err = hourglass("search s")
        assert code == 0 and "trial 0 is resumed from its checkpoint" in err, err
    else:
        assert "was killed (exit code -9); it is resumed" in Path("said.txt").read_text()
    table = rows("s")
    trained = [row for row in table if row["state"] == "finished"]
    assert sorted(row["model.dim"] for row in trained) == ["2", "3"]
    assert set(told("s").values()) == {1} and len(told("s")) == len(table)
    hg.train("x.npy", model=f"ae({table[0]['model.dim']})", backbone="mlp(8)", epochs=40,
             stop="none", batch_size=4, precision="32-true", val=0.2, holdout=0.1, report=False,
             quiet=True, out="apart")   # as if nobody had been killed
    a, b = (load_file(f"{run}/model.safetensors") for run in ("s/trials/0000", "apart"))
    assert all((a[name] == b[name]).all() for name in a)
    history = hg.load("apart").history["val_loss"]
    assert float(table[0]["val_loss"]) == min(history)


def test_two_commands_share_a_study(data, hourglass):
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s")
    assert code == 0, err
    both = [searching("search", "s", "--trials", "7") for _ in range(2)]
    for process in both:
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, Path(
            "said.txt").read_text()
    table = [row for row in rows("s") if row["state"] != "duplicate"]
    assert len(table) == 7 and all(row["state"] in ("finished", "pruned") for row in table)
    assert set(told("s").values()) == {1}


def test_a_duplicate_whose_search_was_killed_is_not_trained(data, hourglass):
    command = f"search x.npy --model 'ae({{2..4}})' {TINY} --trials 9 --prune none --out s"
    assert hourglass(command)[0] == 0
    journal = Path("s/journal.log").read_text().splitlines(keepends=True)
    if not any(row["state"] == "duplicate" for row in rows("s")):
        pytest.skip("this seed proposed no configuration twice")
    number = next(row["trial"] for row in rows("s") if row["state"] == "duplicate")
    end = next(i for i, line in enumerate(map(json.loads, journal)) if line["op_code"] == 6
               and str(line["trial_id"]) == number)
    Path("s/journal.log").write_text("".join(journal[:end]))   # killed just before that line
    for path in Path("s/trials").iterdir():   # of trials that came later
        if int(path.stem) > int(number):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, _, err = hourglass("search s")
    assert code == 0, err
    assert rows("s")[int(number)]["state"] == "duplicate"
    assert not Path(f"s/trials/{int(number):04}").exists()


def test_a_search_that_is_killed_while_it_proposes_proposes_the_same(data, hourglass):
    command = (f"search x.npy --model 'ae({{2..60}})' --lr '{{1e-3..1e-1}}' --backbone "
               f"'mlp({{4..16}})' {TINY.replace('--backbone mlp(8) ', '')} --trials 3 --out s")
    assert hourglass(command)[0] == 0
    before, same = rows("s"), ("trial", "state", "val_loss", "model.dim", "lr", "backbone.widths")
    journal = Path("s/journal.log").read_text().splitlines(keepends=True)
    drawn = [i for i, line in enumerate(map(json.loads, journal)) if line["op_code"] == 5]
    for place in drawn[-3:]:   # just after each draw of the last trial
        Path("s/journal.log").write_text("".join(journal[:place + 1]))
        for path in Path("s/trials").glob("0002*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert hourglass("search s")[0] == 0
        assert [[row[n] for n in same] for row in rows("s")] == [
            [row[n] for n in same] for row in before]


def test_parts_of_ones_own_are_searched_and_found_again(data, hourglass):
    Path("part.py").write_text(
        "import hourglass as hg\n@hg.register('loss', 'size')\n"
        "def size(out, model, power: int = 2):\n    return out.latent.z.abs().pow(power).sum(1)\n")
    code, _, err = hourglass(f"search x.npy --plugin part.py --loss 'recon + {{0.01..0.1}} * size' "
                             f"{TINY} --trials 1 --out s")
    assert code == 0 and "val_mse" in err, err
    assert "part.py" in Path("s/study.toml").read_text()
    assert hourglass("search s --trials 2")[0] == 0 and len(rows("s")) == 2


def test_an_unfinished_line_of_the_journal_is_cut(data, hourglass):
    command = f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s"
    assert hourglass(command)[0] == 0
    with open("s/journal.log", "a") as journal:
        journal.write('{"op_code":4,"worker')   # a writer that was killed
    code, _, err = hourglass("search s --trials 2")
    assert code == 0 and len(rows("s")) >= 2, err


# from Python

def test_a_search_from_python_on_an_array(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = hg.search(stripes(64), model="ae({2..6})", backbone="mlp(8)", epochs=1, trials=2,
                      val=0.2, batch_size=16, out="s", quiet=True, metric="mse,parameters")
    assert Path("s/data.npz").is_file() and len(study.front) >= 1
    assert set(study.best.values) == {"val_mse", "parameters"}
    assert study.best.settings.model == f"ae({study.best.params['model.dim']})"
    assert study.best.model().encode(stripes(5)).shape == (5, study.best.params["model.dim"])
    assert list(study.frame["trial"]) == [0, 1] and "History" in study.figures
    assert study.splits.values[-1].split == "holdout"
    assert "val_mse" in repr(study) and "<table>" in study._repr_html_()
    assert "Study s" in study.page.html
    with pytest.raises(ValueError, match="did you mean 'val_mse'"):
        hg.search("s/data.npz", model="ae({2..6})", metric="val_msee", quiet=True)
    with pytest.raises(ValueError, match="settings cannot change"):
        hg.search("s", lr=0.1)


def test_no_folder_has_the_name_of_a_function():
    import hourglass.searching.space as space
    assert callable(hg.search) and callable(space.read_space)
    assert not {part.name for part in pkgutil.iter_modules(hg.__path__)} & {*hg.__all__}
