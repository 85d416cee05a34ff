"""Notes on a user's own decoder, from one forward pass before training."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.console import warn_if_silent
from ..core.contracts import Batch
from ..core.part_contracts import TakesLogits, offers
from ..model.autoencoder import Autoencoder
from ..model.given_networks import GivenDecoder
from .initial_units import without_noise

SQUASH = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Tanh)   # last layers that give no logits


@torch.no_grad()
def remarks(model: Autoencoder, batch: Batch) -> list[str]:
    """Notes on a user's own decoder: a layer was added before it, or its outputs are not logits
    although the likelihood takes logits. The second note is printed even if training is quiet."""
    decoder = model.decoder
    if not isinstance(decoder, GivenDecoder):
        return []
    outputs: dict[str, Tensor] = {}

    def see_code(module: nn.Module, args: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        outputs["h"] = output[0]

    def see_output(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        outputs["out"] = output
    hooks = [model.encoder.register_forward_hook(see_code),
             decoder.register_forward_hook(see_output)]
    without_noise(model, batch)
    for hook in hooks:
        hook.remove()
    return _said(type(decoder.network).__name__, decoder, model, outputs["h"], outputs["out"])


def _said(
    name: str, decoder: GivenDecoder, model: Autoencoder, h: Tensor, out: Tensor
) -> list[str]:
    said = [] if decoder.takes == tuple(h.shape[1:]) else [
        f"the decoder {name} takes {_in_words(decoder.takes)} and the encoder gives "
        f"{_in_words(h.shape[1:])}; a dense layer of the model leads from the code to the decoder"]
    layers = [layer for layer in decoder.network.modules() if not list(layer.children())]
    squashed = out.min() >= 0 and out.max() <= 1
    if offers(model.likelihood, TakesLogits) and (squashed or isinstance(layers[-1], SQUASH)):
        said.append(f"the decoder {name} seems to end in a sigmoid or similar, but this "
                    f"likelihood takes logits and applies a sigmoid itself, so reconstructions "
                    f"would stay grey. Leave the last activation out of the decoder, or pass "
                    f"--likelihood normal")
        warn_if_silent(said[-1])
    return said


def _in_words(shape: Sequence[int]) -> str:
    return f"{shape[0]} numbers" if len(shape) == 1 else f"maps of {'x'.join(map(str, shape))}"
