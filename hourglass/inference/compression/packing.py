"""Samples of any kind to a compressed file's content and back."""

from collections.abc import Callable
from typing import Any

from ..latents import Codes
from ..pipeline import Pipeline
from .codec import Codec, Contents, Wish


def codec_of(pipeline: Pipeline) -> Codec:
    """The codec of a model; raises ValueError where its package is not installed."""
    network = pipeline.network
    return Codec(network.model, pipeline.inputs.description, network.code)


def packed(
    pipeline: Pipeline, x: Any, y: Any, wish: Wish, training: Callable[[], Codes | None]
) -> bytes:
    """A file's content that holds samples. `training` gives the training samples' codes, where
    they are kept. Raises ValueError."""
    found = pipeline.inputs.collect(x)
    return codec_of(pipeline).compress(found, pipeline.encode(found, y),
                                       pipeline.labels.of(y, found), wish, training())


def unpacked(pipeline: Pipeline, content: bytes) -> Contents:
    """What `packed` was given; raises ValueError for what is damaged, or another model's."""
    try:
        return codec_of(pipeline).decompress(content)
    except ValueError as error:
        raise ValueError(f"this cannot be decompressed: {error}") from None
