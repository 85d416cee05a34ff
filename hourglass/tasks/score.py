"""Score anomalies: a table of scores and verdicts, heat maps, and how correct they are."""

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.metrics.bootstrap import Estimate
from ..analysis.metrics.detection import at_threshold, auroc, separation
from ..core.console import say
from ..core.contracts import Collection
from ..core.csv_text import as_csv
from ..core.distributed import first_goes_first, meet
from ..core.features import features as features_of
from ..core.features import remembered
from ..core.files import check_empty, write_out
from ..core.hints import did_you_mean
from ..core.output_names import printable
from ..data.on_demand import OnDemand
from ..data.patches import as_patches, of_rows
from ..data.sparse_rows import SparseRows
from ..inference.anomaly import Detector, extractors_of, normal_classes, simple_scores
from ..inference.batches import LOOKED
from ..inference.image_detector import ImageDetector
from ..inference.trained import Trained
from .defect_kinds import Kind, by_kind, kinds_in_words
from .heatmaps import write_heatmaps
from .masks import by_masks, find_masks
from .own_size import write_whole_heatmaps
from .sharded_output import (
    Facts,
    ShardedOutput,
    as_parquet,
    is_folder,
    parquet_library,
    request_of,
)
from .shares import shared, some_of
from .write_images import check_name

NORMAL_NAMES = ("normal", "good")   # names of normal folders, if training had no classes
COLUMNS = ("file", "score", "probability", "verdict")
MARGIN = 0.005   # of AUROC, above which a simpler detector is named
FEW = 50   # fewer normal samples make an unreliable threshold


@dataclass(frozen=True)
class ScoreOptions:
    """Options of scoring. "" means: as saved with the run, or the default."""

    detector: str = ""
    threshold: str = ""
    labelled: str = ""    # a folder of examples, in normal/ and abnormal/
    normal: str = ""      # the normal classes, separated by commas
    masks: str = ""       # a folder or archive of defect masks; default: those next to the data


@dataclass(frozen=True)
class Verdicts:
    """Scores and verdicts of samples."""

    names: tuple[str, ...]
    scores: np.ndarray           # (N,)
    probabilities: np.ndarray    # (N,)
    abnormal: np.ndarray         # (N,) verdicts
    right: dict[str, Estimate]   # metrics, if classes are known
    unreadable: tuple[str, ...]
    simpler: str = ""            # which detector without the model is better, if one is
    kinds: dict[str, Kind] = field(default_factory=dict)   # of each kind of defect, if several

    def rows(self) -> list[tuple[str, float | None, float | None, str]]:
        """One row per sample, then those that could not be read."""
        rows: list[tuple[str, float | None, float | None, str]] = [
            (name, float(score), float(share), "abnormal" if odd else "normal")
            for name, score, share, odd in zip(self.names, self.scores, self.probabilities,
                                               self.abnormal, strict=True)]
        return rows + [(name, None, None, "unreadable") for name in self.unreadable]


def score(
    model: Trained, data: str, choice: ScoreOptions, out: Path, heatmaps: Path | None = None,
    shards: int = 0,
) -> tuple[Detector, Verdicts]:
    """Score the samples of a folder, archive, array or source, by default the run's test samples.
    Writes a .csv or .json, or a folder of `shards` .parquet files; and, if chosen, a heat map for
    each sample.

    The run keeps a detector or threshold that is chosen here. Raises ValueError.
    """
    in_shards = is_folder(out, shards)
    if in_shards and heatmaps is not None:
        raise ValueError("--heatmaps draws a picture for each sample, and shards hold the table "
                         "alone; leave --heatmaps out, or write one table, as in -o scores.csv")
    if in_shards:
        parquet_library()
    else:
        check_name(out, (".csv", ".json"))
    if heatmaps is not None:
        check_empty(heatmaps, "--heatmaps")
        meet()   # before anyone writes there
    with first_goes_first():
        collection = samples_of(model, data)
        y = labels_of(model, collection, choice.normal)
        detector = chosen(model, choice)
    place = place_of(model, data)
    names = tuple(map(printable, collection.names)) or tuple(map(str, range(len(collection.x))))

    def scored(rows: range) -> np.ndarray:
        some = some_of(collection, rows)
        with remembered():   # maps and scores are of the same features
            return scored_of(some, rows)

    def scored_of(some: Collection, rows: range) -> np.ndarray:
        if heatmaps is not None:
            _draw(detector, some if collection.names else replace(some, names=tuple(
                f"{row:05}.png" for row in rows)), heatmaps, place if collection.names else "")
        return detector.score(some)
    if in_shards:
        request = request_of(model, "score", collection, detector=detector.text,
                             threshold=detector.threshold)
        scores = _in_shards(ShardedOutput(out, ".parquet", request, shards, LOOKED), detector,
                            names, scored)
    else:
        scores = np.concatenate(shared(len(collection.x), scored, LOOKED))
    odd = detector.verdict(scores)
    right = {} if y is None or len(np.unique(y)) < 2 else {
        **separation(scores, y), **at_threshold(odd, y)}
    with ExitStack() as stack:
        masks = find_masks(place, choice.masks, stack)
        pixels = by_masks(detector, collection, y, masks, place) if masks else None
    right |= pixels.figures() if pixels else {}
    verdicts = Verdicts(names, scores, detector.probability(scores), odd, right,
                        tuple(map(printable, collection.unreadable)),
                        "" if choice.detector or y is None or "auroc" not in right else
                        simpler(detector, collection, y, scores),
                        {} if y is None or collection.y is None else
                        by_kind(collection.classes, collection.y, y, scores, odd, pixels))
    if not in_shards:
        write_table(out, detector, verdicts)
    return detector, verdicts


