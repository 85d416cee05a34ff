"""Compress samples to a file's content, and decompress it."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.contracts import Collection
from ...model.autoencoder import Autoencoder
from ...run.description import Description
from ..latents import TrainingCodes
from .bilevel_pixels import code_tones
from .container import Header, digest, seal, unseal
from .entropy_coder import Coder, constriction
from .exact_decoder import ExactDecoder, model_digest
from .latent_coding import code_factors, spreads_of
from .predictive_pixels import code_differences, fit_weights, known_count
from .quantiser import QuantiserGrid
from .step_sizes import by_quality, by_share, spread_of
from .token_coding import WordGrid, word_grid

QUALITY = 95.0
MOST_VALUES = 2**31   # in all samples of a file, which are in memory together
MOST_CODES = 2**27
TRIED = 96   # samples on which the error of rounding is measured


@dataclass(frozen=True)
class CompressionOptions:
    """Options of compression: codes are rounded by `quality` or, if that is None, in steps of a
    share of their standard deviation (tokens need no rounding). `lossless` also stores the
    difference from the reconstruction."""

    quality: float | None = QUALITY
    step: float | None = None
    lossless: bool = False

    def __post_init__(self) -> None:
        if (self.quality is None) == (self.step is None):
            raise ValueError("codes are rounded by a quality or by a step; pass one of them")
        if self.quality is not None and not 0 < self.quality < 100:
            raise ValueError(f"quality must be above 0 and below 100: rounding may add 100 - "
                             f"quality percent to the model's squared error; not {self.quality}")
        if self.step is not None and not 1e-4 <= self.step <= 100:
            raise ValueError(f"step must be from 0.0001 to 100 standard deviations of a latent, "
                             f"not {self.step}")


def compression_options(quality: float | None, step: float | None,
                        lossless: bool) -> CompressionOptions:
    """The options, with the default quality if none is set. Raises ValueError."""
    return CompressionOptions(QUALITY if quality is None and step is None else quality, step,
                              lossless)


@dataclass(frozen=True)
class Contents:
    """The content of a compressed file."""

    x: np.ndarray               # images uint8 (N, H, W, C), or float32
    names: tuple[str, ...]      # of files, if they had any
    lossless: bool


class Codec:
    """Compresses samples with one model, and decompresses them with the same.

    `description` is that of the model's file, `code` the shape of one code.
    """

    def __init__(self, model: Autoencoder, description: Description, code: tuple[int, ...]):
        constriction()
        self.shape, self.code = description.shape, code
        self.classes = len(description.classes) if model.condition is not None else 0
        self.model, self.decoder = model, ExactDecoder(
            model, self.shape, description.bounded and description.scale.bits <= 8)
        self.words = word_grid(self.decoder.model)
        fields = description.as_json()
        about = {name: fields[name] for name in ("parts", "shape", "scale", "bounded", "classes")}
        self.digest = model_digest(model, json.dumps(about, sort_keys=True))
        self.scale = description.factor

    def compress(self, collection: Collection, z: np.ndarray, y: np.ndarray | None,
                 wish: CompressionOptions,
                 training: TrainingCodes | None = None) -> bytes:
        """Compress samples, with their codes z (N, D, ...) and classes y (N,), to a file's content.
        A step's share refers to the standard deviation of the `training` codes, if available.

        Raises ValueError for options that cannot be met.
        """
        x = collection.x
        if wish.lossless and (x.dtype != np.uint8 or not self.decoder.eight_bits):
            raise ValueError("only 8-bit images can be compressed losslessly, and these samples "
                             "are not; without lossless, only their codes are stored")
        grid = self._grid(x, z, y, wish, training)
        q = grid.round(z)
        fields = {"count": len(x), "shape": list(self.shape), "codes": digest(q),
                  "steps": grid.steps.tolist(), "centres": grid.centres.tolist(),
                  "spreads": (spreads_of(q) if self.words is None else
                              self.words.spreads(q)).tolist(), "names": list(collection.names),
                  "labels": [] if y is None else y.tolist()}
        if not wish.lossless:
            return self._written(fields, q, x, x)
        guess = self.decoder(grid.place(q).reshape(z.shape), y)
        fields |= {"guess": digest(guess), "pixels": digest(x)}
        manners = ({"rest": "differences", "weights": fit_weights(x, guess)}, {"rest": "tones"})
        return min((self._written({**fields, **manner}, q, guess, x) for manner in manners),
                   key=len)

    def _grid(self, x: np.ndarray, z: np.ndarray, y: np.ndarray | None, wish: CompressionOptions,
              training: TrainingCodes | None) -> QuantiserGrid | WordGrid:
        if self.words is not None:   # tokens need no rounding
            return self.words
        if wish.step is not None:
            return by_share(spread_of(z if training is None else training.z.numpy()), wish.step)
        worth = np.float32(self.scale if x.dtype == np.uint8 else 1.0)
        some = np.unique(np.linspace(0, len(z) - 1, min(len(z), TRIED)).astype(int))
        return by_quality(self.model, z[some], None if y is None else y[some],
                          x[some].astype(np.float32) * worth, wish.quality or QUALITY)

    def _written(
        self, fields: dict[str, Any], q: np.ndarray, guess: np.ndarray, x: np.ndarray
    ) -> bytes:
        """The content for a header with these fields and rounded codes q (N, D, P); also pixels x
        given their prediction, if the fields name a method."""
        header, coder = Header(**fields), Coder()
        self._check(header)
        code_factors(coder, np.array(header.spreads), self._rounded_shape(header.count), q)
        if header.rest:
            _code_rest(coder, header, guess, x)
        return seal(self.digest, header, coder.words())

    def decompress(self, content: bytes) -> Contents:
        """Decompress what `compress` wrote.

        Raises ValueError for an incomplete or altered file, and for one of another model.
        """
        model, header, words = unseal(content)
        if model != self.digest:
            raise ValueError("it was compressed with another model; use the run that it was made "
                             "with, in its state at that time")
        self._check(header)
        coder = Coder(words)
        y = np.array(header.labels) if self.classes else None
        grid = self.words or QuantiserGrid(np.array(header.steps), np.array(header.centres))
        q = code_factors(coder, np.array(header.spreads), self._rounded_shape(header.count), None)
        if digest(q) != header.codes:
            raise ValueError("its codes are not those that were written; it was altered")
        x = self.decoder(grid.place(q).reshape(header.count, *self.code), y)
        if header.rest:
            x = self._complete(coder, header, x)
        coder.check_end()
        return Contents(x, tuple(header.names), bool(header.rest))

    def _complete(self, coder: Coder, header: Header, guess: np.ndarray) -> np.ndarray:
        """The exact pixels, uint8 (N, H, W, C), from the decoder's prediction."""
        if digest(guess) != header.guess:
            raise ValueError("this machine's decoder gives other images than the one that wrote "
                             "the file, so the pixels cannot be recovered; decompress it there, or "
                             "with the same version of PyTorch")
        x = _code_rest(coder, header, guess, None)
        if digest(x) != header.pixels:
            raise ValueError("its pixels are not those that were written; it was altered")
        return x

    def _rounded_shape(self, count: int) -> tuple[int, int, int]:
        if self.words is not None:
            places, books = math.prod(self.words.alphabet.places), self.words.books
            return count, books, places // books
        return count, self.code[0], math.prod(self.code[1:])

    def _check(self, header: Header) -> None:
        """Raise ValueError if the header does not fit this model's samples."""
        rows = {len(header.steps), len(header.centres), len(header.spreads)}
        fits = tuple(header.shape) == self.shape and rows == {self._rounded_shape(1)[1]}
        labelled = len(header.labels) == (header.count if self.classes else 0)
        known = all(label < self.classes for label in header.labels)
        weights = header.rest != "differences" or (
            len(header.weights) == self.shape[0] and all(
                vectors and all(len(one) == known_count(channel) for one in vectors)
                for channel, vectors in enumerate(header.weights)))
        if (not fits or not labelled or not known or not weights
                or (header.rest and not self.decoder.eight_bits)):
            raise ValueError("its header does not fit this model; it was altered")
        if (header.count * math.prod(self.shape) > MOST_VALUES
                or header.count * math.prod(self.code) > MOST_CODES):
            raise ValueError(f"{header.count:,} samples are too many for one file; make several")


def _code_rest(
    coder: Coder, header: Header, guess: np.ndarray, x: np.ndarray | None
) -> np.ndarray:
    """Write or read pixels by the method that the header names."""
    if header.rest == "tones":
        return code_tones(coder, guess, x)
    return code_differences(coder, guess, header.weights, x)
