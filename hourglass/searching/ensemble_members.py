"""The members of an ensemble: the runs that may join, their common data, their predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.channels import channels_last
from ..core.console import say, track
from ..core.part_contracts import OfCounts, offers
from ..data.split_data import Source, Split
from ..inference.batches import batches
from ..inference.trained import Trained, load
from ..run.folder import RunFolder, is_run, open_run, read_settings, unfinished
from ..run.load_data import load_source
from ..run.settings import IN_MEMORY, Settings, make_settings
from .ensemble_weights import Predictions
from .open_records import records_in
from .study_folder import StudyFolder, is_study

MOST_VALUES = 250_000_000   # predicted numbers in memory, at four bytes each
# settings that name the samples, without the seed that splits them
OF_DATA = ("data", "only", "size", "fit", "crop", "pad", "grey", "invert", "range", "binarise",
           "include", "exclude", "label_depth", "pages")


@dataclass(frozen=True)
class Member:
    """A run that takes part, and its settings."""

    model: Trained
    settings: Settings

    @property
    def name(self) -> str:
        """The path of its run folder."""
        return str(self.model.folder.path)


def runs_in(arguments: Sequence[str | Path]) -> list[RunFolder]:
    """The runs that are named, and those in folders of runs, such as a study's. Raises
    ValueError."""
    paths: list[Path] = []
    for path in map(Path, arguments):
        if is_study(path):
            paths += _trials_of(path)
            continue
        inside = sorted({mark.parent for mark in path.glob("**/settings.toml")}) if (
            path.is_dir() and not is_run(path)) else []
        runs = [folder for folder in inside if is_run(folder)]
        if not runs:
            open_run(path)   # raises ValueError: it is not a run
        paths += runs or [path]
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError("a run is named twice; name each once")
    return [RunFolder(path) for path in paths]


def _trials_of(study: Path) -> list[Path]:
    """The runs of a study's finished trials, each configuration once. Raises ValueError."""
    records = records_in(StudyFolder(study))
    runs = list(dict.fromkeys(records.run(trial).path for trial in records.finished))
    if not runs:
        raise ValueError(f"no trial of {study} has finished yet. To continue it: hourglass search "
                         f"{study}")
    return runs


def members_of(folders: Sequence[RunFolder], device: str = "cpu") -> list[Member]:
    """The runs that can be combined, with a note on each that is left out. Raises ValueError if
    they do not fit together, or if fewer than two are left."""
    members: list[Member] = []
    for folder in track(folders, len(folders), "reading runs"):
        try:
            why = _why_not(folder)
            member = None if why else _member(folder, device)
        except ValueError as error:
            why = str(error)
        if why:
            say(f"{folder.path} is left out: {why}")
            continue
        assert member is not None
        if members:
            _check_alike(members[0], member)
        members.append(member)
    if len(members) < 2:
        raise ValueError(f"an ensemble needs two finished runs or more on the same data, and "
                         f"{len(members) or 'none'} of {len(folders)} can be used")
    return members


def _why_not(folder: RunFolder) -> str:
    if not folder.path.is_dir():
        return "its folder does not exist"
    if not folder.model.is_file():
        return "it has no model yet"
    record = folder.read_record()
    why = unfinished(folder, record)
    return f"its training {why}" if why else ""


def _member(folder: RunFolder, device: str) -> Member:
    model = load(folder.path, device)
    parts = model.description.parts
    if parts.condition != "none":
        raise ValueError("a model that takes or predicts classes cannot be a member yet")
    if not model.description.decoder:
        raise ValueError("it is a classifier, which has no decoder")
    if model.description.reading.patches:
        raise ValueError("a model of patches cannot be a member yet")
    if offers(model.model.likelihood, OfCounts):
        raise ValueError("a model of counts cannot be a member yet")
    return Member(model, make_settings(read_settings(folder.settings)))