def _draw(detector: Detector, collection: Collection, heatmaps: Path, place: str) -> None:
    if as_patches(collection.x) is not None:
        write_whole_heatmaps(detector, collection, heatmaps)
    else:
        write_heatmaps(detector, collection, heatmaps, place)


def _in_shards(
    output: ShardedOutput, detector: Detector, names: tuple[str, ...],
    scored: Callable[[range], np.ndarray],
) -> np.ndarray:
    """Write shards of the table of verdicts. Returns all scores (N,), as the shards have them."""
    def make(rows: range) -> tuple[bytes, Facts]:
        scores = scored(rows)
        columns = (list(names[rows.start:rows.stop]), scores, detector.probability(scores),
                   np.where(detector.verdict(scores), "abnormal", "normal").tolist())
        return as_parquet(dict(zip(COLUMNS, columns, strict=True))), {}
    output.write(make)
    table = parquet_library().parquet.ParquetDataset(output.files).read(["score"])
    return table.column("score").to_numpy()


def simpler(detector: Detector, collection: Any, y: np.ndarray, scores: np.ndarray) -> str:
    """Which detector without the model separates samples better than this one, whose scores (N,)
    are given, and how to choose it; "" if none does. y (N,) is 1 for abnormal samples."""
    own = auroc(y, scores)
    others = {text: auroc(y, other)
              for text, other in simple_scores(detector.model, collection).items()}
    best = max(others, key=lambda text: others[text], default="")
    if not best or others[best] <= own + MARGIN:
        return ""
    return (f"a simpler detector separates these samples better: {best} has AUROC "
            f"{others[best]:.3f}, {detector.text} {own:.3f}; to use it, pass --detector {best}")


def samples_of(model: Trained, data: str) -> Collection:
    """The samples to score. Data with its own test split gives that split."""
    if not data:
        source = model.source()
        split = source.splits[source.unseen]
        if source.unseen == "train":
            say("there are no held-out samples: the training samples themselves are scored")
        rows, patches = split.index.numpy(), as_patches(split.x)
        if patches is not None:   # one per image
            rows = rows[np.unique(patches.owner[rows], return_index=True)[1]]
            x = patches.of(patches.owner[rows])
            return Collection(x, None if split.y is None else split.y.numpy()[rows],  # type: ignore
                              source.classes, tuple(patches.photos.names[i] for i in x.owner))
        assert not isinstance(split.x, SparseRows)   # models of ratings are refused before
        samples: Any = (split.x.of(rows) if isinstance(split.x, OnDemand) else
                        split.x.index_select(0, split.index).numpy())
        return Collection(samples,
                          None if split.y is None else split.y.numpy()[rows], source.classes,
                          tuple(source.names[i] for i in rows) if source.names else ())
    collection = model.read(data, strict=False, whole=True, strays=False)
    for note in collection.notes:
        say(note)
    if "test" not in collection.parts:
        return collection
    rows = collection.parts["test"]
    say(f"{data} has splits of its own: its {len(rows):,} test samples are scored")
    y = None if collection.y is None else collection.y[rows]
    names = tuple(collection.names[i] for i in rows) if collection.names else ()
    return Collection(of_rows(collection.x, rows), y, collection.classes, names,
                      unreadable=collection.unreadable)


