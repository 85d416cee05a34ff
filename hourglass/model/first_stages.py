"""Named models whose codes are maps: the first stages of latent diffusion and of token models."""

from ..core.hints import Count, NotNegative, Share
from ..core.registry import models
from .parts import Parts


def _sharp(features: str, realism: float, start: float) -> str:
    """The loss for sharp images: pixels, features, and a discriminator of patches."""
    seen = f"perceptual(features='{features}')" if features else "perceptual"
    judged = f" + {realism:g} * patch_gan(start={start:g})" if realism else ""
    return f"recon + {seen}{judged}"


@models.add("kl_vae")
def kl_vae(channels: Count = 4, beta: NotNegative = 1e-6, features: str = "",
           realism: NotNegative = 0.5, start: Share = 0.25) -> Parts:
    """Variational autoencoder of images whose code is a map of `channels` channels, with sharp
    reconstructions: the first stage of latent diffusion (Rombach et al., 2022, arXiv 2112.10752).
    Its loss adds up absolute errors, a perceptual loss in `features`, such as efficientnet_lite0,
    and a discriminator of patches with weight `realism`, which begins after the share `start` of
    the run. `beta` is small, so samples need a prior that is fitted, such as diffusion."""
    return Parts(backbone="resnet", bottleneck=f"gaussian_map({channels})", likelihood="laplace",
                 loss=f"{_sharp(features, realism, start)} + {beta:g} * kl", prior="diffusion")


@models.add("eq_vae")
def eq_vae(channels: Count = 4, beta: NotNegative = 1e-6, features: str = "",
           realism: NotNegative = 0.5, start: Share = 0.25) -> Parts:
    """kl_vae whose map turns and shrinks as its image does, so that diffusion learns it more easily
    (EQ-VAE: Kouzelis et al., 2025, arXiv 2502.09509)."""
    parts = kl_vae(channels, beta, features, realism, start)
    return Parts(**{**vars(parts), "loss": f"{parts.loss} + 0.5 * equivariance"})


@models.add("vqgan")
def vqgan(words: Count = 1024, dim: Count = 16, features: str = "", realism: NotNegative = 0.5,
          start: Share = 0.25) -> Parts:
    """Vector-quantised autoencoder of images with sharp reconstructions (Esser et al., 2021, arXiv
    2012.09841): a map of `words` different tokens, with the loss of kl_vae. A linear layer over a
    fixed codebook keeps all tokens in use (Zhu et al., 2024, arXiv 2411.02038)."""
    return Parts(backbone="resnet", bottleneck=f"sim_vq({words}, {dim})", likelihood="laplace",
                 loss=_sharp(features, realism, start), prior="pixelcnn")
