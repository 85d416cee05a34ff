"""Import every source, so that the registry knows it."""

from . import (
    arrays,
    celeba,
    dsprites,
    emoji,
    idx_files,
    lines,
    molecules,
    nab,
    pairs,
    ratings,
    read_image_folder,
    series,
    shards,
    standard_sets,
    static_mnist,
    table,
)
