"""What gpu.py checks: the card against the CPU, resuming, memory, and every command."""

import argparse
import contextlib
import gc
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

Found = tuple[str, ...]   # what, figure, wanted, state
ABNORMAL = 1     # the exit code of score where a sample is abnormal
LESS = 0.4       # of the memory that a training took, which it must do with
DRAWN = 0.03     # relative difference of losses that codes drawn at random explain
ALIKE = 0.005    # of those that have no such codes
MODELS = {"ae(8)": ALIKE, "dae(8)": DRAWN, "contractive_ae(8)": ALIKE, "vae(8)": DRAWN,
          "beta_tc_vae(8)": DRAWN, "iwae(8)": DRAWN, "wae_mmd(8)": DRAWN, "aae(8)": DRAWN,
          "vq_vae(dim=8, words=32)": DRAWN, "fsq_vae": DRAWN}
OTHER_DATA = ("mult_vae", "mult_dae", "rec_vae", "rating_ae",   # ratings, and lines of text
              "text_vae", "language_model")
QUICK = ("ae", "vae")   # of the named models
CONV = "conv(filters=(16, 32))"
SMALL = {"quiet": True, "report": False, "precision": "32-true", "schedule": "constant",
         "stop": "none", "test": 0.0}


def blobs(count: int, size: int = 28, channels: int = 1) -> np.ndarray:
    """Images (N, size, size, channels), uint8: a bright disc each, of any place and radius."""
    rng = np.random.default_rng(0)
    grid = np.arange(size, dtype=np.float32)
    middle = rng.uniform(0.2, 0.8, (count, 2, 1, 1)).astype(np.float32) * size
    radius = rng.uniform(0.1, 0.3, (count, 1, 1)).astype(np.float32) * size
    away = np.sqrt((grid[:, None] - middle[:, 0])**2 + (grid[None] - middle[:, 1])**2)
    disc = (1 / (1 + np.exp(away - radius)) * 255).astype(np.uint8)
    return np.repeat(disc[..., None], channels, axis=-1)


def state(good: bool, otherwise: str = "WRONG") -> str:
    return "ok" if good else otherwise


def card(given: argparse.Namespace) -> Iterator[Found]:
    """What the machine is, and how fast it multiplies and copies."""
    from gpu_speed import peaks
    yield "torch, Python", f"{torch.__version__}, {sys.version.split()[0]}"
    if given.device != "cpu":
        seen = torch.cuda.get_device_properties(0)
        yield "card", f"{seen.name}, {seen.total_memory / 2**30:.0f} GiB", "", "ok"
    speeds = peaks(given)
    yield "bf16 matrix product", f"{speeds.bf16 / 1e12:.1f} TFLOP/s"
    yield "float32 matrix product", f"{speeds.single / 1e12:.1f} TFLOP/s"
    yield "copy within memory, read and written", f"{speeds.copy / 1e9:.0f} GB/s"


def losses(given: argparse.Namespace) -> Iterator[Found]:
    """The losses of ten models after the same steps on the card and on the CPU."""
    import hourglass
    x = blobs(256 if given.quick else 1024)
    for text, most in list(MODELS.items())[:2 if given.quick else None]:
        values = []
        for device in ("cpu", given.device):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    model = hourglass.train(
                        x, model=text, device=device, epochs=2, val=128, out=Path(folder) / "run",
                        **({} if "fsq" in text or "vq" in text else {"backbone": CONV}), **SMALL)
                except (ValueError, RuntimeError, FloatingPointError) as error:
                    values.append(str(error))
                    continue
                values.append(model.folder.read_history()[-1]["val_loss"])
        if any(isinstance(value, str) for value in values):
            yield text, next(str(v)[:90] for v in values if isinstance(v, str)), "", "FAILED"
            continue
        apart = abs(values[1] - values[0]) / max(abs(values[0]), 1e-9)
        yield (f"{text}: loss on the CPU, and apart from it", f"{values[0]:.4f}, {apart:.3%}",
               f"{most:.1%} at most", state(apart <= most))


