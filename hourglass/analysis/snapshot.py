"""Snapshot: results of a trained model for some samples, computed once; metrics and figures draw
on it alone."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..core.files import write_whole
from ..core.size_limits import check_zip

SEP = "/"   # between the parts of an array's name in the file
TEXTS = ("classes", "names", "split", "total", "judge", "detector", "threshold", "books",
         "truth_names", "columns", "pca", "weights", "kind", "methods", "methods_about", "items",
         "titles", "lines", "molecules")
FEW = 5000   # codes whose classes are guessed


class Lacking(Exception):
    """Raised by a figure or metric that does not apply. The text says why; callers skip it."""


class Outdated(ValueError):
    """Raised for an incomplete snapshot or one of another version: analyse the model again."""


@dataclass(frozen=True)
class Probe:
    """Chosen codes, in rows, and their decodings."""

    x: np.ndarray                    # (R, K, H, W, C) or (R, K, D)
    rows: tuple[str, ...] = ()       # what each row is
    columns: tuple[str, ...] = ()    # and each column
    about: str = ""                  # how they were chosen


@dataclass(frozen=True)
class Drawn:
    """Samples from a prior: some images, and the features of many."""

    x: np.ndarray           # (M, H, W, C) or (M, D): the first ones
    of: np.ndarray          # (S,) the classes asked for, or (0,)
    features: np.ndarray    # (S, F) of all S draws
    judged: np.ndarray      # (S,) the classes that the judge sees, or (0,)


CLEAN, CORRUPTED, RESTORED = "clean", "corrupted", "restored"   # in `Snapshot.restored`


@dataclass
class Snapshot:
    """Samples and what became of them. Images are (N, H, W, C), as float in the data's range."""

    x: np.ndarray                   # (N, H, W, C) or (N, D)
    recon: np.ndarray               # the same shape: the mean of p(x|z)
    z: np.ndarray                   # (N, ...) codes
    std: np.ndarray                 # (N, D) the posterior's standard deviations, or (0,)
    nats: np.ndarray                # (N,) -log p(x|z)
    kl: np.ndarray                  # (D,) mean KL of each factor, or (0,)
    y: np.ndarray                   # (N,) labels, or (0,)
    classes: tuple[str, ...]
    names: tuple[str, ...]          # of files, or ()
    split: str                      # which split the samples are of
    total: int                      # how many that split has
    bounded: bool                   # whether x lies in [0, 1]
    known: np.ndarray = field(default_factory=lambda: np.empty(0))   # like x, 0 where x is missing
    judge: str = ""                 # whose features these are
    features: np.ndarray = field(default_factory=lambda: np.empty(0))   # (N, F) of x
    trips: np.ndarray = field(default_factory=lambda: np.empty(0))      # (S,) see `round_trips`
    box_trips: np.ndarray = field(default_factory=lambda: np.empty(0))  # (S,)
    probes: dict[str, Probe] = field(default_factory=dict)
    drawn: dict[str, Drawn] = field(default_factory=dict)               # by prior
    detector: str = ""              # whose scores these are, where some classes were not trained on
    threshold: float = 0.0          # above which it calls a sample abnormal
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))         # (N,)
    abnormal: np.ndarray = field(default_factory=lambda: np.empty(0, bool))  # (N,) of such a class
    restored: dict[str, np.ndarray] = field(default_factory=dict)       # some of x, and what
    # was made of it: (M, ...) under CORRUPTED, the names of baselines, RESTORED, and CLEAN
    hidden: np.ndarray = field(default_factory=lambda: np.empty(0))   # (M, ...) bool: what the
    # corruption hid of those, if it hides
    truth: np.ndarray = field(default_factory=lambda: np.empty(0))   # (N, F) see `Factors`, or (0,)
    truth_names: tuple[str, ...] = ()   # of the factors that samples were made of
    words: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))   # (N, P) of codes
    books: int = 1                  # codebooks that the tokens come from, in turns
    columns: tuple[str, ...] = ()   # of a table: what each of a sample's values is
    pca: str = ""                   # the number of components of the PCA to compare with, or
    # why there is none
    pca_squared: np.ndarray = field(default_factory=lambda: np.empty(0))   # (N,) its errors
    pca_codes: np.ndarray = field(default_factory=lambda: np.empty(0))     # (S, K) its codes of the
    # samples `of_accuracy`, up to scale
    kind: str = ""                  # "ratings", where samples are users' rows; "lines" of text
    methods: tuple[str, ...] = ()   # the model and simpler ones, judged on held-out items
    methods_about: tuple[str, ...] = ()
    items: int = 0                  # how many there are to recommend
    judged: np.ndarray = field(default_factory=lambda: np.empty(0))   # (M, N, 4) see `Judged`
    lists: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))   # (M, N, K)
    rating_errors: np.ndarray = field(default_factory=lambda: np.empty(0))     # (M, N), and
    rating_counts: np.ndarray = field(default_factory=lambda: np.empty(0))     # (N,)
    item_map: np.ndarray = field(default_factory=lambda: np.empty(0))          # (I, 2) places of
    # the most popular items, by the decoder's vectors; their users (I,) and titles
    item_users: np.ndarray = field(default_factory=lambda: np.empty(0))
    titles: tuple[str, ...] = ()
    lines: dict[str, list[str]] = field(default_factory=dict)   # of text, and what was written
    molecules: dict[str, float] = field(default_factory=dict)   # measures of drawn molecules
    exact: np.ndarray = field(default_factory=lambda: np.empty(0, bool))   # (M,) of some of them,
    # which were reconstructed exactly
    weights: str = ""               # the digest of the weights that were looked at; "" is unknown
    history: tuple[dict[str, float], ...] = ()
    best_epoch: float = 0
    factors: tuple[dict[str, float], ...] = ()   # of every epoch, KL per factor

    @property
    def ranks(self) -> bool:
        """Whether it is of users' chosen items, whose reconstructions are shares, or of lines of
        text: neither has squared errors."""
        return self.kind == "lines" or (self.kind == "ratings" and not len(self.known))

    @property
    def squared(self) -> np.ndarray:
        """(N,) mean squared error of each sample."""
        return self.of_known(np.square(self.x - self.recon))

    def of_known(self, values: np.ndarray) -> np.ndarray:
        """(N,) the mean of each sample's values (N, ...), over those of x that are known."""
        flat = values.reshape(len(values), -1)
        if not len(self.known):
            return flat.mean(1)
        known = self.known.reshape(flat.shape)
        return (flat * known).sum(1) / np.maximum(known.sum(1), 1)

    @property
    def codes(self) -> np.ndarray:
        """(N, D) codes as vectors."""
        return self.z.reshape(len(self.z), -1)

    def save(self, path: Path) -> None:
        """Write the arrays as .npz, values in [0, 1] as 8 bits."""
        texts = {name: getattr(self, name) for name in TEXTS} | {
            "probes": {name: [p.rows, p.columns, p.about] for name, p in self.probes.items()},
            "drawn": list(self.drawn), "restored": list(self.restored)}
        arrays: dict[str, Any] = {name: self._packed(name, v) for name, v in self._arrays()}
        buffer = BytesIO()
        np.savez_compressed(buffer, texts=np.array(json.dumps(texts)), **arrays)
        write_whole(path, buffer.getvalue())

    def _packed(self, name: str, values: np.ndarray) -> np.ndarray:
        if name.endswith("features"):   # to three digits, which is more than they mean
            return values.astype(np.float16)
        if self.bounded and _is_of_samples(name):
            return np.rint(values.clip(0, 1) * 255).astype(np.uint8)
        return values

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        for f in fields(self):
            if isinstance(value := getattr(self, f.name), np.ndarray):
                yield f.name, value
        for name, probe in self.probes.items():
            yield SEP.join(("probes", name, "x")), probe.x
        for name, drawn in self.drawn.items():
            for part, value in vars(drawn).items():
                yield SEP.join(("drawn", name, part)), value
        for name, x in self.restored.items():
            yield SEP.join(("restored", name, "x")), x


