"""Results of a trained model for samples: errors, likelihoods and codes, the same at every call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from ..core.channels import channels_last
from ..core.contracts import Batch, Rule, Seen
from ..core.part_contracts import HasMembers, offers
from ..data.split_data import Split
from ..model.autoencoder import Autoencoder
from .batches import batches
from .pca import PCA, values_of

OF_ENSEMBLES = frozenset({"spread", "members"})   # what detectors ask of several members
NOISE_SEED = 0   # seed of the samples of z, the same for every sample and call


@dataclass(frozen=True)
class Look:
    """Options: what to compute in addition to errors and codes."""

    draws: int = 0                       # samples of z to estimate likelihoods from
    # error maps: model, pca; of ensembles: spread, members; the samples: inputs, images
    maps: frozenset[str] = frozenset()
    pca: PCA | None = None               # of the training samples, if `maps` needs it

    def covers(self, rule: Rule) -> bool:
        """Whether a detector gets all that it needs."""
        return rule.maps <= self.maps and rule.draws in (0, self.draws)


PLAIN = Look()


@torch.inference_mode()
def see(
    model: Autoencoder, split: Split, rows: Tensor | None = None, draws: int = 0,
    look: Look = PLAIN,
) -> Seen:
    """Pass samples of a split, all or some rows, through the model without noise. With a Gaussian
    posterior, `draws` samples of z estimate the likelihood of each."""
    look = replace(look, draws=draws or look.draws)
    model.eval()
    return together([seen_of(model, batch, look) for batch in batches(split, rows, "scoring")])


@torch.inference_mode()
def seen_of(model: Autoencoder, batch: Batch, look: Look = PLAIN) -> Seen:
    """Results for one batch, in the precision of batch and model."""
    draws = look.draws
    latent, skips = model.encode(batch.seen, batch.y)
    px = model.decode(latent.z, batch.y, skips)
    drawn = [px] if not draws or not _is_gaussian(latent.q) else (
        model.decode(z, batch.y, skips) for z in _drawn(latent.q, draws))
    nats = _mean(-density.log_prob(batch.x) for density in drawn)
    # tokens have no squared error: it is -log p(x|z) of each
    error = -px.log_prob(batch.x) if model.of_tokens else (px.mean - batch.x).square()
    errors, each_nats, z = (t.cpu().numpy() for t in (
        _per_known(error, batch.known), _per_known(nats, batch.known), latent.z.flatten(1)))
    seen = Seen(errors.astype(np.float64), each_nats.astype(np.float64), z)
    if "inputs" in look.maps:
        seen = seen._replace(x=values_of(batch))
    if "images" in look.maps:
        seen = seen._replace(images=channels_last(batch.x).float().cpu().numpy())
    if "model" in look.maps:
        known = error if batch.known is None else error.masked_fill(batch.known == 0, torch.nan)
        seen = seen._replace(model=by_place(channels_last(known).float().cpu().numpy()))
    if "pca" in look.maps and look.pca is not None:
        values = values_of(batch).reshape(channels_last(error).shape)
        small = look.pca.first((latent.z if latent.codes is None else latent.codes)[0].numel())
        linear = _mean_of_known(small.squared_errors(values).reshape(len(values), -1))
        seen = seen._replace(pca=by_place(look.pca.squared_errors(values)), linear=linear)
    if look.maps & OF_ENSEMBLES:
        several = offers(model.likelihood, HasMembers)
        if "spread" in look.maps:
            check_members(model)
        means = model.member_means(latent.z, skips) if several else px.mean[None]
        seen = _with_members(seen, means, model.likelihood.weights if several else (1.0,), batch)
    return seen


def check_members(model: Autoencoder) -> None:
    """Raises ValueError for a model without members, which cannot disagree."""
    if not offers(model.likelihood, HasMembers):
        raise ValueError("only the members of an ensemble can disagree, and this is one model. To "
                         "make one: hourglass ensemble runs/1 runs/2 -o runs/both")


def _with_members(seen: Seen, means: Tensor, shares: tuple[float, ...], batch: Batch) -> Seen:
    """Add the results of an ensemble's members, whose means (K, B, *shape) have the weights
    `shares` (K,)."""
    weights = means.new_tensor(shares)
    errors = torch.stack([_per_known((mean - batch.x).square(), batch.known) for mean in means], 1)
    variance = variance_among(means, weights)
    known = variance if batch.known is None else variance.masked_fill(batch.known == 0, torch.nan)
    return seen._replace(
        spread=by_place(channels_last(known).float().cpu().numpy()),
        members=errors.double().cpu().numpy(),
        weights=weights.double().expand(len(batch.x), -1).cpu().numpy())


def variance_among(means: Tensor, weights: Tensor) -> Tensor:
    """The weighted variance (B, *shape) among reconstructions (K, B, *shape), weights (K,)."""
    middle = torch.einsum("k,k...->...", weights, means)
    variance: Tensor = torch.einsum("k,k...->...", weights, (means - middle).square())
    return variance


def by_place(errors: np.ndarray) -> np.ndarray:
    """Errors of values (N, H, W, C), (N, T, C) or (N, D) as (N, H, W), (N, T) or (N, D, 1):
    averaged over observed channels, NaN where none is observed."""
    if errors.ndim == 2:
        return errors[..., None]
    known = np.isfinite(errors)
    if known.all():
        whole: np.ndarray = errors.mean(-1)
        return whole
    count = known.sum(-1)
    mean = np.where(known, errors, 0).sum(-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(errors.dtype)


def _mean_of_known(errors: np.ndarray) -> np.ndarray:
    """Mean of each sample's errors (N, ...) that are no NaN, (N,); 0 without any."""
    known = np.isfinite(errors)
    mean: np.ndarray = np.where(known, errors, 0).sum(1) / np.maximum(known.sum(1), 1)
    return mean


