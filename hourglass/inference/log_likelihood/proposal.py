"""The proposal of importance sampling: codes from q(z|x), and their densities."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from ...core.contracts import Batch, Latent, Output
from ...core.part_contracts import Relaxed, offers
from ...core.random_numbers import seeded
from ...data.split_data import Split
from ...model.autoencoder import Autoencoder
from ...model.losses.importance_weights import nats
from ...model.losses.reconstruction import log_likelihood

AT_ONCE = {"cpu": 2**20, "cuda": 2**25}   # values of x decoded together, for caches or memory
SUCH_AS = "such as gaussian(16)"


@dataclass(frozen=True)
class Posed:
    """An encoded batch of samples, with several codes from q(z|x) for each."""

    model: Autoencoder
    out: Output
    latent: Latent
    z: Tensor        # (K, B, ...)
    of_q: Tensor     # (K, B) log q(z|x), in double precision
    of_p: Tensor     # (K, B) log p(z), likewise

    def likely(self, z: Tensor) -> Tensor:
        """log p(x|z) of codes z (K, B, ...), (K, B), in double precision."""
        return log_likelihood(self.out, self.model, z).double()

    def log_weights(self) -> Tensor:
        """log p(x, z) - log q(z|x) of the codes, (K, B), decoded some at a time."""
        parts = self.z.split(_codes_at_once(self.out.x))
        return torch.cat([self.likely(z) for z in parts]) + self.of_p - self.of_q


@torch.no_grad()
def pose(model: Autoencoder, split: Split, rows: Tensor, count: int, seed: int) -> Posed:
    """Encode the samples at these rows of a split, with `count` codes each. Their noise depends on
    the seed and on a sample's place in the data, not on the other samples."""
    batch = split.batch(rows)
    latent = model.encode(batch.seen, batch.y)[0]
    q, p = both(latent)
    seeds = [seed_of(split, row, seed) for row in rows.split(1)]
    inner = q.base_dist if isinstance(q, Independent) else q
    if isinstance(inner, Normal) and redrawn(q):
        noise = [torch.randn(count, *inner.loc.shape[1:], device=split.device,
                             generator=torch.Generator(split.device).manual_seed(own))
                 for own in seeds]
        z = inner.loc + inner.scale * torch.stack(noise, 1)
        parts = z.split(_codes_at_once(batch.x))
        of_q, of_p = (torch.cat([nats(density, part).double() for part in parts])
                      for density in (q, p))
    else:
        z, of_q, of_p = (torch.cat(parts, 1) for parts in zip(*(
            _alone(model, split.batch(row), count, own)
            for row, own in zip(rows.split(1), seeds, strict=True)), strict=True))
    return Posed(model, as_output(model, batch, latent, z[0]), latent, z, of_q, of_p)


def _alone(
    model: Autoencoder, batch: Batch, count: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (K, 1, ...) of one sample, from a posterior with its own way of sampling. Their
    densities come with them, because the posterior may not be able to evaluate them later."""
    h, _ = model.hidden(batch.seen)
    with own_noise(batch.x.device, seed):
        latent = model.squeeze(h, batch.y)
        if redrawn(both(latent)[0]):
            z = both(latent)[0].sample(torch.Size((count,)))
            of_q, of_p = (nats(density, z).double() for density in both(latent))
            return z, of_q, of_p
        y = None if batch.y is None else batch.y.expand(count)
        latent = model.squeeze(h.expand(count, *h.shape[1:]), y, draw=True)
    of_q, of_p = (nats(density, latent.z[None])[0, :, None].double() for density in both(latent))
    return latent.z[:, None], of_q, of_p


def both(latent: Latent) -> tuple[Distribution, Distribution]:
    """q(z|x) and p(z), which `check` has found. Relaxed distributions are replaced by those without
    relaxation."""
    assert latent.q is not None and latent.p is not None
    return _unrelaxed(latent.q), _unrelaxed(latent.p)


def _unrelaxed(density: Any) -> Distribution:
    return density.unrelaxed() if offers(density, Relaxed) else density


def redrawn(q: Distribution) -> bool:
    """Whether codes can be sampled from it again. A ladder's posterior cannot, because each level
    depends on the sample above; there, the whole bottleneck samples again."""
    return bool(vars(q).get("has_rsample", True))


def as_output(model: Autoencoder, batch: Batch, latent: Latent, z: Tensor) -> Output:
    """A batch with a code z (B, ...) per sample, as loss terms need it."""
    return Output(batch.x, latent, model.decode(z, latent.y), batch.known, latent.y)


def _codes_at_once(x: Tensor) -> int:
    """Number of codes of each sample of x (B, ...) that are decoded together."""
    return max(1, at_once(x) // len(x))


def seed_of(split: Split, row: Tensor, seed: int) -> int:
    """The seed of a sample's own noise."""
    return (seed * 1_000_003 + int(split.index[row])) % 2**63


@contextmanager
def own_noise(device: torch.device, seed: int) -> Iterator[None]:
    """A context whose noise has this seed. The noise outside stays as it was."""
    with seeded(seed, device):
        yield


def at_once(x: Tensor) -> int:
    """Number of samples like those of x (B, ...) to decode together."""
    return max(1, AT_ONCE.get(x.device.type, AT_ONCE["cpu"]) // math.prod(x.shape[1:]))


@torch.no_grad()
def check(model: Autoencoder, batch: Batch) -> None:
    """Raise ValueError if this model's codes have no importance weights, and say what is needed."""
    latent, skips = model.encode(batch.seen, batch.y)
    if latent.q is None or latent.p is None:
        raise ValueError(f"log p(x) needs a bottleneck with a posterior and a prior, {SUCH_AS}; "
                         f"this model has none")
    if skips:
        raise ValueError("log p(x) needs a decoder that gets only the code; this one also gets "
                         "feature maps of the encoder, and so x")
    q, p = both(latent)
    with own_noise(batch.x.device, 0):
        drawn = model.encode(batch.seen, batch.y, draw=True)[0]
        z = _again(q, drawn.z)
    try:
        before = tuple(nats(density, z) for density in both(drawn))
        fits = all(log_prob.shape == z.shape[:2] for log_prob in before)
    except (NotImplementedError, RuntimeError):
        fits = False
    if not fits or z.shape[1:] != latent.z.shape:
        raise ValueError("log p(x) needs a bottleneck whose posterior and prior can be sampled "
                         f"and evaluated, {SUCH_AS}; {type(q).__name__} cannot")
    if redrawn(q) and not all(map(_near, before, (nats(q, z), nats(p, z)))):
        raise ValueError(f"log p(x) needs a posterior and a prior that do not depend on earlier "
                         f"samples, {SUCH_AS}; those of this bottleneck do")
    out = as_output(model, batch, latent, z[0])
    alone = torch.cat([log_likelihood(out, model, codes) for codes in z.split(1)])
    if not _near(log_likelihood(out, model, z), alone):
        raise ValueError("log p(x) needs a likelihood of each sample by itself; this one depends "
                         "on the others in the batch")


def _again(q: Distribution, drawn: Tensor) -> Tensor:
    """Codes (K, B, ...) for a trial: two samples of q, or the given ones (B, ...)."""
    return q.sample(torch.Size((2,))) if redrawn(q) else drawn[None]


def _near(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True)
