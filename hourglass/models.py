"""Named models: each is a short composition, with its reference."""

from .autoencoder import Parts
from .spec import Count, NotNegative, models


@models.add("ae")
def ae(dim: Count = 32) -> Parts:
    """Autoencoder: reconstruct x from `dim` numbers (Rumelhart, Hinton & Williams, 1986)."""
    return Parts(bottleneck=f"plain({dim})", loss="recon")


@models.add("dae")
def dae(dim: Count = 32, std: NotNegative = 0.3) -> Parts:
    """Denoising autoencoder: see noisy x, aim at clean x (Vincent et al., 2008)."""
    return Parts(bottleneck=f"plain({dim})", corruption=f"noise({std})", loss="recon")


@models.add("vae")
def vae(dim: Count = 16) -> Parts:
    """Variational autoencoder (Kingma & Welling, 2014, arXiv 1312.6114)."""
    return Parts(bottleneck=f"gaussian({dim})", loss="recon + kl")


@models.add("beta_vae")
def beta_vae(dim: Count = 16, beta: NotNegative = 4.0) -> Parts:
    """Variational autoencoder whose KL weighs beta (Higgins et al., 2017)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + {beta} * kl")


@models.add("cvae")
def cvae(dim: Count = 16) -> Parts:
    """Variational autoencoder that is told the class of x (Sohn et al., 2015)."""
    return Parts(bottleneck=f"gaussian({dim})", condition="label", loss="recon + kl")
