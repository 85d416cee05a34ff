"""Detectors: `(**options) -> Rule`, how abnormal a sample is; higher is more abnormal."""

from . import combined, likeness, local, neighbourhood
