"""The encoder and the decoder of a trained model as torch modules that share its weights."""

import copy

from ..inference.encoder_decoder import Half
from ..inference.trained import Trained


def half_of(model: Trained, half: str) -> Half:
    """The encoder (x (B, *shape) -> z) or the decoder (z -> mean of x) of a model, with the very
    weights that the model has: to train one trains the other."""
    twin = copy.copy(model.model)
    twin._modules = dict(model.model._modules)   # so that leaving out a side leaves ours whole
    twin.training = model.model.training
    return Half(twin, half, model.shape, model.description.scale)
