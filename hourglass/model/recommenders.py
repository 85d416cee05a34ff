"""Named models of ratings, each with its reference."""

from ..core.hints import Count, Depth, NotNegative, Rate
from ..core.registry import models
from .parts import Parts


@models.add("mult_dae")
def mult_dae(dim: Count = 200, width: Count = 600, dropout: Rate = 0.7) -> Parts:
    """Denoising autoencoder for recommendation: it names all items of a user, from a part of them
    (Mult-DAE of Liang et al., 2018, arXiv 1802.05814). It is for `ratings`."""
    return Parts(backbone=f"item_mlp({width}, dropout={dropout})", bottleneck=f"plain({dim})",
                 likelihood="multinomial", loss="recon")


@models.add("mult_vae")
def mult_vae(dim: Count = 200, width: Count = 600, dropout: Rate = 0.7,
             beta: NotNegative = 0.2) -> Parts:
    """Variational autoencoder for recommendation, with multinomial likelihood and a KL weight that
    rises to `beta` (Mult-VAE of Liang et al., 2018, arXiv 1802.05814). It is for `ratings`."""
    return Parts(backbone=f"item_mlp({width}, dropout={dropout})", bottleneck=f"gaussian({dim})",
                 likelihood="multinomial", loss=f"recon + ramp(0, {beta}) * kl")


@models.add("rec_vae")
def rec_vae(dim: Count = 200, width: Count = 600, dropout: Rate = 0.7,
            gamma: NotNegative = 0.002, encoder_epochs: Depth = 3) -> Parts:
    """RecVAE, for recommendation: Mult-VAE with a composite prior, a KL weight of `gamma` for each
    item of the user, and encoder and decoder trained in turns (Shenbin et al., 2020, arXiv
    1912.11160). It is for `ratings`."""
    return Parts(backbone=f"rec_mlp({width}, dropout={dropout})", bottleneck=f"gaussian({dim})",
                 likelihood="multinomial", loss=f"recon + composite_kl({gamma}, {encoder_epochs})")


@models.add("rating_ae")
def rating_ae(dim: Count = 16, width: Count = 256, dropout: Rate = 0.2,
              decay: NotNegative = 0.2) -> Parts:
    """Autoencoder of explicit ratings: it predicts a user's missing ratings from the known ones,
    around the means of items and users (after AutoRec of Sedhain et al., 2015). `decay` is the
    weight of half the squared norm of the decoder. It is for `ratings` with explicit=True."""
    return Parts(backbone=f"rating_mlp({dim}, {width}, dropout={dropout})", bottleneck="identity",
                 likelihood="normal", loss=f"recon + {decay} * decoder_weights")
