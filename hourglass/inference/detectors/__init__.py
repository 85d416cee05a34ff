"""Anomaly detectors: `(**options) -> Rule`. A higher score is more abnormal."""

from . import (
    combined,
    feature_autoencoder,
    feature_neighbours,
    input_distance,
    latent_distance,
    local,
    members,
    patch_gaussian,
    patch_neighbours,
    reconstruction,
)
