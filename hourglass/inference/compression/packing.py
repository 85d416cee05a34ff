"""Compress samples of any kind to a file's content, and decompress it."""

from collections.abc import Callable
from typing import Any

from ..latents import TrainingCodes
from ..pipeline import Pipeline
from .codec import Codec, CompressionOptions, Contents


def codec_of(pipeline: Pipeline) -> Codec:
    """The codec of a model. Raises ValueError if its package is not installed."""
    network = pipeline.network
    return Codec(network.model, pipeline.inputs.description, network.code)


def packed(
    pipeline: Pipeline, x: Any, y: Any, wish: CompressionOptions,
    training: Callable[[], TrainingCodes | None],
) -> bytes:
    """Compress samples to a file's content. `training` returns the saved codes of the training
    samples. Raises ValueError."""
    samples = pipeline.inputs.collect(x)
    return codec_of(pipeline).compress(samples, pipeline.encode(samples, y),
                                       pipeline.labels.of(y, samples), wish, training())


def unpacked(pipeline: Pipeline, content: bytes) -> Contents:
    """Decompress what `packed` wrote. Raises ValueError for a damaged file or another model's."""
    try:
        return codec_of(pipeline).decompress(content)
    except ValueError as error:
        raise ValueError(f"this cannot be decompressed: {error}") from None
