"""Anomaly detectors: `(**options) -> Rule`. A higher score is more abnormal."""

from . import combined, latent_distance, local, members, reconstruction
