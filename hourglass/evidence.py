"""What a trained model makes of samples: errors, likelihoods and codes, the same at every call."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from .autoencoder import Autoencoder
from .channels import channels_last
from .console import track
from .contracts import Batch, Seen
from .data.source import Split

BATCH = 250
NOISE_SEED = 0   # of the draws of z, which are the same for every sample and at every call


@torch.inference_mode()
def see(model: Autoencoder, split: Split, rows: Tensor | None = None, draws: int = 0) -> Seen:
    """Pass samples of a split, all or some rows, through the model without noise; `draws` of z for
    the likelihood of each, where there is a Gaussian posterior."""
    found = [seen_of(model, batch, draws) for batch in _batches(model, split, rows, "scoring")]
    return together(found)


@torch.inference_mode()
def seen_of(model: Autoencoder, batch: Batch, draws: int = 0) -> Seen:
    """The same of one batch, in the precision that it and the model have."""
    latent, skips = model.encode(batch.seen, batch.y)
    px = model.decode(latent.z, batch.y, skips)
    drawn = [px] if not draws or not _is_gaussian(latent.q) else (
        model.decode(z, batch.y, skips) for z in _drawn(latent.q, draws))
    nats = _mean(-each.log_prob(batch.x) for each in drawn)
    error = (px.mean - batch.x).square()
    errors, each_nats, z = (t.cpu().numpy() for t in (
        _per_known(error, batch.known), _per_known(nats, batch.known), latent.z.flatten(1)))
    return Seen(errors.astype(np.float64), each_nats.astype(np.float64), z)


def together(found: Sequence[Seen]) -> Seen:
    """What was seen of several batches, as of one."""
    return Seen(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


@torch.inference_mode()
def has_posterior(model: Autoencoder, batch: Batch) -> bool:
    """Whether z can be drawn from a Gaussian posterior."""
    return _is_gaussian(model.encode(batch.x, batch.y)[0].q)


def _is_gaussian(q: Distribution | None) -> TypeGuard[Normal]:
    """Whether q is one of which new codes can be drawn: a ladder's lower levels cannot."""
    return isinstance(q, Normal) and q.has_rsample


@torch.inference_mode()
def squared_errors(model: Autoencoder, split: Split) -> np.ndarray:
    """Squared error of every value of the reconstructions, (N, H, W, C), (N, T, C) or (N, D); NaN
    where the value is not known."""
    found = []
    for batch in _batches(model, split, None, "comparing"):
        out = model(batch.x, batch.y, given=batch.given, known=batch.known)
        error = (out.px.mean - batch.x).square().float()
        if batch.known is not None:
            error = error.masked_fill(batch.known == 0, torch.nan)
        found.append(channels_last(error).cpu())
    return torch.cat(found).contiguous().numpy()


def _batches(
    model: Autoencoder, split: Split, rows: Tensor | None, what: str
) -> Iterator[Batch]:
    model.eval()
    chunks = (torch.arange(len(split)) if rows is None else rows).split(BATCH)
    return (split.batch(chunk) for chunk in track(chunks, len(chunks), what))


def _drawn(q: Normal, draws: int) -> Iterator[Tensor]:
    """Draws of z (B, ...), each in one noise for all samples, so that none depends on its batch."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    for noise in torch.randn(draws, *q.mean.shape[1:], generator=generator):
        yield q.mean + q.stddev * noise.to(q.mean.device)


def _mean(values: Iterable[Tensor]) -> Tensor:
    """Of tensors that are made one after the other, so that not all are held."""
    count, total = 1, next(found := iter(values))
    for value in found:
        count, total = count + 1, total + value
    return total / count


def _per_known(values: Tensor, known: Tensor | None) -> Tensor:
    """(B,) the mean of each sample's known values (B, ...); 0 where none is."""
    if known is None:
        return values.flatten(1).mean(1)
    return (values * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
