"""Detectors: `(**options) -> Rule`, how abnormal a sample is; higher is more abnormal."""

from . import combined, latent_distance, local, reconstruction
