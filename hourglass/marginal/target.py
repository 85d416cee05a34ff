"""What weighing codes takes of a model: draws from q(z|x), and how likely they are."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from ..autoencoder import Autoencoder
from ..contracts import Batch, Latent, Output
from ..data.source import Split
from ..terms.basic import log_likelihood
from .mixtures import log_density

AT_ONCE = {"cpu": 2**20, "cuda": 2**25}   # values of x decoded together, that caches or memory hold
SUCH_AS = "such as gaussian(16)"


def nats(density: Distribution, z: Tensor) -> Tensor:
    """log of the density of codes z (K, B, ...), (K, B)."""
    each = log_density(density, z)
    return each.flatten(2).sum(2) if each.ndim > 2 else each


@dataclass(frozen=True)
class Posed:
    """A batch of samples, encoded, with codes that were drawn for each."""

    model: Autoencoder
    out: Output
    q: Distribution
    p: Distribution
    z: Tensor        # (K, B, ...)

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log p(x|z), log q(z|x) and log p(z) of codes z (K, B, ...), (K, B) each, in double
        precision."""
        return (log_likelihood(self.out, self.model, z).double(), nats(self.q, z).double(),
                nats(self.p, z).double())

    def log_weights(self) -> Tensor:
        """log p(x, z) - log q(z|x) of the codes, (K, B), some at a time."""
        found = []
        for z in self.z.split(max(1, at_once(self.out.x) // len(self.out.x))):
            likely, of_q, of_p = self.parts(z)
            found.append(likely + of_p - of_q)
        return torch.cat(found)


@torch.no_grad()
def pose(model: Autoencoder, split: Split, rows: Tensor, count: int, seed: int) -> Posed:
    """The samples at these rows of a split, and `count` codes of each, in noise that the seed and a
    sample's place in the data decide: not what is drawn beside it."""
    batch = split.batch(rows)
    q, p = densities(model, batch)
    seeds = [seed_of(split, row, seed) for row in rows.split(1)]
    inner = q.base_dist if isinstance(q, Independent) else q
    if isinstance(inner, Normal):
        noise = [torch.randn(count, *inner.loc.shape[1:], device=split.device,
                             generator=torch.Generator(split.device).manual_seed(own))
                 for own in seeds]
        z = inner.loc + inner.scale * torch.stack(noise, 1)
    else:
        z = torch.cat([_alone(model, split.batch(row), count, own)
                       for row, own in zip(rows.split(1), seeds, strict=True)], 1)
    return Posed(model, as_output(model, batch, z[0]), q, p, z)


def _alone(model: Autoencoder, batch: Batch, count: int, seed: int) -> Tensor:
    """Codes (K, 1, ...) of one sample, of a posterior that draws in its own way."""
    q, _ = densities(model, batch)
    with own_noise(batch.x.device, seed):
        return q.sample(torch.Size((count,)))


def densities(model: Autoencoder, batch: Batch) -> tuple[Distribution, Distribution]:
    """q(z|x) and p(z) of a batch; `check` has seen that they are there."""
    latent = model.encode(batch.seen, batch.y)[0]
    assert latent.q is not None and latent.p is not None
    return latent.q, latent.p


def as_output(model: Autoencoder, batch: Batch, z: Tensor) -> Output:
    """A batch with a code (B, ...) of each sample, as the loss's terms take it."""
    return Output(batch.x, Latent(z), model.decode(z, batch.y), batch.known, batch.y)


def seed_of(split: Split, row: Tensor, seed: int) -> int:
    """The seed of a sample's own noise."""
    return (seed * 1_000_003 + int(split.index[row])) % 2**63


@contextmanager
def own_noise(device: torch.device, seed: int) -> Iterator[None]:
    """A context with noise of that seed, which leaves everything else's as it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


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
    with own_noise(batch.x.device, 0):
        try:
            z = q.sample(torch.Size((2,)))
            fits = z.shape[1:] == latent.z.shape
            before = (nats(q, z), nats(p, z)) if fits else ()
        except NotImplementedError:
            fits, before = False, ()
        again = model.encode(batch.seen, batch.y, draw=True)[0]
    if not fits or any(each.shape != z.shape[:2] for each in before):
        raise ValueError(f"log p(x) needs a bottleneck whose posterior and prior give codes and "
                         f"their densities, {SUCH_AS}; {type(q).__name__} does not")
    assert again.q is not None and again.p is not None
    if not all(map(_near, before, (nats(again.q, z), nats(again.p, z)))):
        raise ValueError(f"log p(x) needs a posterior and a prior that do not hang on what was "
                         f"drawn before, {SUCH_AS}; this bottleneck's do")
    out = as_output(model, batch, z[0])
    alone = torch.cat([log_likelihood(out, model, each) for each in z.split(1)])
    if not _near(log_likelihood(out, model, z), alone):
        raise ValueError("log p(x) needs a likelihood of each sample by itself; this one's hangs "
                         "on the others in the batch")


def _near(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True)
