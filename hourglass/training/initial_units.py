"""Initialise units before activations on data: mean 0, and a deviation that suits their half."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.hooks import RemovableHandle

from ..core.contracts import Batch, Output
from ..core.part_contracts import Begins, KeepsWeights, offers
from ..core.random_numbers import seeded
from ..data.split_data import Split
from ..model.autoencoder import Autoencoder
from ..model.backbones.layers import ACTIVATIONS, UpConv

LOOKED_AT = 256            # training samples over which units are measured
VALUES = 4_000_000         # at most this many values of them
ENCODER, DECODER = 1.0, 0.05   # deviation of units (benchmarks/initial_weights.py)
SMALLEST = 1e-4            # deviation below which a unit is constant, and keeps its weights
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, UpConv)
KINDS = tuple({type(make()) for make in ACTIVATIONS.values()} - {nn.Identity})


@torch.no_grad()
def begin_standardised(model: Autoencoder, train: Split) -> int:
    """Shift and scale each unit before an activation to mean 0 over training data, and to a
    standard deviation of 1 in the encoder and 0.05 in the decoder.

    Otherwise samples that differ little, such as photographs of one kind of part, make units that
    are nearly constant. Training first takes these constants away, and may do so by making whole
    layers of ReLUs 0, which then learn nothing. The decoder starts small: its output is near the
    mean of the data, and a step of the optimiser, which is of the same size for all weights,
    changes small weights more. With 1 in both halves, training is slow once the first hundred
    steps are over. Layers are treated in the order in which they compute, each on what the earlier
    ones now give. Own networks keep their weights; so do U-Nets, whose skips carry the image,
    models of rows, which are standardised themselves or sparse, and of lines. Returns the number of
    layers (Salimans & Kingma, 2016, arXiv 1602.07868; Mishkin & Matas, 2016, arXiv 1511.06422).
    """
    halves = (model.encoder, model.decoder)
    keeps = any(offers(half, KeepsWeights) for half in halves) or offers(model.decoder, Begins)
    if len(model.shape) == 1 or model.of_tokens or keeps:
        return 0
    size = torch.Size(model.shape).numel()
    rows = train.evenly(max(2, min(LOOKED_AT, VALUES // size)))
    chosen = _before_activations(model, train.batch(rows[:2]))
    encoder = set(model.encoder.modules())   # what expands a code counts to the decoder
    _run(model, train.batch(rows), [_at_first_call(layer, ENCODER if layer in encoder else DECODER)
                                    for layer in chosen])
    return len(chosen)


def _before_activations(model: Autoencoder, batch: Batch) -> list[nn.Module]:
    """The layers whose output, reshaped or not, goes into an activation of encoder or decoder."""
    makers: dict[int, tuple[nn.Module, Tensor]] = {}   # tensors are kept, so that places are theirs
    chosen: dict[nn.Module, None] = {}

    def remember(layer: nn.Module, _: Any, y: Tensor) -> None:
        makers[y.data_ptr()] = layer, y

    def taken(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if maker := makers.get(inputs[0].data_ptr()):
            chosen[maker[0]] = None
    activations = [part for half in (model.encoder, model.decoder) for part in half.modules()
                   if isinstance(part, KINDS)]
    _run(model, batch, [
        *(layer.register_forward_hook(remember) for layer in model.modules() if _ours(layer)),
        *(part.register_forward_pre_hook(taken) for part in activations)])
    return list(chosen)


def _ours(layer: nn.Module) -> bool:
    """Whether a layer has a weight and a bias that can be set."""
    return (isinstance(layer, LAYERS) and layer.bias is not None
            and not is_parametrized(layer) and not is_parametrized(getattr(layer, "conv", layer)))


def _at_first_call(layer: nn.Module, deviation: float) -> RemovableHandle:
    """Standardise a layer when it computes first; later inputs, such as a prior's, do not count."""
    def hook(layer: nn.Module, _: Any, y: Tensor) -> Tensor:
        handle.remove()
        return _standardise(layer, y, deviation)
    handle = layer.register_forward_hook(hook)
    return handle


def _standardise(layer: nn.Module, y: Tensor, deviation: float) -> Tensor:
    """Change a layer's weights so that its output y (N, units) or (N, units, ...) has mean 0 and
    this standard deviation per unit; returns the new output."""
    units = y.ndim - 1 if isinstance(layer, nn.Linear) else 1
    others = [d for d in range(y.ndim) if d != units]
    std, mean = torch.std_mean(y, others, correction=0, keepdim=True)
    std = torch.where(std < SMALLEST, 1.0, std / deviation)
    weight = layer.get_parameter("conv.weight" if isinstance(layer, UpConv) else "weight")
    transposed = isinstance(layer, UpConv | nn.ConvTranspose1d | nn.ConvTranspose2d)
    weight.div_(std.flatten().unflatten(0, [-1 if d == transposed else 1
                                            for d in range(weight.ndim)]))
    bias = layer.get_parameter("bias")
    bias.copy_((bias - mean.flatten()) / std.flatten())
    return (y - mean) / std


def _run(model: Autoencoder, batch: Batch, handles: list[RemovableHandle]) -> None:
    """Run the model on a batch, with hooks that are removed afterwards."""
    try:
        without_noise(model, batch)
    finally:
        for handle in handles:
            handle.remove()


def without_noise(model: Autoencoder, batch: Batch) -> Output:
    """What the model makes of a batch before training. Nothing is drawn, and it stays in its
    mode."""
    trained = model.training
    model.eval()
    try:
        with seeded(None, batch.x.device):
            out: Output = model(batch.x, batch.y, False, batch.encoder_input, batch.known)
            return out
    finally:
        model.train(trained)