def graphs(given: argparse.Namespace) -> Iterator[Found]:
    """Every named model, its steps run as one CUDA graph and one by one: the same losses."""
    from hourglass.core.registry import models
    x = blobs(192 if given.quick else 640)
    names = QUICK if given.quick else [name for name in models.parts if name not in OTHER_DATA]
    captured = 0
    for name in names:
        try:
            outcomes = {on: _after(given, x, name, on) for on in (False, True)}
        except (ValueError, RuntimeError, FloatingPointError) as error:
            yield name, str(error).partition("\n")[0][:80], "", "FAILED"
            continue
        (loss, _), (again, said) = outcomes[False], outcomes[True]
        apart = abs(again - loss) / max(abs(loss), 1e-9)
        captured += not said
        yield (f"{name}: loss one by one, and apart from it", f"{loss:.4f}, {apart:.3%}",
               f"{DRAWN:.1%} at most", state(apart <= DRAWN))
        if said:
            yield f"{name}: no graph", said[:80]
    yield "models whose steps are one CUDA graph", f"{captured} of {len(names)}"


def _after(given: argparse.Namespace, x: np.ndarray, name: str, graph: bool) -> tuple[float, str]:
    """The loss after forty steps, and why they did not run as a CUDA graph."""
    from gpu_speed import prepared

    from hourglass.training.train import run
    with tempfile.TemporaryDirectory() as folder:
        training = prepared(given, folder, x, model=name, batch_size=64, epochs=4, val=64,
                            schedule="constant", precision="32-true", cuda_graph=graph)
        said = [note for progress in run(training) for note in progress.notes if "graph" in note]
        return training.state.history[-1]["train_loss"], "; ".join(said)


def resume(given: argparse.Namespace) -> Iterator[Found]:
    """A run that stopped and went on is the run that did not stop; on another device, too."""
    import hourglass
    x, settings = blobs(256 if given.quick else 1024), {
        "model": "ae(8)", "val": 128, "batch_size": 32, **SMALL}
    with tempfile.TemporaryDirectory() as folder:
        place = {name: Path(folder) / name for name in ("whole", "halves")}
        whole = hourglass.train(x, device=given.device, epochs=2, out=place["whole"], **settings)
        hourglass.train(x, device=given.device, epochs=1, out=place["halves"], **settings)
        quiet = {"quiet": True, "report": False}
        again = hourglass.resume(place["halves"], data=x, epochs=2, **quiet)
        two = [model.folder.read_history()[-1]["val_loss"] for model in (whole, again)]
        apart = abs(two[1] - two[0]) / abs(two[0])
        yield ("two epochs, and one with one more", f"{apart:.4%} apart", "0.1% at most",
               state(apart <= 1e-3))
        moved = hourglass.resume(place["halves"], data=x, epochs=3, device="cpu", **quiet)
        loss = moved.folder.read_history()[-1]["val_loss"]
        yield ("the same run, one epoch more on the CPU", f"{loss:.4f}", f"below {two[1]:.4f}",
               state(loss < two[1]))


def memory(given: argparse.Namespace) -> Iterator[Found]:
    """A batch that the memory cannot hold goes through in pieces, with the same loss."""
    from hourglass.run.settings import make_settings
    from hourglass.training.setup import prepare
    from hourglass.training.train import run
    count, size = (128, 16) if given.quick else (2048, 64)
    x, cuda, outcomes = blobs(count, size, 3), given.device != "cpu", {}
    limit = 1.0   # GiB
    for most in (None, "limit"):   # in this order: the limit stays for as long as the process does
        if most and cuda:
            limit = round(LESS * outcomes[None][1], 2)
        settings = make_settings({
            "model": "ae(32)", "backbone": "conv(filters=(96, 192))", "batch_size": count // 2,
            "epochs": 1, "device": given.device, "max_memory": most and limit, "val": 0.0,
            "test": 0.0, "precision": "32-true", "stop": "none", "data": "digits"})
        with tempfile.TemporaryDirectory() as folder:
            training = prepare(settings, x, out=Path(folder) / "run")
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            notes = [note for progress in run(training) for note in progress.notes]
            loss = training.state.history[-1]["train_loss"]
            peak = torch.cuda.max_memory_reserved() / 2**30 if cuda else 0.0
            outcomes[most] = loss, peak, notes, training.state.pieces, training.further_notes
        if cuda:
            del training
            gc.collect()
            torch.cuda.empty_cache()
    (whole, taken, *_), (pieced, peak, notes, pieces, messages) = outcomes[None], outcomes["limit"]
    if not cuda:
        yield "--max-memory on a CPU", "says that it limits nothing", "", state(
            any("limits nothing" in note for note in messages))
        return
    yield (f"--max-memory {limit:g}: memory taken", f"{peak:.2f} GiB, {taken:.2f} without",
           f"{limit:g} GiB at most", state(peak <= limit * 1.01 < taken))
    yield (f"in {pieces} pieces: the loss", f"{abs(pieced - whole) / abs(whole):.4%} apart",
           "0.5% at most", state(pieces > 1 and abs(pieced - whole) <= 5e-3 * abs(whole)))
    yield "what is said of it", notes[0][:60] if notes else "nothing", "", state(bool(notes))


