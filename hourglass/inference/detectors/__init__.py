"""Anomaly detectors: `(**options) -> Rule`. A higher score is more abnormal."""

from . import combined, input_distance, latent_distance, local, members, reconstruction
