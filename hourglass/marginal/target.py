"""What weighing codes takes of a model: draws from q(z|x), and how likely they are."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..autoencoder import Autoencoder
from ..contracts import Batch, Latent, Output
from ..data.source import Split
from ..terms.basic import log_likelihood
from .mixtures import log_density

AT_ONCE = {"cpu": 2**20, "cuda": 2**25}   # values of x decoded together, that caches or memory hold
SUCH_AS = "such as gaussian(16)"


class Drawn(NamedTuple):
    """Codes of a batch's samples, and the part of their weights that asks nothing of x."""

    z: Tensor       # (K, B, ...)
    ratio: Tensor   # (K, B) log p(z) - log q(z|x), in double precision


def nats(density: Distribution, z: Tensor) -> Tensor:
    """log of the density of codes z (K, B, ...), (K, B)."""
    each = log_density(density, z)
    return each.flatten(2).sum(2) if each.ndim > 2 else each


def densities(model: Autoencoder, batch: Batch) -> tuple[Distribution, Distribution]:
    """q(z|x) and p(z) of a batch; `check` has seen that they are there."""
    latent = model.encode(batch.seen, batch.y)[0]
    assert latent.q is not None and latent.p is not None
    return latent.q, latent.p


def draw(model: Autoencoder, split: Split, row: Tensor, count: int, seed: int) -> Drawn:
    """So many codes of one sample, the row (1,) of a split, in noise that the seed and its place in
    the data decide: not what is drawn beside it."""
    q, p = densities(model, split.batch(row))
    torch.manual_seed(seed_of(split, row, seed))
    z = q.sample(torch.Size((count,)))
    return Drawn(z, nats(p, z).double() - nats(q, z).double())


def seed_of(split: Split, row: Tensor, seed: int) -> int:
    """The seed of a sample's own noise."""
    return (seed * 1_000_003 + int(split.index[row])) % 2**63


def likely(model: Autoencoder, batch: Batch, z: Tensor) -> Tensor:
    """log p(x|z), (K, B), of codes z (K, B, ...) of a batch, decoded some at a time."""
    first = model.decode(z[0], batch.y)
    out = Output(batch.x, Latent(z[0]), first, batch.known, batch.y)
    parts = z.split(max(1, at_once(batch.x) // len(batch.x)))
    return torch.cat([log_likelihood(out, model, part) for part in parts])


def at_once(x: Tensor) -> int:
    """How many samples like those of x (B, ...) should be decoded together."""
    return max(1, AT_ONCE.get(x.device.type, AT_ONCE["cpu"]) // math.prod(x.shape[1:]))


@torch.no_grad()
def check(model: Autoencoder, batch: Batch) -> None:
    """Raises ValueError, with what is needed, where codes of this model cannot be weighed."""
    latent, skips = model.encode(batch.seen, batch.y)
    q, p = latent.q, latent.p
    if q is None or p is None:
        raise ValueError(f"log p(x) needs a bottleneck with a posterior and a prior, {SUCH_AS}; "
                         f"this model's gives none")
    if skips:
        raise ValueError("log p(x) needs a decoder that sees the code alone; this one also sees "
                         "maps of the encoder's, and so x")
    try:
        z = q.sample(torch.Size((2,)))
        fits = z.shape[1:] == latent.z.shape
        before = (nats(q, z), nats(p, z)) if fits else ()
    except NotImplementedError:
        fits, before = False, ()
    if not fits or any(each.shape != z.shape[:2] for each in before):
        raise ValueError(f"log p(x) needs a bottleneck whose posterior and prior give codes and "
                         f"their densities, {SUCH_AS}; {type(q).__name__} does not")
    again = model.encode(batch.seen, batch.y, draw=True)[0]
    assert again.q is not None and again.p is not None
    after = (nats(again.q, z), nats(again.p, z))
    if not all(map(_near, before, after)):
        raise ValueError(f"log p(x) needs a posterior and a prior that do not hang on what was "
                         f"drawn before, {SUCH_AS}; this bottleneck's do")
    alone = torch.cat([likely(model, batch, each) for each in z.split(1)])
    if not _near(likely(model, batch, z), alone):
        raise ValueError("log p(x) needs a likelihood of each sample by itself; this one's hangs "
                         "on the others in the batch")


def _near(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)
