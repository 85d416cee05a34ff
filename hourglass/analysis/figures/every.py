"""Every figure. Importing this module registers them all, and imports matplotlib."""

from . import (
    anomalies,
    codes,
    corner,
    correlation,
    curves,
    densities,
    errors,
    factors,
    information,
    items,
    latent_coverage,
    latent_grids,
    lines,
    maps,
    molecules,
    neighbours,
    prior_samples,
    reconstructions,
    restored,
)
