"""Named models of lines of text, each with its reference."""

from ..core.hints import Count, NotNegative, Rate
from ..core.registry import models
from .parts import Parts


@models.add("text_vae")
def text_vae(dim: Count = 32, width: Count = 256, dropout: Rate = 0.3, word_dropout: Rate = 0.3,
             free_bits: NotNegative = 0.25) -> Parts:
    """Variational autoencoder of lines of text, for `lines` (Bowman et al., 2016, arXiv
    1511.06349). Three means keep its codes in use: the decoder does not see a share `word_dropout`
    of the earlier tokens, the KL weight rises in cycles (Fu et al., 2019, arXiv 1903.10145), and
    each latent dimension may use `free_bits` nats at no cost (Kingma et al., 2016)."""
    return Parts(backbone=f"lstm({width}, dropout={dropout}, word_dropout={word_dropout})",
                 bottleneck=f"gaussian({dim})",
                 loss=f"recon + cyclic(0, 1) * kl(free_bits={free_bits})")


@models.add("language_model")
def language_model(width: Count = 256, dropout: Rate = 0.3) -> Parts:
    """Language model of lines of text, for `lines`: the decoder of `text_vae` without a code. It
    tells what a code is worth: a model with a code should not find lines less probable."""
    return Parts(backbone=f"lstm({width}, dropout={dropout})", bottleneck="nothing")
