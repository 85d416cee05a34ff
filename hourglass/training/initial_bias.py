"""Initialise the decoder's last bias so that training starts at the mean of the data."""

import torch
from torch import Tensor, nn

from ..core.part_contracts import Centres, Starts, offers
from ..data.split_data import Split
from ..model.autoencoder import Autoencoder
from .initial_units import without_noise

LOOKED_AT = 2000           # training samples that the mean is taken over
VALUES = 20_000_000        # at most this many values of them
TRIED = 100                # samples on which the bias must lower the loss
TRIED_VALUES = 2_000_000   # at most this many values of them


@torch.no_grad()
def begin_at_mean(model: Autoencoder, train: Split) -> bool:
    """Set the decoder's last bias to the mean of the training samples, per channel or per value,
    as the bias is shaped. Keep it only if it lowers -log p(x|z) on some of them.

    A network that works around the means learns them instead. The samples are spread evenly over
    the split, so no random number is drawn. Returns whether the bias was set.
    """
    size = torch.Size(model.shape).numel()
    rows = train.evenly(max(2, min(LOOKED_AT, VALUES // size)))
    centred = [half for half in (model.encoder, model.decoder) if offers(half, Centres)]
    bias = last_bias(model)
    if not centred and (bias is None or not offers(model.likelihood, Starts)):
        return False
    batch = train.batch(rows)
    x, known = batch.x, batch.known
    for half in centred:
        half.centre(x, known)
    if bias is None or centred:
        return False
    if bias.numel() != torch.Size(model.likelihood.out(model.shape)).numel():   # one per channel
        x, known = _places(x), None if known is None else _places(known)
    before, loss = bias.clone(), _loss(model, train, rows)
    bias.copy_(model.likelihood.start(x, known).reshape(bias.shape))
    if _loss(model, train, rows) < loss:
        return True
    bias.copy_(before)   # such as for a decoder that adds its output to the image
    return False


def last_bias(model: Autoencoder) -> nn.Parameter | None:
    """The decoder's last bias, if it has one number per channel or per value of the output."""
    out = model.likelihood.out(model.shape)
    biases = [p for name, p in model.decoder.named_parameters() if name.endswith("bias")]
    fits = biases and biases[-1].numel() in (out[0], torch.Size(out).numel())
    return biases[-1] if fits else None


def _places(x: Tensor) -> Tensor:
    """(N, C, ...) -> (N positions, C, 1, ...): make every position a sample."""
    flat = x.flatten(2).transpose(1, 2).flatten(0, 1)
    return flat.unflatten(1, (-1, *[1] * (x.ndim - 2)))


def _loss(model: Autoencoder, train: Split, rows: Tensor) -> float:
    """Mean of -log p(x|z) per observed value, without noise. The model is unchanged."""
    most = max(2, min(TRIED, TRIED_VALUES // torch.Size(model.shape).numel()))
    batch = train.batch(rows[:: -(-len(rows) // most)])
    nats = -without_noise(model, batch).px.log_prob(batch.x)
    return float(nats.mean() if batch.known is None else
                 (nats * batch.known).sum() / batch.known.sum().clamp(min=1))
