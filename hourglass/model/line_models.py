"""Named models of lines of text and of molecules, each with its reference."""

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


@models.add("moses_vae")
def moses_vae(dim: Count = 128, width: Count = 512, layers: Count = 3, embedding: Count = 128,
              kl: NotNegative = 2.0) -> Parts:
    """Variational autoencoder of molecules, for `molecules` (Polykovskiy et al., 2020, arXiv
    1811.12823): a bidirectional GRU reads, a GRU of `layers` layers writes. Their KL weight of 0.05
    goes with the mean over a molecule's 40 tokens, so here, where terms are sums, it is about 2; a
    weight `kl` of 0.1 to 0.5 puts more into the code, and then --prior mixture draws better."""
    reads = "bidirectional=True, encoder_layers=1"
    return Parts(backbone=f"gru({width}, embedding={embedding}, layers={layers}, {reads})",
                 bottleneck=f"gaussian({dim})", loss=f"recon + linear(0, {kl}) * kl")


@models.add("chemical_vae")
def chemical_vae(dim: Count = 196, width: Count = 488, layers: Count = 3, kl: NotNegative = 1.0
                 ) -> Parts:
    """Variational autoencoder of molecules, for `molecules` (Gomez-Bombarelli et al., 2018, arXiv
    1610.02415): three convolutions read, and a GRU of `layers` layers writes. Their predictor of
    properties is fitted to the codes afterwards here."""
    return Parts(backbone=f"conv_gru({width}, layers={layers})", bottleneck=f"gaussian({dim})",
                 loss=f"recon + linear(0, {kl}) * kl")
