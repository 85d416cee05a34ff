"""Files of strangers next to data and in runs: pipes, links, bombs, wrong kinds, stale files."""

import io
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, stripes
from PIL import Image

import hourglass as hg
from hourglass.core.tensor_files import load_tensors, save_tensors
from hourglass.data.decoded_cache import load_manifest
from hourglass.run.folder import open_run
from hourglass.tasks.hub import write_package
from hourglass.tasks.score_series import read_spans
from hourglass.tasks.single_file import open_file, save_file
from hourglass.tasks.table_model import KEPT, read_files
from hourglass.training.preview_frames import animate
from hourglass.training.setup import resume
from hourglass.training.train import run as run_training

DEEP = "[" * 100_000


@pytest.fixture
def run(copied_run):
    return copied_run


# beside data

def manifest(**changes) -> str:
    kept = json.loads(Path("p.npy.json").read_text())
    kept["collection"] |= changes.pop("collection", {})
    return json.dumps(kept | changes)


@pytest.mark.parametrize("changes", [
    {"done": "many"}, {"total": None}, {"reading": []}, {"source": 3}, {"unknown": 1},
    {"collection": {"names": ["a"]}}, {"collection": {"y": [7] * 40}},
    {"collection": {"parts": {"train": [10**9]}}}, {"collection": {"classes": 3}},
    {"collection": {"y": [10**400]}}, {"collection": {"names": None}}])
def test_a_manifest_of_wrong_kinds_is_refused_in_a_line(changes, here, hourglass):
    assert hourglass("data prepare photos -o p.npy --size 10 --grey")[0] == 0
    Path("p.npy.json").write_text(manifest(**changes))
    for command in ("data show p.npy -o s.png", "train p.npy --epochs 1 --out new"):
        code, out, err = hourglass(command)
        assert code == 2 and "p.npy" in err and "Traceback" not in err, out + err
    assert not Path("new").exists()


def test_a_manifest_cannot_make_a_command_walk_the_disk(here, hourglass):
    assert hourglass("data prepare photos -o p.npy --size 10 --grey")[0] == 0
    far = here / "far"
    far.mkdir()
    for number in range(10_401):   # ten times as many as the 40 photos and 1,000 more
        far.joinpath(f"{number}.txt").touch()
    for source in ("/", str(far)):
        Path("p.npy.json").write_text(manifest(source=source))
        code, out, err = hourglass("data show p.npy -o s.png")
        assert code == 0 and f"cannot be compared with {source}, from which" in out, out + err
    assert "holds more than 10,400 files" in out   # of "/" it may be a folder that is not ours


@pytest.mark.parametrize("text", [DEEP, "", "[]", "3", "\0"])
def test_a_manifest_that_is_none_is_refused_in_a_line(text, here):
    np.save("p.npy", stripes())
    Path("p.npy.json").write_text(text)
    with pytest.raises(ValueError, match=r"p\.npy\.json cannot be read"):
        load_manifest(Path("p.npy"))


def test_a_pipe_in_place_of_a_manifest_does_not_hang(here):
    np.save("p.npy", stripes())
    os.mkfifo("p.npy.json")
    with pytest.raises(ValueError, match="not a regular file"):
        load_manifest(Path("p.npy"))


@pytest.mark.parametrize("source", ["photos", "images.npy"])
@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_what_is_half_prepared_is_not_written_through_a_link(trap, source, here, hourglass):
    Path("mine.txt").write_text("mine")
    Path("p.npy.part").symlink_to("mine.txt") if trap == "link" else os.mkfifo("p.npy.part")
    code, out, err = hourglass(f"data prepare {source} -o p.npy --size 10")
    assert code == 2 and "p.npy.part" in err and "Traceback" not in err, out + err
    assert Path("mine.txt").read_text() == "mine" and not Path("p.npy").exists()


@pytest.mark.parametrize("text", [DEEP, "{}", "3", "[[1]]", "\0"])
def test_a_list_of_windows_that_is_none_is_refused(text, tmp_path):
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(ValueError, match=r"is not a list|has no entry"):
        read_spans(str(tmp_path / "w.json"))


def test_a_pipe_or_nothing_in_place_of_a_list_of_windows_is_refused(tmp_path):
    os.mkfifo(tmp_path / "w.json")
    for name in ("w.json", "gone.json"):
        with pytest.raises(ValueError, match="cannot be read"):
            read_spans(str(tmp_path / name))


def test_a_pipe_in_place_of_a_series_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "s.npy")
    with pytest.raises(ValueError, match="no file"):
        hg.train(tmp_path / "s.npy", kind="series", out=tmp_path / "new")


