"""Taking the snapshot of a trained model: all that metrics and figures need, in one look."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from ..core.channels import channels_first, channels_last
from ..data.columns import value_names
from ..data.split_data import Source
from ..inference.batches import LOOKED, batches, pieces
from ..inference.fit_prior import FittedPrior
from ..inference.prompted import DenoiserPrior
from ..model.autoencoder import Autoencoder
from ..model.corruptions import corrupted
from ..model.posterior_stats import moments
from .against_pca import put_beside
from .feature_extractor import Judge, find_judge
from .item_map import item_map
from .latent_grids import Space, all_probes
from .line_snapshot import add_lines
from .ranking import Judged, judge
from .restoration_baselines import baselines
from .snapshot import CLEAN, CORRUPTED, RESTORED, Drawn, Snapshot

MOST = 10_000              # samples, and
MOST_VALUES = 30_000_000   # values of x that a snapshot holds
MOST_RATED = 3_000_000     # values of users' rows; most of them are empty
SHOWN = 40                 # draws of each prior, or
A_CLASS = 8                # of each class, of at most
CLASSES = 10
DRAWN = 5000               # draws that the judge sees, at most
DRAWN_VALUES = 60_000_000
TRIPS = 1000               # codes that are decoded and encoded again
GLANCED, GLANCED_MOST = 100, 2000   # samples, at least and at most, and
GLANCED_VALUES = 8_000_000   # values of them, at a glance
GLANCED_RESTORED = 16        # samples that are corrupted and restored then
COMPARED = 64              # samples that are corrupted and restored, and
COMPARED_VALUES = 6_000_000   # values of them
LONGEST = 20               # characters of a column's name


@dataclass(frozen=True)
class Eye:
    """A model that takes and gives numpy arrays."""

    model: Autoencoder
    device: torch.device
    shape: tuple[int, ...]    # of one code

    @torch.inference_mode()
    def encode(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Codes (N, D) of samples (N, H, W, C) or (N, D), labels (N,) or (0,)."""
        parts = []
        for some, labels in pieces(x, y, size=LOOKED, what="encoding"):
            latent, _ = self.model.encode(_planes(some).to(self.device), self._told(labels))
            parts.append(latent.z.float().cpu())
        return torch.cat(parts).flatten(1).numpy()

    @torch.inference_mode()
    def decode(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Samples (N, H, W, C) or (N, D) of codes (N, D)."""
        parts = []
        for some, labels in pieces(z, y, size=LOOKED, what="decoding"):
            codes = _planes(some).unflatten(1, self.shape).to(self.device)
            parts.append(self.model.decode(self.model.settled(codes), self._told(labels)).mean)
        return channels_last(torch.cat(parts).float().cpu()).contiguous().numpy()

    def _told(self, y: np.ndarray) -> Tensor | None:
        if self.model.condition is None:
            return None
        return torch.from_numpy(np.asarray(y)).to(self.device)


def rows_of(source: Source, split: str = "", limit: int | None = None) -> Tensor:
    """Which rows of a split, by default the unseen one, a snapshot is of."""
    values = MOST_RATED if source.encoding.get("kind") == "ratings" else MOST_VALUES
    most = min(limit or MOST, MOST, max(1, values // int(np.prod(source.shape))))
    return source.splits[split or source.unseen].evenly(most)


def take(
    model: Autoencoder, source: Source,
    priors: Mapping[str, FittedPrior | DenoiserPrior] | None = None, features: str = "",
) -> Snapshot:
    """Pass the test split (otherwise val, otherwise train) through the model without noise, decode
    grids of codes, and sample from the priors with a fixed seed. `features` may name an ONNX file.
    """
    if source.encoding.get("kind") == "ratings":
        return rated(model, source)
    if source.encoding.get("kind") == "lines":
        return of_lines(model, source, {name: prior for name, prior in (priors or {}).items()
                                        if isinstance(prior, FittedPrior)})
    features_by = find_judge(source, features)   # first, because it may refuse the file
    model.eval()
    s = passed(model, source, rows_of(source))
    put_beside(s, source)
    device = source.splits[source.unseen].device
    eye = Eye(model, device, s.z.shape[1:])
    typical = int(np.argsort(s.squared, kind="stable")[len(s.x) // 2])
    space = Space(s.codes, s.y, s.x, s.classes, eye.decode, typical,
                  bool(model.bottleneck.confined))
    s.probes = all_probes(space)
    s.trips, s.box_trips = round_trips(eye, s.codes, s.y)
    s.judge = f"{features_by.name}: {features_by.about}"
    s.features = _judged(features_by.features, s.x)
    s.restored, s.hidden = restored(model, source)
    s.drawn = {name: _drawn(eye, prior, features_by, s) for name, prior in (priors or {}).items()}
    return s


def rated(model: Autoencoder, source: Source) -> Snapshot:
    """A snapshot of a model of ratings: how it and simpler methods rank or predict held-out items,
    and a map of the items."""
    model.eval()
    s = passed(model, source, rows_of(source))
    _put_judged(s, judge(model, source), source)
    s.item_map, s.item_users, s.titles = item_map(model, source.encoding)
    s.pca = f"PCA is left out: {s.methods_about[0]}" if s.methods_about else (
        "PCA is left out: no item is held out to judge by")
    return s


def of_lines(
    model: Autoencoder, source: Source, priors: Mapping[str, FittedPrior], split: str = "",
    limit: int | None = None,
) -> Snapshot:
    """A snapshot of a model of lines of text, and of what it writes."""
    model.eval()
    s = passed(model, source, rows_of(source, split, limit), split)
    add_lines(s, model, source, priors)
    return s


def judged_snapshot(
    model: Autoencoder, source: Source, name: str, limit: int | None = None
) -> Snapshot:
    """A snapshot with only the results of a model of ratings on the held-out items of a split."""
    none = np.empty(0)
    results = judge(model, source, name, limit)
    users = source.splits[name].evenly(results.judged)
    index = source.splits[name].index[users].tolist() if results.methods else []
    s = Snapshot(none, none, none, none, none, none, none, (), tuple(
        source.names[i] for i in index), name, len(index), False)
    _put_judged(s, results, source)
    return s


def _put_judged(s: Snapshot, judged: Judged, source: Source) -> None:
    s.kind, s.bounded, s.items = "ratings", False, source.shape[0]
    s.methods, s.methods_about = judged.methods, judged.about
    s.judged, s.lists = judged.users, judged.lists
    s.rating_errors, s.rating_counts = judged.errors, judged.counts


def glance(model: Autoencoder, source: Source) -> Snapshot:
    """A quick snapshot: only what a comparison of the model with PCA and filters needs."""
    if source.encoding.get("kind") == "ratings":
        return rated(model, source)
    if source.encoding.get("kind") == "lines":
        return of_lines(model, source, {}, limit=GLANCED)
    model.eval()
    split = source.splits[source.unseen]
    most = max(GLANCED, min(GLANCED_MOST, GLANCED_VALUES // int(np.prod(source.shape))))
    s = passed(model, source, split.evenly(most))
    put_beside(s, source, GLANCED_VALUES)
    s.restored, s.hidden = restored(model, source, most=GLANCED_RESTORED)
    return s


@torch.inference_mode()
def passed(model: Autoencoder, source: Source, rows: Tensor, name: str = "") -> Snapshot:
    """Reconstructions and codes of these rows of a split, by default the unseen one, without
    noise."""
    name = name or source.unseen
    split = source.splits[name]
    parts, kl = [], torch.zeros(0)
    for batch in batches(split, rows, "looking at samples"):
        out = model(batch.x, batch.y, encoder_input=batch.encoder_input, known=batch.known)
        if (statistics := moments(out.latent)):
            kl = statistics["q_kl"].cpu() * len(batch.x) / len(rows) + (kl if len(kl) else 0)
        nats = -out.px.log_prob(batch.x)
        nats = (nats if out.known is None else nats * out.known).flatten(1).sum(1)
        q = out.latent.q
        std = q.stddev.flatten(1) if isinstance(q, Normal) else torch.zeros(0, device=nats.device)
        known = torch.zeros(0) if out.known is None else out.known
        words = torch.zeros(0) if out.latent.codes is None else out.latent.codes.flatten(1)
        # lines are written later, and only some
        recon = torch.zeros(0) if model.of_tokens else out.px.mean
        parts.append([t.float().cpu() for t in (batch.x, recon, out.latent.z, std, nats,
                                                known, words)])
    x, recon, z, std, nats, known, words = (torch.cat(p) for p in zip(*parts, strict=True))
    index = split.index[rows].cpu()
    y = np.empty(0, np.int64) if split.y is None else split.y.cpu()[index].numpy()
    names = tuple(source.names[i] for i in index.tolist()) if source.names else ()
    return Snapshot(channels_last(x).contiguous().numpy(),
                    channels_last(recon).contiguous().numpy(), z.numpy(), std.numpy(), nats.numpy(),
                    kl.numpy(), y, source.classes, names, name, len(split),
                    source.low >= 0 and source.high <= 1,
                    channels_last(known).numpy().astype(bool), words=words.numpy().astype(np.int32),
                    books=model.books, columns=_columns(source),
                    **_truth(source, index))


def _columns(source: Source) -> tuple[str, ...]:
    """The names of a table's values, short enough to stand at an axis."""
    if source.encoding.get("kind") != "table":
        return ()
    names = value_names(source.encoding["columns"])
    return tuple(name if len(name) <= LONGEST else f"{name[:LONGEST - 1]}…" for name in names)


def _truth(source: Source, index: Tensor) -> dict[str, Any]:
    if source.factors is None:
        return {}
    return {"truth": source.factors.values[index.numpy()], "truth_names": source.factors.names}


@torch.inference_mode()
def restored(
    model: Autoencoder, source: Source, name: str = "", most: int = COMPARED
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Clean, corrupted, restored and baseline versions of at most `most` samples (M, ...) of a
    split, by default the unseen one, with a fixed seed. Also the mask of the values that the
    corruption hid, (M, ...) or (0,). Empty if training used no corruption."""
    split = source.splits[name or source.unseen]
    if model.corruption == "none" and split.encoder_input is None:
        return {}, np.empty(0)
    fitting = max(1, COMPARED_VALUES // int(np.prod(source.shape)))
    batch = split.batch(split.evenly(min(most, fitting)))
    seen = corrupted(model.corrupt, batch.seen)
    recon = model(batch.x, batch.y, encoder_input=seen.x).px.mean
    bounded = source.low >= 0 and source.high <= 1
    x, corrupted_x, restored_x = (channels_last(t.float().cpu()).contiguous().numpy()
                                  for t in (batch.x, seen.x, recon))
    hidden = np.empty(0) if seen.hidden is None else channels_last(seen.hidden.cpu()).numpy()
    if bounded:   # as files would hold them
        corrupted_x, restored_x = corrupted_x.clip(0, 1), restored_x.clip(0, 1)
    holes: np.ndarray | None = hidden.max(-1) if hidden.size else None
    others = baselines(model.corruption, corrupted_x, x, holes) if bounded and x.ndim == 4 else {}
    return {CORRUPTED: corrupted_x, **others, RESTORED: restored_x, CLEAN: x}, hidden


def round_trips(eye: Eye, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far codes move when they are decoded and encoded again, relative to the spread of all
    codes: first for some of z (N, D), then for as many random points of the box that holds z."""
    rows = np.linspace(0, len(z) - 1, min(TRIPS, len(z))).astype(int)
    drawn = np.random.default_rng(0).uniform(z.min(0), z.max(0), (len(rows), z.shape[1]))
    width = max(float(np.sqrt(z.var(0).sum())), 1e-12)
    distances = []
    for codes in (z[rows], drawn.astype(np.float32)):
        labels = y[rows] if len(y) else y
        encoded = eye.encode(eye.decode(codes, labels), labels)
        distances.append(np.linalg.norm(encoded - codes, axis=1) / width)
    return distances[0], distances[1]


@torch.inference_mode()
def _judged(use: Callable[[Tensor], Tensor], x: np.ndarray) -> np.ndarray:
    """The features or the class scores of x (N, H, W, C) or (N, D)."""
    return torch.cat([use(_planes(some)) for some, in pieces(
        x, size=LOOKED, what="judging")]).numpy()


def _planes(x: np.ndarray) -> Tensor:
    return channels_first(torch.from_numpy(np.ascontiguousarray(x)).float())


def _drawn(eye: Eye, prior: FittedPrior | DenoiserPrior, judge: Judge, s: Snapshot) -> Drawn:
    """Samples of a prior, with classes as frequent as in the data. The first ones are for a
    figure, one row per class."""
    total = min(len(s.x), DRAWN, max(1, DRAWN_VALUES // int(np.prod(s.x.shape[1:]))))
    by_class = eye.model.condition is not None or prior.groups > 1
    kinds = np.flatnonzero(prior.share.numpy() > 0)[:CLASSES] if by_class else np.empty(0, int)
    shown = kinds.repeat(A_CLASS) if by_class else np.zeros(SHOWN, int)
    z, first = prior.sample(len(shown), shown, seed=1) if by_class else prior.sample(SHOWN, seed=1)
    x = eye.decode(z.reshape(len(z), -1), first)
    many, of = prior.sample(total, seed=2)
    features, judged = [], []
    for codes, labels in pieces(many, of, size=LOOKED, what=f"drawing from {prior.text}"):
        images = eye.decode(codes.reshape(len(codes), -1), labels)
        features.append(_judged(judge.features, images))
        if judge.classify is not None:
            judged.append(_judged(judge.classify, images))
    return Drawn(x, of if by_class else np.empty(0, int), np.concatenate(features),
                 np.concatenate(judged) if judged else np.empty(0, int))
