"""One trial: an ordinary training, in a process of its own, that reports every epoch."""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..core.console import VOICE, as_it_is
from ..core.contracts import Progress
from ..run.folder import RunFolder, is_run
from .aims import Aim

DIES_WITH_PARENT = 1   # prctl's PR_SET_PDEATHSIG
SHOWN = 8              # samples whose reconstructions the study's page shows
PRUNED = "pruned: other trials were better after as many epochs"


@dataclass(frozen=True)
class TrialJob:
    """The training of a trial's process, and its resources."""

    number: int
    path: Path                  # of the run folder
    settings: dict[str, Any]
    aims: tuple[Aim, ...]
    threads: int = 1
    device: str = "auto"
    place: int = 0                                          # among the trials that run at once
    log: Path = Path(os.devnull)   # for all that it says
    strangers: list[Any] = field(default_factory=list)   # the parent's open files, to be closed


def work(job: TrialJob, link: Connection) -> None:
    """Train a trial and send messages on it. ("epoch", epoch, row, whether it is the last) gets an
    answer that says whether to stop. The end is ("done", result), ("failed", why) or ("stopped",).
    """
    _settle_in(job)
    try:
        result = train(job, link)
        link.send(("stopped",) if result is None else ("done", result))
    except (ValueError, FloatingPointError, OSError, MemoryError) as error:
        _send(link, ("failed", " ".join(str(error).split()) or type(error).__name__))
    except KeyboardInterrupt:
        _send(link, ("stopped",))
    except BaseException as error:   # of a user's own part, or ours
        traceback.print_exc()
        _send(link, ("failed", f"{type(error).__name__}: {error}"))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _send(link: Connection, message: tuple[Any, ...]) -> None:
    with contextlib.suppress(OSError):   # of a parent that was killed
        link.send(message)


def _settle_in(job: TrialJob) -> None:
    """Make the process one of its own: its output, its signals, its threads."""
    for stranger in job.strangers:
        stranger.close()
    said = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(said, 1)
    os.dup2(said, 2)
    VOICE.set(as_it_is)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)   # Ctrl-C reaches only the parent, which passes it on
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGTERM)
    import torch
    torch.set_num_threads(job.threads)


def train(job: TrialJob, link: Connection) -> dict[str, Any] | None:
    """Train the trial, from its checkpoint if it was begun before. Returns its result, or None if
    it was stopped and can be continued. Raises what training raises."""
    import torch

    from ..analysis.analyse import outcome
    from ..training.loop import stop_reason
    from ..training.setup import finished_by
    from ..training.train import run, save_weights
    training = _opened(job)
    ended = finished_by(training)
    for note in training.notes:
        print(note)
    steps: Iterable[Progress] = () if ended else _reported(run(training), training, link)
    for _ in steps:
        pass
    if training.interrupted:
        return None
    if ended:   # it was killed after its last step
        training.ended = stop_reason(training.state, training.plan)
        save_weights(training)
    state, restores = training.state, training.plan.stopping.restore_best
    if restores and state.kept:
        training.step.load_state_dict(state.kept)
    record = {**training.record, **outcome(training, bool(restores))}
    training.folder.write_record(record)
    with torch.random.fork_rng():
        return {"pruned": training.ended == PRUNED, "ended": training.ended,
                "row": _best_row(training), "epochs": record["epochs"],
                "seconds": record["seconds"], "best_epoch": record["best_epoch"],
                "parameters": record["parameters"]["whole"],
                "multiply_adds": record["multiply_adds"]["whole"],
                "measured": _measured(training, job.aims) if training.ended != PRUNED else {}}


def _opened(job: TrialJob) -> Any:
    """The training, prepared anew or resumed."""
    from ..run.settings import make_settings
    from ..training.setup import prepare, resume
    folder = RunFolder(job.path)
    if is_run(job.path) and (job.path / "run.json").is_file():
        try:
            folder.lock().close()
        except ValueError:   # a process whose parent was killed still writes its checkpoint
            raise KeyboardInterrupt from None
        try:
            return resume(folder, {}, finished=True)
        except ValueError as error:
            print(f"it is trained anew: {error}")   # a checkpoint that a full disk cut, say
    if job.path.exists():
        shutil.rmtree(job.path)
    settings = make_settings({**job.settings, "device": job.device})
    return prepare(settings, out=job.path)


def _reported(
    steps: Any, training: Any, link: Connection
) -> Iterator[Progress]:
    """The steps of a training. Each epoch is reported, and the answer may end it."""
    for progress in steps:
        yield progress
        if not progress.row or training.interrupted:
            continue
        try:
            last = bool(progress.stopped) or progress.epoch >= training.plan.epochs
            link.send(("epoch", progress.epoch, _best_row(training), last))
            stop = link.recv()
        except (OSError, EOFError):   # the parent was killed: the next worker continues
            training.interrupted = True
            steps.close()
            return
        if stop:
            training.ended = PRUNED
            steps.close()   # which saves it
            return


def _best_row(training: Any) -> dict[str, float]:
    """The values of the epoch whose weights are kept."""
    state = training.state
    rows = [row for row in state.rows if row["epoch"] == state.kept_epoch]
    restores = training.plan.stopping.restore_best
    row = dict(rows[-1] if rows and restores else state.rows[-1])
    row["seconds"] = state.rows[-1]["seconds"]
    return row


def _measured(training: Any, aims: Sequence[Aim]) -> dict[str, float]:
    """The metrics on val that the objectives name; and a strip of reconstructions, if samples are
    images."""
    from ..analysis.metrics import measure
    from ..analysis.take_snapshot import passed, rows_of
    from ..inference.trained import load
    from .aims import AUROC
    from .auroc_objective import auroc
    from .objectives import metrics_named
    model, source = training.step.model, training.source
    model.eval()
    strip(model, source, training.folder.path / "samples.png")
    names = metrics_named(aims)
    metrics = measure(
        passed(model, source, rows_of(source, "val"), "val"), names)[0] if names else {}
    if AUROC in {aim.name for aim in aims}:
        metrics = {**metrics, AUROC: auroc(load(training.folder.path), source, "val")[1].value}
    return metrics


def strip(model: Any, source: Any, path: Path) -> None:
    """Write some validation images above their reconstructions, as a small PNG."""
    if len(source.shape) != 3:
        return
    import io

    import numpy as np
    from PIL import Image

    from ..analysis.take_snapshot import passed
    from ..core.files import write_whole
    from ..core.image_grid import shown, tile
    seen = passed(model, source, source.splits["val"].evenly(SHOWN), "val")
    pixels = (tile([shown(seen.x), shown(seen.recon)]) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    write_whole(path, buffer.getvalue(), wait=False)