def test_a_pipe_in_an_estimators_folder_does_not_hang(tmp_path):
    for name in KEPT[1:]:
        (tmp_path / name).write_text("")
    os.mkfifo(tmp_path / KEPT[0])
    with pytest.raises(OSError, match="not a regular file"):
        read_files(tmp_path)


# in a run's folder

def test_a_card_does_not_give_away_what_a_link_leads_to(run):
    Path("secret").write_text("secret")
    (run.figures / "codes.png").unlink()
    (run.figures / "codes.png").symlink_to(Path("secret").resolve())
    write_package(run, Path("out"), "out")
    assert not Path("out/codes.png").exists() and Path("out/samples.png").exists()
    (run.path / "history.csv").unlink()
    (run.path / "history.csv").symlink_to(Path("secret").resolve())
    save_file(run, Path("m.safetensors"))
    assert b"secret" not in Path("m.safetensors").read_bytes()


@pytest.mark.parametrize("held", [DEEP, "3", "[]", '{"settings.toml": 3}', "{}",
                                  '{"../../stolen": "x", "run.json": "{}"}'])
def test_a_model_file_with_wrong_texts_is_refused_and_writes_nothing(held, run, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("cache").resolve()))
    save_file(run, Path("m.safetensors"))
    tensors, texts = load_tensors(Path("m.safetensors"))
    save_tensors(Path("m.safetensors"), tensors, {**texts, "files": held})
    with pytest.raises(ValueError, match=r"damaged|empty|cannot be read"):
        open_run(open_file(Path("m.safetensors")).path)
    assert not list(Path().rglob("*stolen*"))


def bomb(side: int) -> bytes:
    """A square PNG of `side` white pixels a side, with a few kilobytes."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check
    head = side.to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 0))
    rows = zlib.compress(bytes(side * (side + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("damage", ["cut", "text", "bomb", "pipe", "gif", "size"])
def test_a_damaged_frame_is_left_out_of_the_film_and_said(damage, tmp_path, capsys):
    for i in range(3):
        Image.new("RGB", (40, 30), (60 * i,) * 3).save(tmp_path / f"{i}.png")
    frame = tmp_path / "1.png"
    raw, other = frame.read_bytes(), io.BytesIO()
    frame.unlink()
    Image.new("RGB", (50, 30)).save(other, "gif" if damage == "gif" else "png")
    if damage == "pipe":
        os.mkfifo(frame)
    else:
        frame.write_bytes({"cut": raw[:40], "text": b"=1+1", "bomb": bomb(10_000)}.get(
            damage, other.getvalue()))
    assert animate(tmp_path, tmp_path / "film.gif")
    assert Image.open(tmp_path / "film.gif").n_frames == 2
    assert "1 frame is damaged, such as" in capsys.readouterr().err


# what a killed run has left

def stopped(epochs: int) -> None:
    """Resume the run, and leave it as a process that is killed does."""
    training = resume(open_run("run"), {"epochs": 9, "lr": 0.05})
    for progress in run_training(training):
        if progress.row and progress.epoch == epochs:
            break


@pytest.mark.parametrize("command, out", [
    ("generate run -n 6 -o {}.png", "png"), ("score run x.npy -o {}.csv", "csv"),
    ("generate run -n 6 --prior mixture(2) -o {}.png", "png"),
    ("embed run x.npy -o {}.csv", "csv"), ("explore run -o {}.html", "html")])
def test_after_a_killed_resume_every_use_is_of_the_weights_that_there_are(command, out, run,
                                                                          hourglass):
    """As of a folder that has nothing but the weights, the settings and the checkpoint."""
    hourglass(command.format("old"))   # which keeps what it needs of the old weights
    stopped(5)
    assert hourglass(command.format("new"))[0] in (0, 1)
    for path in run.path.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("settings.toml", "run.json", "history.csv", "model.safetensors",
                               "checkpoint.safetensors"):
            path.unlink()
    assert hourglass(command.format("bare"))[0] in (0, 1)
    old, new, bare = ([line for line in Path(f"{name}.{out}").read_bytes().splitlines()
                       if b'id="decoder"' not in line]   # torch numbers what it exports
                      for name in ("old", "new", "bare"))
    assert new == bare and new != old


def test_a_run_named_by_a_superscript_is_a_run_like_any_other(tmp_path, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", stripes())
    hg.train("x.npy", out="runs/²", report=False, **TINY)
    assert hourglass("embed runs/² x.npy -o z.csv")[0] == 0
    words = "train x.npy --epochs 1 --no-report --model ae(2) --backbone mlp((8,))"
    assert hourglass(words)[0] == 0
    assert Path("runs/1/run.json").is_file()