def place_of(model: Trained, data: str) -> str:
    """The path of the scored samples, "" if they have none."""
    with suppress(ValueError):   # an array that is not in memory any more
        return data or model.data
    return ""


def labels_of(model: Trained, collection: Collection, normal: str = "") -> np.ndarray | None:
    """1 for samples of an abnormal class, (N,). Normal are the classes in `normal`, by default
    those of the training data, or "normal" and "good". None without classes. Raises ValueError for
    an unknown class."""
    named = [name.strip() for name in normal.split(",") if name.strip()]
    if collection.y is None:
        if named:
            raise ValueError("these samples have no classes, so none is normal; put them into one "
                             "folder per class")
        return None
    wrong = next((name for name in named if name not in collection.classes), None)
    if wrong is not None:
        raise ValueError(f"there is no class {wrong!r} here; "
                         f"{did_you_mean(wrong, collection.classes)}")
    for names in (named, normal_classes(model), NORMAL_NAMES):
        if set(names) & set(collection.classes):
            return (~np.isin(np.array(collection.classes)[collection.y], names)).astype(int)
    return None


def chosen(model: Trained, choice: ScoreOptions) -> Detector:
    """The chosen detector, which the run keeps from now on; by default the saved one."""
    labelled = None
    if choice.labelled:
        collection = model.read(choice.labelled, strict=False, whole=True, strays=False)
        y = labels_of(model, collection, choice.normal if collection.y is not None and set(
            choice.normal.split(",")) & set(collection.classes) else "")
        if y is None or len(np.unique(y)) < 2:
            raise ValueError(f"{choice.labelled} needs samples of both kinds, in folders such as "
                             f"normal/ and abnormal/")
        labelled = collection, y
    detector = model.detector(choice.detector, choice.threshold, labelled)
    if choice.detector or choice.threshold or choice.labelled:
        detector.keep()
    return detector


def write_table(out: Path, detector: Detector | ImageDetector, verdicts: Verdicts) -> None:
    """Write the verdicts as .csv, one row per sample, or as .json with detector and threshold."""
    if out.suffix.lower() == ".json":
        samples = [dict(zip(COLUMNS, row, strict=True)) for row in verdicts.rows()]
        content = {"detector": detector.text, "threshold": detector.threshold,
                   "from": detector.threshold_text, "normal_samples": len(detector.fitted.normal),
                   "of": detector.fitted.of, "samples": samples,
                   **{name: value._asdict() for name, value in verdicts.right.items()},
                   **({"kinds": {name: kind.as_json() for name, kind in verdicts.kinds.items()}}
                      if verdicts.kinds else {})}
        write_out(out, json.dumps(content, indent=2) + "\n")
        return
    write_out(out, as_csv(COLUMNS, verdicts.rows(), "\r\n"))


def no_verdict(verdicts: Verdicts) -> str:
    """What is said of files that could not be read."""
    return (f"{len(verdicts.unreadable)} files cannot be read, such as {verdicts.unreadable[0]}, "
            f"so the table says unreadable in place of a verdict")


def in_words(detector: Detector | ImageDetector, verdicts: Verdicts) -> list[str]:
    """The result in a line or two."""
    count = int(verdicts.abnormal.sum())
    lines = [f"{count:,} of {len(verdicts.scores):,} abnormal: {detector.text} above "
             f"{detector.threshold:.5g}, {detector.threshold_text}"]
    lines += [detector.why] if detector.why else []
    if used := extractors_of(detector.text):
        lines.append(f"features of {', '.join(str(features_of(name)) for name in used)}")
    if len(detector.fitted.normal) < FEW and detector.threshold_text != "best_f1":
        more = ("use more for val, or pass --labelled examples" if isinstance(detector, Detector)
                else "give more normal images")
        lines.append(f"the threshold comes from only {len(detector.fitted.normal)} normal samples; "
                     f"{more}")
    if verdicts.right:
        lines.append("; ".join(f"{name} {value.value:.4g} ({value.low:.4g} to {value.high:.4g})"
                               for name, value in verdicts.right.items()))
    lines += kinds_in_words(verdicts.kinds)
    if verdicts.simpler:
        lines.append(verdicts.simpler)
    return lines