def _check_alike(first: Member, other: Member) -> None:
    """Raise ValueError for two runs of other data, or of data that was prepared differently."""
    a, b = first.model.description, other.model.description
    differing: list[tuple[str, Any, Any]] = [
        (name, _text(first.settings, name), _text(other.settings, name)) for name in OF_DATA]
    differing += [("shape", a.shape, b.shape), ("scale", a.scale, b.scale),
                  ("encoding", a.encoding, b.encoding)]
    wrong = next(((name, x, y) for name, x, y in differing if x != y), None)
    if wrong:
        name, x, y = wrong
        values = f": {x!r} and {y!r}" if len(f"{x!r}{y!r}") < 200 else ""
        raise ValueError(f"{first.name} and {other.name} differ in {name}{values}; an ensemble's "
                         f"members must be trained on the same data, with the same preparation")
    if first.settings.data == IN_MEMORY:
        raise ValueError(f"{first.name} was trained on an array in memory, which is gone. Save the "
                         f"array as a .npy file and train on that")


def _text(settings: Settings, name: str) -> Any:
    """A setting; `mnist` and `mnist()` are the same data."""
    value = getattr(settings, name)
    return value.removesuffix("()") if name == "data" else value


def unseen_rows(members: Sequence[Member]) -> tuple[Source, dict[str, np.ndarray]]:
    """The data, and the rows (n,) of its test, holdout and validation split. Only rows that are in
    this split for all members are kept, so no member was trained on them."""
    sources: dict[tuple[Any, ...], Source] = {}
    for member in track(members, len(members), "reading the data"):
        key = _split_key(member.settings)
        if key not in sources:
            sources[key] = member.model.source() if not sources else load_source(member.settings)
    every = [{name: split.index.cpu().numpy() for name, split in source.splits.items()}
             for source in sources.values()]
    rows = {name: common for name in ("val", "test", "holdout")
            if len(common := _in_all([splits.get(name, np.empty(0, int)) for splits in every]))}
    return next(iter(sources.values())), rows


def _split_key(settings: Settings) -> tuple[Any, ...]:
    """What decides which samples are in which split."""
    return settings.seed, settings.val, settings.test, settings.holdout


def _in_all(index_sets: Sequence[np.ndarray]) -> np.ndarray:
    common = index_sets[0]
    for other in index_sets[1:]:
        common = np.intersect1d(common, other)
    return common


def split_of(source: Source, rows: np.ndarray, members: int) -> Split:
    """These samples (n,) of the data as a split. If the predictions of all members would not fit
    into memory, it has fewer samples, evenly spread, with a note."""
    any_split = next(iter(source.splits.values()))
    most = max(50, MOST_VALUES // (members * int(np.prod(source.shape))))
    if len(rows) > most:
        say(f"{most:,} of {len(rows):,} samples are used, so that the predictions of {members} "
            f"models fit into memory")
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    index = torch.from_numpy(np.ascontiguousarray(rows)).to(any_split.index.device)
    return Split(**{**vars(any_split), "index": index})


@torch.inference_mode()
def predictions(members: Sequence[Member], split: Split) -> Predictions:
    """The reconstructions of a split's samples by each member."""
    means = []
    for member in track(members, len(members), "predicting"):
        network = member.model.model.eval()
        means.append(np.concatenate([
            _flat(network(batch.x, encoder_input=batch.encoder_input, known=batch.known).px.mean)
            for batch in batches(split)]))
    x, known = [], []
    for batch in batches(split):
        x.append(_flat(batch.x))
        known.append(np.ones_like(x[-1]) if batch.known is None else _flat(batch.known))
    return Predictions(np.stack(means), np.concatenate(x), np.concatenate(known))


def _flat(values: torch.Tensor) -> np.ndarray:
    """(B, *shape) -> (B, V), float32."""
    flat: np.ndarray = channels_last(values).flatten(1).float().cpu().numpy()
    return flat
