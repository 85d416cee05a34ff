"""What is found for a run is kept under its weights' digest: every keeper alike."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hourglass as hg
from hourglass.core.tensor_files import load_tensors
from hourglass.inference.calibration import held_of
from hourglass.inference.imputation import filler_of
from hourglass.inference.normal_step_scores import normal_steps
from hourglass.inference.run_cache import UNWRITABLE
from hourglass.inference.sample_stats import PLAIN


def images() -> np.ndarray:
    x = np.random.default_rng(0).random((48, 8, 8)).astype(np.float32)
    x[::2, :, :4] += 1
    return x / 2


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A run of images, of a table and of a series, whose data is in files."""
    there = tmp_path_factory.mktemp("kept")
    np.savez(there / "images.npz", x=images())
    rows = np.random.default_rng(1).normal(size=(60, 2))
    table = "\n".join(["a,b", *(f"{a:.3f},{a + b / 9:.3f}" for a, b in rows)])
    (there / "rows.csv").write_text(table + "\n")
    hours = [f"2024-01-{1 + i // 24:02}T{i % 24:02}:00,{np.sin(i / 3):.3f}" for i in range(240)]
    (there / "hours.csv").write_text("\n".join(["time,flow", *hours]) + "\n")
    given = {"backbone": "mlp(8)", "batch_size": 16, "epochs": 1, "quiet": True, "report": False}
    hg.train(there / "images.npz", model="vae(2)", out=there / "of images", **given)
    hg.train(there / "rows.csv", model="ae(1)", out=there / "of a table", **given)
    hg.train(there / "hours.csv", kind="series", window=8, model="ae(2)",
             out=there / "of a series", **given)
    return there


KEEPERS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {   # the run, the file, what is found
    "codes": ("of images", "codes.safetensors", lambda m: m.codes().z.numpy()),
    "priors": ("of images", "priors/kde-*.safetensors", lambda m: m.prior("kde").sample(3)[0]),
    "detectors": ("of images", "detectors/error-*.safetensors", lambda m: m.detector(
        "error").fitted.normal),
    "the usual detector": ("of images", "detectors/usual.json", lambda m: m.detector().text),
    "held-out samples": ("of images", "detectors/held.safetensors", lambda m: held_of(
        m, PLAIN).seen.error),
    "components": ("of images", "detectors/pca.safetensors", lambda m: m.pca().mean),
    "fillers": ("of a table", "imputation.safetensors", lambda m: filler_of(m).weights),
    "steps": ("of a series", "detectors/steps.safetensors", lambda m: normal_steps(m).scores),
    "evaluations": ("of images", "evaluation.json", lambda m: list(
        m.evaluate(nll=4).record["bound"])),
}
each_keeper = pytest.mark.parametrize("name", KEEPERS)


def used(name: str, runs: Path, here: Path) -> tuple[Path, str, Callable[[], Any]]:
    """A run of one's own in which nothing is kept, the file's pattern, and what finds it."""
    run, file, find = KEEPERS[name]
    shutil.copytree(runs / run, here / "run")
    for path in (here / "run").rglob("*"):
        if path.parent.name in ("priors", "detectors") or path.name.startswith(
                ("codes", "imputation", "evaluation")):
            path.unlink()
    UNWRITABLE.clear()
    return here / "run", file, lambda: find(hg.load(here / "run"))


