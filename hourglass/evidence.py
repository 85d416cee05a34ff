"""What a trained model makes of samples: errors, likelihoods and codes, the same at every call."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

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
    found = []
    for batch in _batches(model, split, rows, "scoring"):
        told = batch.y if model.condition is not None else None
        latent, skips = model.encode(batch.x if batch.given is None else batch.given, told)
        px = model.decode(latent.z, told, skips)
        drawn = [px] if not draws or not isinstance(latent.q, Normal) else (
            model.decode(z, told, skips) for z in _drawn(latent.q, draws))
        nats = _mean(-each.log_prob(batch.x) for each in drawn)
        error = (px.mean - batch.x).square()
        found.append([t.float().cpu() for t in (
            _per_known(error, batch.known), _per_known(nats, batch.known), latent.z.flatten(1))])
    errors, each_nats, z = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Seen(errors.double().numpy(), each_nats.double().numpy(), z.numpy())


@torch.inference_mode()
def has_posterior(model: Autoencoder, batch: Batch) -> bool:
    """Whether z can be drawn from a Gaussian posterior."""
    told = batch.y if model.condition is not None else None
    return isinstance(model.encode(batch.x, told)[0].q, Normal)


@torch.inference_mode()
def squared_errors(model: Autoencoder, split: Split) -> np.ndarray:
    """Squared error of every value of the reconstructions, (N, H, W, C), (N, T, C) or (N, D); NaN
    where the value is not known."""
    found = []
    for batch in _batches(model, split, None, "comparing"):
        told = batch.y if model.condition is not None else None
        out = model(batch.x, told, given=batch.given, known=batch.known)
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
