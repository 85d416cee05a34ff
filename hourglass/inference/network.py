"""A trained network applied to arrays, in batches: samples to codes, and codes to samples."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..core.channels import channels_first, channels_last
from ..core.random_numbers import seeded
from ..model.autoencoder import Autoencoder
from ..model.likelihoods.tokens import chooser
from .any_size import stride_of
from .batches import in_batches
from .inputs import Inputs

Use = Callable[[Tensor, Tensor | None], Tensor]


class Network:
    """An autoencoder from array to array. Samples are (N, H, W, C), (N, T, C) or (N, D), as
    `Inputs` prepares them; classes y are (N,) numbers, for a conditional model."""

    def __init__(self, model: Autoencoder, inputs: Inputs):
        self.model, self.inputs = model, inputs
        self._code: tuple[int, ...] | None = None

    @property
    def device(self) -> torch.device:
        """The device of its weights."""
        return next(self.model.parameters()).device

    @cached_property
    def stride(self) -> tuple[int, int] | None:
        """Pixels per step of the code, for a model that takes images of any size; otherwise
        None."""
        return stride_of(self.model)

    @property
    def code(self) -> tuple[int, ...]:
        """The shape of one code."""
        # no cached_property: before Python 3.12 it has a lock of its own, and who waits for noise
        # with that lock would keep out who has the noise
        if self._code is None:
            self._code = self.own_codes(1).shape[1:]
        return self._code

    def encode(self, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Codes (N, ...): the posterior's means."""
        return self._each(x, y, lambda x, y: self.model.encode(channels_first(x), y)[0].z).numpy()

    def decode(self, z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Samples decoded from codes (N, ...): means."""
        return channels_last(self._each(z, y, lambda z, y: self.model.decode(
            self.model.settled(z), y).mean)).numpy()

    def write(
        self, z: np.ndarray, y: np.ndarray | None, temperature: float, top_k: int, seed: int
    ) -> np.ndarray:
        """Lines (N, T) of token indices that are drawn token by token, given codes (N, ...)."""
        choose = chooser(temperature, top_k)
        with seeded(seed, self.device):
            return self._each(z, y, lambda z, y: self.model.decode(
                self.model.settled(z), y).drawn(choose)).numpy()  # type: ignore[attr-defined]

    def reconstruct(self, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Reconstruct samples."""
        return np.asarray(channels_last(self._each(
            x, y, lambda x, y: self.model(channels_first(x), y).px.mean)).numpy())

    def guess(self, x: np.ndarray) -> np.ndarray:
        """Probabilities of the classes, (N, K), for a model that infers them."""
        logits = self._each(x, None, lambda x, y: self.model.encode(
            channels_first(x))[0].guess)  # type: ignore[arg-type, return-value]
        shares: np.ndarray = logits.softmax(1).numpy()
        return shares

    def own_codes(self, n: int, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        """n codes (n, ...) from the model's own prior."""
        with seeded(seed):
            drawn = self.model.sample_prior(n)
        return (drawn if temperature == 1 else temperature * drawn).numpy()

    def _each(self, x: np.ndarray, y: np.ndarray | None, use: Use) -> Tensor:
        return in_batches(x, y, use, self.inputs.worth(x), self.device)