def of_accuracy(count: int) -> np.ndarray:
    """Indices (S,) of the samples whose classes are predicted."""
    return np.linspace(0, count - 1, min(count, FEW)).astype(int)


def _is_of_samples(name: str) -> bool:
    return name in ("x", "recon") or name.endswith(SEP + "x")


def _unpacked(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / 255


def load_snapshot(
    path: Path, history: tuple[dict[str, float], ...] = (), best_epoch: float = 0,
    factors: tuple[dict[str, float], ...] = (),
) -> Snapshot:
    """A saved snapshot; raises Outdated for one that is damaged, or holds other things."""
    try:
        if not path.is_file():
            raise FileNotFoundError(path)
        check_zip(path)
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        texts: dict[str, Any] = json.loads(str(arrays.pop("texts", "{}")))
        bounded = arrays["x"].dtype == np.uint8
        arrays = {name: _unpacked(value) if bounded and _is_of_samples(name) else value
                  for name, value in arrays.items()}
        probes = {name: Probe(arrays.pop(SEP.join(("probes", name, "x"))), tuple(rows),
                              tuple(columns), about)
                  for name, (rows, columns, about) in texts.pop("probes").items()}
        drawn = {name: Drawn(**{f.name: arrays.pop(SEP.join(("drawn", name, f.name)))
                                for f in fields(Drawn)}) for name in texts.pop("drawn")}
        restored = {name: arrays.pop(SEP.join(("restored", name, "x")))
                    for name in texts.pop("restored")}
        texts = {name: tuple(v) if isinstance(v, list) else v for name, v in texts.items()}
        return Snapshot(**arrays, **texts, bounded=bounded, probes=probes, drawn=drawn,
                        restored=restored, history=history, best_epoch=best_epoch, factors=factors)
    except (KeyError, TypeError):
        raise Outdated(f"{path} is from another version of Hourglass") from None
    except (OSError, ValueError, EOFError, BadZipFile, MemoryError, RuntimeError,
            NotImplementedError, zlib.error):
        raise Outdated(f"{path} is not a complete snapshot") from None