def read_only(folder: Path, monkeypatch) -> None:
    """As on a disk that cannot be written; who runs the tests may be root, whom no mode stops."""
    def refused(done: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def do(path: Any, *given: Any, **named: Any) -> Any:
            if str(path).startswith(str(folder)) and writes(*given):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return done(path, *given, **named)
        return do
    monkeypatch.setattr(os, "open", refused(os.open, lambda flags, *_: bool(flags & os.O_CREAT)))
    monkeypatch.setattr(os, "mkdir", refused(os.mkdir, lambda *_: True))


@each_keeper
def test_what_is_found_is_kept_and_read_again(name, runs, tmp_path):
    folder, file, find = used(name, runs, tmp_path)
    first = find()
    kept = list(folder.glob(file))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    np.testing.assert_array_equal(find(), first)
    assert name == "evaluations" or kept[0].stat().st_mtime_ns == before, "it was found again"


@each_keeper
def test_a_folder_that_cannot_be_written_is_said_once(name, runs, tmp_path, monkeypatch, capsys):
    folder, file, find = used(name, runs, tmp_path)
    wanted = find()
    for path in folder.glob(file):
        path.unlink()
    read_only(folder, monkeypatch)
    for _ in range(2):
        np.testing.assert_array_equal(find(), wanted)
    assert capsys.readouterr().err.count("so results for this run are not saved") == 1
    assert not list(folder.glob(file))


@each_keeper
@pytest.mark.parametrize("damage", [b"", b"{", b"\x00" * 100, b"{}", b"null"])
def test_a_damaged_file_is_found_again(name, damage, runs, tmp_path):
    folder, file, find = used(name, runs, tmp_path)
    wanted = find()
    (path,) = folder.glob(file)
    whole = path.read_bytes()
    path.write_bytes(damage)
    np.testing.assert_array_equal(find(), wanted)
    assert len(path.read_bytes()) == len(whole) or name == "evaluations"


@each_keeper
def test_what_was_found_of_other_weights_counts_as_none(name, runs, tmp_path):
    folder, file, find = used(name, runs, tmp_path)
    wanted = find()
    (path,) = folder.glob(file)
    held, mark = path.read_bytes(), hg.load(folder).cache.weights
    other = "0" * len(mark)
    if path.suffix == ".json":
        path.write_text(held.decode().replace(mark, other))
    else:   # a checksum of another file, so that only the digest differs
        from hourglass.core.tensor_files import save_tensors
        tensors, texts = load_tensors(path)
        assert texts["model"] == mark
        save_tensors(path, {key: t * 0 for key, t in tensors.items()}, {**texts, "model": other})
    np.testing.assert_array_equal(find(), wanted)
    assert mark in path.read_bytes().decode("latin-1")


def test_a_model_that_was_trained_on_meanwhile_keeps_nothing(runs, tmp_path):
    folder, _, _ = used("codes", runs, tmp_path)
    old = hg.load(folder)
    hg.resume(folder, epochs=3, quiet=True, report=False)
    new = hg.load(folder)
    assert not old.is_current() and new.is_current()
    normal, codes = old.detector("error").fitted.normal, old.codes().z
    old.prior("kde")
    old.evaluate(nll=2)
    assert not list(folder.glob("detectors/*")) and not list(folder.glob("priors/*"))
    assert not (folder / "evaluation.json").exists()
    assert not np.array_equal(new.codes().z, codes)
    assert not np.array_equal(new.detector("error").fitted.normal, normal)


def test_detectors_of_runs_before_files_held_the_digest_are_still_used(runs, tmp_path):
    folder, file, find = used("detectors", runs, tmp_path)
    find()
    (path,) = folder.glob(file)
    from hourglass.core.tensor_files import save_tensors
    tensors, texts = load_tensors(path)
    del texts["model"]
    save_tensors(path, {**tensors, "normal": tensors["normal"] + 1}, texts)
    np.testing.assert_array_equal(find(), tensors["normal"].numpy() + 1)


def test_a_choice_is_kept_and_one_that_is_damaged_is_not_forgotten(runs, tmp_path):
    folder, _, _ = used("detectors", runs, tmp_path)
    hg.load(folder).detector("error", "largest").keep()
    chosen = folder / "detectors/chosen.json"
    assert json.loads(chosen.read_text())["threshold"] == "largest"
    chosen.write_text("{")
    with pytest.raises(ValueError, match="is damaged; delete it"):
        hg.load(folder).detector()