def together(batches: Sequence[Seen]) -> Seen:
    """Join the results of several batches."""
    return Seen(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


@torch.inference_mode()
def has_posterior(model: Autoencoder, batch: Batch) -> bool:
    """Whether z can be sampled from a Gaussian posterior."""
    return _is_gaussian(model.encode(batch.x, batch.y)[0].q)


def _is_gaussian(q: Distribution | None) -> TypeGuard[Normal]:
    """Whether new codes can be sampled from q: not from a ladder's lower levels."""
    return isinstance(q, Normal) and q.has_rsample


@torch.inference_mode()
def squared_errors(model: Autoencoder, split: Split) -> np.ndarray:
    """Squared error of every value of the reconstructions, (N, H, W, C), (N, T, C) or (N, D); NaN
    for missing values."""
    model.eval()
    errors = []
    for batch in batches(split, None, "comparing"):
        out = model(batch.x, batch.y, encoder_input=batch.encoder_input, known=batch.known)
        error = (out.px.mean - batch.x).square().float()
        if batch.known is not None:
            error = error.masked_fill(batch.known == 0, torch.nan)
        errors.append(channels_last(error).cpu())
    return torch.cat(errors).contiguous().numpy()


def _drawn(q: Normal, draws: int) -> Iterator[Tensor]:
    """Yield samples of z (B, ...), with one noise for all, so that none depends on its batch."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    for noise in torch.randn(draws, *q.mean.shape[1:], generator=generator):
        yield q.mean + q.stddev * noise.to(q.mean.device)


def _mean(values: Iterable[Tensor]) -> Tensor:
    """Mean of tensors that are made one by one, so that they are not all in memory."""
    count, total = 1, next(iterator := iter(values))
    for value in iterator:
        count, total = count + 1, total + value
    return total / count


def _per_known(values: Tensor, known: Tensor | None) -> Tensor:
    """Mean of each sample's observed values (B, ...), (B,); 0 without any."""
    if known is None:
        return values.flatten(1).mean(1)
    return (values * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
