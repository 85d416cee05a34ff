"""Disentanglement: scores of codes (N, D) and the factors (N, F) that generated the samples.

Pass the means of posteriors as codes. Noise would lower the scores without any other meaning.
"""

from .dci import Dci, dci, of_importance
from .factor_vae import beta_vae_score, factor_vae_score
from .mutual_information import BINS, entropies, in_use, mig, modularity, mutual_information
from .sap import sap

__all__ = ["BINS", "Dci", "beta_vae_score", "dci", "entropies", "factor_vae_score", "in_use", "mig",
           "modularity", "mutual_information", "of_importance", "sap"]
