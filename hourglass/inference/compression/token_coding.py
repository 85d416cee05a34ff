"""Code discrete latents as integers: their token indices, which need no rounding."""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from ...core.contracts import Alphabet
from ...model.autoencoder import Autoencoder
from .latent_coding import spreads_of

FINE = 128   # largest spread, in eighths, where every token has its own symbol


@dataclass(frozen=True)
class WordGrid:
    """Token indices centred at 0, with one row per codebook."""

    alphabet: Alphabet
    books: int

    @property
    def steps(self) -> np.ndarray:
        """Steps, which have no meaning for tokens."""
        return np.zeros(self.books, np.int64)

    @property
    def centres(self) -> np.ndarray:
        """Centres, which have no meaning for tokens."""
        return self.steps

    def spreads(self, q: np.ndarray) -> np.ndarray:
        """Mean distance of token indices (N, books, P) from 0, in eighths, as far as tables can
        learn every token's own frequency."""
        return spreads_of(q).clip(max=FINE) if self.alphabet.size < 2 * FINE else spreads_of(q)

    @torch.inference_mode()
    def round(self, z: np.ndarray) -> np.ndarray:
        """The token indices of codes z (N, D, ...), (N, books, P)."""
        words = self.alphabet.read(torch.from_numpy(np.asarray(z, np.float64))).numpy()
        words = words.reshape(len(z), -1, self.books) - self.alphabet.size // 2
        return rearrange(words, "n p b -> n b p")

    @torch.inference_mode()
    def place(self, q: np.ndarray) -> np.ndarray:
        """The codes (N, D, ...) of token indices (N, books, P), in double precision. Raises
        ValueError for an invalid index."""
        words = rearrange(q, "n b p -> n p b").reshape(len(q), *self.alphabet.places)
        words = words + self.alphabet.size // 2
        if words.min(initial=0) < 0 or words.max(initial=0) >= self.alphabet.size:
            raise ValueError("its tokens do not belong to this model; it was altered")
        return self.alphabet.write(torch.from_numpy(words)).double().numpy()


def word_grid(model: Autoencoder) -> WordGrid | None:
    """The token grid of a model on the CPU, if its codes are discrete."""
    alphabet = model.alphabet
    return None if alphabet is None else WordGrid(alphabet, model.books)
