"""Snapshot: what a trained model makes of some samples, looked at once; metrics and figures draw
on it alone."""

from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from .autoencoder import Autoencoder
from .data.source import Source
from .disk import write_whole
from .posterior import moments

VALUES = ("x", "recon", "samples")   # arrays of samples
DRAWN = 40                 # samples from the prior, or
A_CLASS = 8                # of each class, of at most
CLASSES = 10
MOST = 10_000              # samples, and
MOST_VALUES = 30_000_000   # values of x that a snapshot holds


class Lacking(Exception):
    """Raised by a figure or metric that does not apply, with what is lacking; callers skip it."""


@dataclass
class Snapshot:
    """Samples and what became of them. Images are (N, H, W, C), as float in the data's range."""

    x: np.ndarray                   # (N, H, W, C) or (N, D)
    recon: np.ndarray               # the same shape: the mean of p(x|z)
    z: np.ndarray                   # (N, ...) codes
    nats: np.ndarray                # (N,) -log p(x|z)
    kl: np.ndarray                  # (D,) mean KL of each factor, or (0,)
    samples: np.ndarray             # (M, H, W, C) or (M, D): drawn from the model's own prior
    of: np.ndarray                  # (M,) their classes, or (0,)
    y: np.ndarray                   # (N,) labels, or (0,)
    classes: tuple[str, ...]
    names: tuple[str, ...]          # of files, or ()
    split: str                      # which split the samples are of
    total: int                      # how many that split has
    bounded: bool                   # whether x lies in [0, 1]
    history: tuple[dict[str, float], ...] = ()
    best_epoch: int = 0
    factors: tuple[dict[str, float], ...] = ()   # of every epoch, KL per factor

    @property
    def squared(self) -> np.ndarray:
        """(N,) mean squared error of each sample."""
        return np.square(self.x - self.recon).reshape(len(self.x), -1).mean(1)

    def save(self, path: Path) -> None:
        """Write the arrays as .npz, values in [0, 1] as 8 bits."""
        held = {f.name: getattr(self, f.name) for f in fields(self)
                if isinstance(getattr(self, f.name), np.ndarray)}
        for name in VALUES if self.bounded else ():
            held[name] = np.rint(held[name].clip(0, 1) * 255).astype(np.uint8)
        buffer = BytesIO()
        np.savez_compressed(buffer, classes=np.array(self.classes, str),
                            names=np.array(self.names, str),
                            about=np.array([self.split, str(self.total)]), **held)
        write_whole(path, buffer.getvalue())


def load_snapshot(
    path: Path, history: tuple[dict[str, float], ...] = (), best_epoch: int = 0,
    factors: tuple[dict[str, float], ...] = (),
) -> Snapshot:
    """A saved snapshot; raises ValueError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            held = dict(file)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is no whole snapshot ({error})") from None
    if not {f.name for f in fields(Snapshot) if f.type is np.ndarray} <= set(held):
        raise ValueError(f"{path} is from another version of Hourglass; delete it, and give "
                         f"hourglass report again: it looks anew, at weights and data")
    bounded = held["x"].dtype == np.uint8
    for name in VALUES if bounded else ():
        held[name] = held[name].astype(np.float32) / 255
    split, total = held.pop("about")
    classes, names = (tuple(map(str, held.pop(name))) for name in ("classes", "names"))
    return Snapshot(**held, classes=classes, names=names, split=str(split), total=int(total),
                    bounded=bounded, history=history, best_epoch=best_epoch, factors=factors)


@torch.inference_mode()
def take(model: Autoencoder, source: Source) -> Snapshot:
    """Pass the test split (else val, else train) through the model, deterministically, and draw
    some samples from its prior, always from the same noise."""
    model.eval()
    name, split = source.unseen, source.splits[source.unseen]
    count = min(len(split), MOST, max(1, MOST_VALUES // int(np.prod(source.shape))))
    rows = torch.arange(len(split)) if count == len(split) else (
        torch.linspace(0, len(split) - 1, count).long())
    parts, kl = [], torch.zeros(0)
    for chunk in rows.split(250):
        batch = split.batch(chunk)
        out = model(batch.x, batch.y)
        if (found := moments(out.latent)):
            kl = found["q_kl"].cpu() * len(chunk) / len(rows) + (kl if len(kl) else 0)
        nats = -out.px.log_prob(batch.x).flatten(1).sum(1)
        parts.append([t.float().cpu() for t in (batch.x, out.px.mean, out.latent.z, nats)])
    drawn, of = _drawn(model, split.device, len(source.classes))
    whole, again, z, nats = (torch.cat(p) for p in zip(*parts, strict=True))
    x, recon, samples = (_channels_last(v) for v in (whole, again, drawn))
    index = split.index[rows].cpu()
    y = np.empty(0, np.int64) if split.y is None else split.y.cpu()[index].numpy()
    names = tuple(source.names[i] for i in index.tolist()) if source.names else ()
    return Snapshot(x, recon, z.numpy(), nats.numpy(), kl.numpy(), samples, of, y, source.classes,
                    names, name, len(split), source.low >= 0 and source.high <= 1)


def _drawn(model: Autoencoder, device: torch.device, classes: int) -> tuple[Tensor, np.ndarray]:
    """Means of draws from the prior, (M, *shape), and of which class each is."""
    of = torch.empty(0, dtype=torch.long)
    if model.condition is not None:
        of = torch.arange(min(classes, CLASSES)).repeat_interleave(A_CLASS)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        drawn = model.sample(len(of) or DRAWN, of.to(device) if len(of) else None)
    return drawn.float().cpu(), of.numpy()


def _channels_last(t: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rearrange(t, "n c h w -> n h w c") if t.ndim == 4 else t)
