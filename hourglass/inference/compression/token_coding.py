"""Discrete codes as whole numbers and back: their words, which need no rounding."""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from ...core.contracts import Alphabet
from ...model.autoencoder import Autoencoder
from .latent_coding import spreads_of

FINE = 128   # a spread, in eighths, up to which every word has a symbol of its own


@dataclass(frozen=True)
class WordGrid:
    """Words around 0, a row for each of the codebooks that they are of in turns."""

    alphabet: Alphabet
    books: int

    @property
    def steps(self) -> np.ndarray:
        """As a grid of numbers has them; here they say nothing."""
        return np.zeros(self.books, np.int64)

    @property
    def centres(self) -> np.ndarray:
        """The same."""
        return self.steps

    def spreads(self, q: np.ndarray) -> np.ndarray:
        """The mean distance of words (N, books, P) from 0, in eighths, as far as tables can learn
        every word's own frequency."""
        return spreads_of(q).clip(max=FINE) if self.alphabet.size < 2 * FINE else spreads_of(q)

    @torch.inference_mode()
    def round(self, z: np.ndarray) -> np.ndarray:
        """The words of codes z (N, D, ...), (N, books, P)."""
        words = self.alphabet.read(torch.from_numpy(np.asarray(z, np.float64))).numpy()
        words = words.reshape(len(z), -1, self.books) - self.alphabet.size // 2
        return rearrange(words, "n p b -> n b p")

    @torch.inference_mode()
    def place(self, q: np.ndarray) -> np.ndarray:
        """The codes (N, D, ...) that words (N, books, P) stand for, in double precision; raises
        ValueError for what is no word."""
        words = rearrange(q, "n b p -> n p b").reshape(len(q), *self.alphabet.places)
        words = words + self.alphabet.size // 2
        if words.min(initial=0) < 0 or words.max(initial=0) >= self.alphabet.size:
            raise ValueError("its words are none of this model's; it was altered")
        return self.alphabet.write(torch.from_numpy(words)).double().numpy()


def word_grid(model: Autoencoder) -> WordGrid | None:
    """That of a model on the CPU, if its codes are discrete."""
    alphabet = model.alphabet
    return None if alphabet is None else WordGrid(alphabet, model.books)
