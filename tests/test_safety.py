"""A run folder is kept whole, and what a stranger put into one can do no harm."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, Started, stripes, train

import hourglass as hg
from hourglass.analysis.analyse import snapshot_of
from hourglass.core import files
from hourglass.core.csv_text import as_cell, as_csv, from_cell
from hourglass.core.expressions import read, read_sum
from hourglass.core.output_names import folder_name, inside
from hourglass.core.tensor_files import load_tensors, load_texts, save_tensors
from hourglass.run.folder import digest, unfinished
from hourglass.run.new_folder import begun


@pytest.fixture
def run(copied_run):
    return copied_run


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# files are whole

def full(*given, **named):
    raise OSError(28, "No space left on device", "somewhere")


def test_a_full_disk_leaves_the_settings_as_they_were(run, monkeypatch):
    before = run.settings.read_text()
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError):
        hg.resume("run", epochs=3, quiet=True, report=False)
    assert run.settings.read_text() == before
    assert not list(run.path.glob("*.part"))


def test_every_file_of_a_run_is_written_whole(tmp_path, monkeypatch, few_figures):
    """Whoever opens a file of a run for writing in any other way is found out."""
    opened = []
    real = open

    def watched(file, mode="r", *more, **named):
        if isinstance(file, str | os.PathLike) and set(mode) & set("wax+"):
            opened.append(str(file))
        return real(file, mode, *more, **named)
    monkeypatch.setattr("builtins.open", watched)
    monkeypatch.setattr("io.open", watched)
    monkeypatch.chdir(tmp_path)
    hg.train(stripes(), out="run", **TINY)
    hg.resume("run", data=stripes(), epochs=3, quiet=True)
    assert not [name for name in opened if "run/" in name], opened


def test_a_half_written_part_of_a_killed_process_is_removed_an_hour_later(run):
    old, new = (run.path / f"model.safetensors.{n}.part" for n in ("1a", "2b"))
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    run.lock().close()
    assert not old.exists() and new.exists()


@pytest.mark.parametrize("text", ["", "model = 3\ndata = 4\n", "model = [[[", "\xff"])
@pytest.mark.parametrize("command", ["report run", "embed run x.npy -o z.csv", "score run x.npy",
                                     "train run --resume --epochs 3", "generate run -o a.png",
                                     "compare run run2 -o c.html"])
def test_damaged_settings_are_refused_by_every_command(command, text, run, hourglass):
    np.save("x.npy", stripes())
    shutil.copytree("run", "run2")
    run.settings.write_bytes(text.encode("latin-1"))
    code, _, err = hourglass(command)
    assert code == 2 and "settings.toml" in err and err.count("\n") <= 2, err


# a run says what it is

def test_a_missing_checkpoint_is_refused_and_nothing_is_overwritten(run, hourglass):
    run.checkpoint.unlink()
    before = content(run.path)
    code, _, err = hourglass("train run --resume --epochs 5")
    assert code == 2 and "no checkpoint" in err and "--from run" in err
    assert content(run.path) == {**before, "run/lock": b""}


def stop_early(epochs: int) -> None:
    """Resume the run, and leave it as a process that is killed does."""
    from hourglass.run.folder import open_run
    from hourglass.training.setup import resume
    from hourglass.training.train import run as run_training
    training = resume(open_run("run"), {"epochs": 9, "lr": 0.05})
    for progress in run_training(training):
        if progress.row and progress.epoch == epochs:
            break


def test_a_report_after_a_killed_resume_is_of_the_weights_that_there_are(run):
    before = snapshot_of(run)
    stop_early(5)
    after = snapshot_of(run)
    assert after.weights == digest(run) != before.weights
    x = after.x
    np.testing.assert_allclose(after.recon, hg.load("run").reconstruct(x), atol=3e-3)
    assert len(after.history) == run.read_record()["epochs"] >= 4


def test_a_run_that_was_killed_is_named_where_it_is_compared(run, hourglass, few_figures):
    shutil.copytree("run", "other")
    assert unfinished(run, run.read_record()) == ""
    stop_early(4)
    assert "was resumed and stopped" in unfinished(run, run.read_record())
    code, _, err = hourglass("compare run other -o c.html")
    assert code == 0 and "not on equal terms" in err
    assert "stopped after" in Path("c.html").read_text()


def test_a_flipped_bit_in_the_weights_is_noticed(run, hourglass):
    raw = bytearray(run.model.read_bytes())
    raw[-9] ^= 1
    run.model.write_bytes(raw)
    code, _, err = hourglass("generate run -o a.png")
    assert code == 2 and "checksum" in err and "model.safetensors" in err


@pytest.mark.parametrize("command", ["report run", "compare run other -o c.html"])
def test_of_a_run_as_it_was_written_no_change_is_said(command, run, hourglass, few_figures):
    shutil.copytree("run", "other")
    assert "changed" not in hourglass(command)[2]


@pytest.mark.parametrize("name, old, new", [
    ("settings.toml", "batch_size = 16", "batch_size = 17"), ("history.csv", "\n1,", "\n1,1"),
    ("run.json", '"steps": ', '"steps": 1')])
@pytest.mark.parametrize("command", ["report run", "compare run other -o c.html"])
def test_a_changed_digit_in_a_text_of_a_run_is_said(command, name, old, new, run, hourglass,
                                                    few_figures):
    shutil.copytree("run", "other")
    text = (run.path / name).read_text()
    assert old in text
    (run.path / name).write_text(text.replace(old, new, 1))
    code, _, err = hourglass(command)
    assert code == 0 and f"run/{name}" in err and "changed" in err


def test_settings_that_a_person_edits_are_used_and_said(run, hourglass):
    text = run.settings.read_text()
    run.settings.write_text(text.replace("tensorboard = false", "tensorboard = true"))
    code, _, err = hourglass("train run --resume --epochs 3 --no-report")
    assert code == 0 and "settings.toml has changed since it was written" in err
    assert "tensorboard = true" in run.settings.read_text()
    assert "has changed" not in hourglass("embed run -o z.csv")[2]   # written anew


@pytest.mark.parametrize("name", ["detectors/usual.json", "detectors/chosen.json"])
def test_a_changed_digit_in_a_detector_is_not_used(name, run, hourglass):
    np.save("x.npy", stripes())
    chosen = " --detector knn(2)" if "chosen" in name else ""
    assert hourglass(f"score run x.npy -o a.csv{chosen}")[0] in (0, 1)
    text = (run.path / name).read_text()
    key = "above" if "chosen" in name else "detector"
    (run.path / name).write_text(text.replace(f'"{key}": ', f'"{key}": 1', 1).replace('1"', '"1'))
    code, _, err = hourglass("score run x.npy -o b.csv")
    if "chosen" in name:
        assert code == 2 and "chosen.json is damaged" in err
    else:
        assert code in (0, 1) and Path("a.csv").read_text() == Path("b.csv").read_text()


@pytest.mark.parametrize("other", [{"seed": 3}, {"optimiser": "sgd"}, {"model": "ae(3)"},
                                   {"backbone": "conv((4,))"}])
def test_the_checkpoint_of_another_run_is_refused(other, run, hourglass, few_figures):
    hg.train(stripes(), out="other", report=False, **{**TINY, **other})
    shutil.copy("other/checkpoint.safetensors", "run/checkpoint.safetensors")
    before = content(run.path)
    code, _, err = hourglass("train run --resume --epochs 4")
    assert code == 2 and "not of the same run" in err and err.count("\n") <= 3
    (run.path / "history.csv").unlink()
    code, _, err = hourglass("train run --resume --epochs 4")
    if "seed" not in other:   # which fits, and only the history tells it
        assert code == 2 and "another run's, or damaged" in err
        assert {**content(run.path), "run/history.csv": b""} == {
            **before, "run/history.csv": b"", "run/lock": b""}


def test_tensors_and_texts_come_back_and_files_without_a_checksum_too(tmp_path):
    from safetensors.torch import save_file
    held = {"b": torch.randn(3, 4), "a": torch.arange(5)}
    save_tensors(tmp_path / "x", held, {"t": "é"})
    again, texts = load_tensors(tmp_path / "x")
    assert texts == {"t": "é"} and all(torch.equal(again[k], held[k]) for k in held)
    save_tensors(tmp_path / "y", held, {"t": "é"})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert load_texts(tmp_path / "x")["t"] == "é"
    save_file(held, tmp_path / "old", {"t": "é"})
    assert load_tensors(tmp_path / "old")[1] == {"t": "é"}


def test_weights_that_were_read_do_not_change_with_their_file(run):
    model = hg.load("run")
    codes = model.encode(stripes())
    os.truncate(run.model, 100)   # a mapped file would now end this process
    assert np.array_equal(model.encode(stripes()), codes)


# what strangers put there

def test_a_description_may_not_name_a_path_to_write(run):
    weights, texts = load_tensors(run.model)
    about = json.loads(texts["hourglass"])
    about["reading"]["store"] = str(Path("stolen/there.npy").resolve())
    save_tensors(run.model, weights, {"hourglass": json.dumps(about)})
    hg.load("run").reconstruct(stripes())
    Path("photos").mkdir()
    from PIL import Image
    Image.fromarray(stripes(1)[0]).save("photos/a.png")
    hg.load("run").encode("photos")
    assert not Path("stolen").exists()


@pytest.mark.parametrize("change", [
    {"shape": [2**40]}, {"shape": []}, {"shape": "wide"}, {"parts": []}, {"classes": 3},
    {"reading": None}, {"scale": "x"}, {"encoding": 4}])
def test_a_description_of_the_wrong_kind_is_refused(change, run, hourglass):
    weights, texts = load_tensors(run.model)
    save_tensors(run.model, weights,
                 {"hourglass": json.dumps({**json.loads(texts["hourglass"]), **change})})
    code, _, err = hourglass("generate run -o a.png")
    assert code == 2 and "does not describe a model" in err


def test_a_link_in_place_of_the_lock_is_refused_and_its_target_kept(run, hourglass):
    Path("mine.txt").write_text("mine")
    (run.path / "lock").unlink(missing_ok=True)
    (run.path / "lock").symlink_to(Path("mine.txt").resolve())
    code, _, err = hourglass("train run --resume --epochs 3")
    assert code == 2 and "lock" in err and Path("mine.txt").read_text() == "mine"


def test_links_in_place_of_files_are_replaced_and_their_targets_kept(run, few_figures):
    names = ("settings.toml", "run.json", "model.safetensors", "history.csv", "report.html",
             "snapshot.npz", "checkpoint.safetensors")
    Path("mine").mkdir()
    for name in names:
        target = (run.path / name).rename(Path("mine") / name)
        (run.path / name).symlink_to(target.resolve())
    before = content(Path("mine"))
    hg.resume("run", epochs=3, quiet=True)
    assert content(Path("mine")) == before
    assert not [name for name in names if (run.path / name).is_symlink()]


@pytest.mark.parametrize("folder", ["figures", "frames", "priors"])
def test_a_folder_that_is_a_link_is_refused_and_nothing_there_changes(folder, run, hourglass,
                                                                      few_figures):
    Path("album").mkdir()
    Path("album/curves.png").write_text("a holiday")
    shutil.rmtree(run.path / folder, ignore_errors=True)
    (run.path / folder).symlink_to(Path("album").resolve())
    before = content(Path("album"))
    hourglass("report run --priors mixture(2)")
    hourglass("train run --resume --epochs 3")
    assert content(Path("album")) == before


def test_pictures_that_others_put_beside_the_figures_stay(run, few_figures):
    (run.figures / "my notes.png").write_text("mine")
    hg.report("run")
    assert (run.figures / "my notes.png").read_text() == "mine"


@pytest.mark.parametrize("name", ["../a.png", "/abs/a.png", "a/../../b.png", "..", "",
                                  "c:\\a.png", "a\0.png"])
def test_no_name_leads_out_of_the_folder_that_is_written_to(name):
    with pytest.raises(ValueError, match="outside the output folder"):
        inside(name)


@pytest.mark.parametrize("name", ["..", ".", "../..", "a/b", "", "\\", "con:"])
def test_a_class_is_one_folder_whatever_its_name(name):
    made = Path("out") / folder_name(name)
    assert len(made.parts) == 2 and ".." not in made.parts


def test_names_in_a_manifest_do_not_lead_out_of_the_output_folder(run, here, hourglass):
    assert hourglass("data prepare photos -o p.npy --size 10 --grey")[0] == 0
    held = json.loads(Path("p.npy.json").read_text())
    held["collection"]["names"][0] = "../../stolen.png"
    Path("p.npy.json").write_text(json.dumps(held))
    code, _, err = hourglass("reconstruct run p.npy -o out")
    assert code == 2 and "outside the output folder" in err
    assert not list(here.parent.glob("stolen*"))


DEEP = 100_000


@pytest.mark.parametrize("text", [
    "-" * 900 + "1 * recon", " + ".join(["recon"] * 1500), "recon" + " - kl" * 1500,
    "(" * 500 + "recon" + ")" * 500, f"{'9' * 400} * recon", f"recon + kl(free_bits={'9' * 400})",
    f"kl(free_bits={'(' * 300}1{')' * 300})", "kl(free_bits=1e999)"])
def test_formulas_that_are_too_deep_or_too_large_are_refused_in_a_line(text):
    with pytest.raises(ValueError) as told:
        read_sum(text)
        read(text)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("name, text", [
    ("run.json", "[" * DEEP), ("run.json", "{}"), ("run.json", "[]"), ("run.json", "nonsense"),
    ("run.json", '{"environment": 3, "data": {}, "parameters": {}}'),
    ("settings.toml", "a = " + "[" * DEEP), ("settings.toml", f"epochs = {'9' * 400}"),
    ("history.csv", "epoch\n1,2,3\n"), ("history.csv", "epoch\n" + "9" * 200_000),
    ("run.json", '{"environment": {}, "data": {}, "parameters": {"whole": 1}, "metrics": [1]}')])
@pytest.mark.parametrize("command", ["report run", "train run --resume --epochs 3"])
def test_what_is_deep_or_of_the_wrong_kind_is_refused(name, text, command, run, hourglass,
                                                      few_figures):
    (run.path / name).write_text(text)
    code, _, err = hourglass(command)
    assert code in (0, 2) and (code == 2 or name == "history.csv"), err
    assert err.count("\n") < 40 and "Traceback" not in err
    if name == "history.csv" and command.startswith("report"):
        assert "history.csv is damaged" in err
    elif name == "history.csv":   # the checkpoint has it too, so that it is whole again
        assert [row["epoch"] for row in run.read_history()] == [1, 2, 3]


@pytest.mark.parametrize("name", ["model.safetensors", "run.json", "settings.toml",
                                  "checkpoint.safetensors", "history.csv", "snapshot.npz"])
def test_a_pipe_in_place_of_a_file_does_not_hang(name, run):
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    code, err = Started("report", "run").end(0)   # which kills it after some minutes
    assert code in (0, 2) and "Traceback" not in err, err


def test_the_next_run_gets_a_number_whatever_else_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("²", "٣", "7", "x"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    with begun(None) as folder:
        assert folder.path == Path("runs/8")


@pytest.mark.parametrize("model", ["ae(1099511627776)", "ae(4611686018427387904)"])
def test_a_model_that_no_memory_holds_is_refused_before_it_is_made(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"too large|Make its layers"):
        train(stripes(), out="run", **{**TINY, "model": model})
    assert not Path("run").exists()


# cells

@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/c calc'!A0", "-2+3", "@SUM(A1)", "\tx", "'=a",
                                  "''=a", "plain", "'quoted'", "", "-1.5", "+3e4", "=", "'"])
def test_a_cell_is_not_run_by_a_spreadsheet_and_comes_back(text):
    cell = as_cell(text)
    assert from_cell(cell) == text
    number = text.lstrip("+-").replace(".", "").replace("e", "").isdigit()
    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_are_written_as_they_are():
    assert as_csv(["a", "=b"], [(-1.5, "=x"), (3, "-2")]) == "a,'=b\n-1.5,'=x\n3,-2\n"


def test_a_table_is_written_safely_and_read_as_it_was(tmp_path):
    import pandas as pd

    from hourglass.data.data_frames import read_frame
    from hourglass.tasks.tables import save_table
    frame = pd.DataFrame({"a": ["=1+1", "plain", None], "b": [-1.5, 2.0, 3.0],
                          "c": ["@x", "-2", "'quoted'"]})
    save_table(tmp_path / "t.csv", frame)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "a,b,c", "'=1+1,-1.5,'@x", "plain,2.0,-2", ",3.0,'quoted'"]
    again = read_frame(tmp_path / "t.csv")
    assert again["a"].dropna().tolist() == ["=1+1", "plain"] and again["a"].isna().sum() == 1
    assert again["c"].tolist() == ["@x", "-2", "'quoted'"] and again["b"].tolist() == [-1.5, 2, 3]


@pytest.mark.parametrize("cells, count", [(["'=1", "'@x", "'fine'"], 2), (["a", "b", "c"], 0)])
def test_an_apostrophe_that_is_left_out_of_anybodys_table_is_said(cells, count, tmp_path):
    from hourglass.data.data_frames import notes_of, read_frame
    (tmp_path / "theirs.csv").write_text(
        "a,b\n" + "".join(f"{cell},{i}.5\n" for i, cell in enumerate(cells)))
    frame = read_frame(tmp_path / "theirs.csv")
    assert frame["a"].tolist() == [cell.removeprefix("'") if i < count else cell
                                   for i, cell in enumerate(cells)]
    said = [note for note in notes_of(frame) if "apostrophe" in note]
    assert len(said) == (count > 0) and all(f"{count} cells" in note for note in said)


def test_a_parquet_file_keeps_its_apostrophes(tmp_path):
    import pandas as pd

    from hourglass.data.data_frames import read_frame
    pd.DataFrame({"a": ["'=1", "b"], "b": [1.5, 2.5]}).to_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet")["a"].tolist() == ["'=1", "b"]


@pytest.mark.parametrize("name, command", [
    ("settings.toml", "summary run"), ("settings.toml", "report run"), ("run.json", "report run"),
    ("settings.toml", "train run --epochs 1"), ("run.json", "train run --epochs 1")])
def test_a_run_that_lost_a_file_is_not_read_as_a_folder_of_images(command, name, run, hourglass):
    (run.path / name).unlink()
    code, out, err = hourglass(command)
    assert code == 2 and err.count("\n") <= 3, out + err


def test_the_table_of_promises_names_tests_that_there_are():
    tests = Path(__file__).parent
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", (tests.parent / "docs/safety.md").read_text())
    assert len(named) > 50
    for file, name in named:
        assert f"def {name}(" in (tests / file).read_text(), f"{file}::{name}"


def test_the_costs_of_a_run_with_empty_settings_are_not_those_of_the_defaults(tmp_path, hourglass):
    run = tmp_path / "run"
    hg.train("digits", model="ae(2)", backbone="mlp(8)", epochs=1, out=run, report=False,
             quiet=True)
    (run / "settings.toml").write_text("")
    code, out, err = hourglass(f"summary {run}")
    assert code == 2 and "empty or damaged" in err and not out
    with pytest.raises(ValueError, match="empty or damaged"):
        hg.summary(run)