def command(words: str) -> tuple[int, str]:
    """A command of the command line in this process: its exit code and last line."""
    import shlex

    from hourglass.cli.main import main
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        sys.argv = ["hourglass", *shlex.split(words)]
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0) if not isinstance(ended.code, str) else 1
        except Exception as error:   # what a command never should raise
            code = 70
            print(f"{type(error).__name__}: {error}", file=said)
    lines = [line for line in said.getvalue().splitlines() if line.strip()]
    return code, re.sub(r"^hourglass: ", "", lines[-1]) if lines else ""


def commands(given: argparse.Namespace) -> Iterator[Found]:
    """Every command that applies a model, on the device; codes and scores as on the CPU."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            _make_files()
            for words in _commands(given):
                code, said = command(words)
                name = " ".join(word for word in words.split()[:2] if not word.startswith("-"))
                extra = "needs an extra" in said or "pip install" in said
                good = code == 0 or (code == ABNORMAL and words.startswith("score"))
                yield (f"hourglass {name}", "" if good else said[-60:], "",
                       "left out" if extra and not good else state(good, "FAILED"))
            if given.device != "cpu":
                yield from _same_codes()
        finally:
            os.chdir(here)


def _make_files() -> None:
    x = blobs(80)
    np.save("x.npy", x)
    from PIL import Image
    for name in ("a", "b"):
        for i in range(20):
            Path(f"files/{name}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(x[20 * (name == "b") + i, ..., 0]).save(f"files/{name}/{i}.png")
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'' if i % 9 == 0 else 'uv'[i % 2]}\n"
            for i, (a, b) in enumerate(rng.normal(size=(120, 2)))]
    Path("rows.csv").write_text("a,b,kind\n" + "".join(rows))


def _commands(given: argparse.Namespace) -> list[str]:
    device = f"--device {given.device}"
    few = f"--epochs 1 --backbone 'mlp((16,))' --no-report {device} --precision 32-true"
    trainings = [f"train files --model 'vae(4)' {few} -o vae",
                 f"train files --model 'semi_supervised_vae(4)' {few} -o semi",
                 f"train rows.csv --model 'ae(2)' {few} -o table",
                 f"train vae --resume --epochs 2 {device}",
                 f"train vae --latent-diffusion mlp --text none --epochs 1 {device} -o drawer"]
    if given.quick:
        trainings = trainings[:1]
    used = ["reconstruct vae files -o again", "embed vae files -o codes.npy",
            "score vae files -o scores.csv", "restore vae files -o restored",
            "generate vae -o drawn.png", "generate drawer --steps 4 -o drawn2.png",
            "morph vae files/a/0.png files/b/1.png -o morph.gif",
            "vary vae files/a/0.png --attribute brightness -o vary.gif",
            "evaluate vae --nll 8 --limit 16", "report vae --priors mixture",
            "compress vae files -o out.hg", "classify semi files -o classes.csv",
            "impute table rows.csv -o filled.csv"]
    used = used[:3] if given.quick else used
    return [*trainings, *(f"{words} {device}" for words in used),
            *([] if given.quick else ["decompress vae out.hg"])]


def _same_codes() -> Iterator[Found]:
    import hourglass
    x = np.load("x.npy")
    cpu, gpu = hourglass.load("vae"), hourglass.load("vae", "cuda")
    for name in ("encode", "reconstruct", "score"):
        ours, theirs = (getattr(model, name)(x) for model in (cpu, gpu))
        apart = float(np.abs(ours - theirs).max() / np.abs(ours).max())
        yield (f"{name} on the card and on the CPU", f"{apart:.2e} apart", "1e-3 at most",
               state(apart <= 1e-3))


SECTIONS: dict[str, Any] = {"card": card, "losses": losses, "graphs": graphs, "resume": resume,
                            "memory": memory, "commands": commands}
