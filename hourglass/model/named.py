"""Named models: each is a short composition, with its reference."""

from typing import Literal

from ..core.hints import Count, NotNegative, Positive, Share
from ..core.registry import models
from . import first_stages, line_models, recommenders  # noqa: F401   which register their own
from .parts import Parts


@models.add("ae")
def ae(dim: Count = 32) -> Parts:
    """Autoencoder: reconstruct x from `dim` numbers (Rumelhart, Hinton & Williams, 1986)."""
    return Parts(bottleneck=f"plain({dim})", loss="recon")


@models.add("dae")
def dae(dim: Count = 32, std: NotNegative = 0.3) -> Parts:
    """Denoising autoencoder: reconstruct clean x from noisy x (Vincent et al., 2008)."""
    return Parts(bottleneck=f"plain({dim})", corruption=f"noise({std})", loss="recon")


@models.add("mae")
def mae(dim: Count = 64, share: Share = 0.75, patch: Count = 4) -> Parts:
    """Masked autoencoder: predict hidden patches of an image from the others (He et al., 2022,
    arXiv 2111.06377). It is for features and for filling holes. In training it never sees a whole
    image, so it reconstructs whole images badly."""
    return Parts(bottleneck=f"plain({dim})", corruption=f"mask({share}, patch={patch})",
                 loss="recon(hidden=True)")


@models.add("sparse_ae")
def sparse_ae(dim: Count = 128, weight: NotNegative = 0.1) -> Parts:
    """Sparse autoencoder: many latents, kept small by their absolute values (Ng, 2011)."""
    return Parts(bottleneck=f"plain({dim}, activation='relu')", loss=f"recon + {weight} * l1")


@models.add("kl_sparse_ae")
def kl_sparse_ae(dim: Count = 128, target: Share = 0.05, weight: NotNegative = 1.0) -> Parts:
    """Sparse autoencoder: each unit is active in a share `target` of the samples (Ng, 2011).
    It is for features: with fewer active units, reconstructions are coarser."""
    return Parts(bottleneck=f"plain({dim}, activation='sigmoid')",
                 loss=f"recon + {weight} * sparsity({target})")


@models.add("k_sparse_ae")
def k_sparse_ae(dim: Count = 128, active: Count = 16) -> Parts:
    """Sparse autoencoder: only the `active` largest of all latents are not zero (Makhzani & Frey,
    2014, arXiv 1312.5663)."""
    return Parts(bottleneck=f"topk({dim}, {active})", loss="recon")


@models.add("contractive_ae")
def contractive_ae(dim: Count = 32, weight: NotNegative = 0.1) -> Parts:
    """Contractive autoencoder: its codes hardly change when x changes (Rifai et al., 2011)."""
    return Parts(bottleneck=f"plain({dim})", loss=f"recon + {weight} * jacobian")


@models.add("rae_l2")
def rae_l2(dim: Count = 16, codes: NotNegative = 0.01, weights: NotNegative = 1e-4) -> Parts:
    """Regularised autoencoder: small codes, small decoder weights, and a prior fitted afterwards
    (Ghosh et al., 2020, arXiv 1903.12436)."""
    return Parts(bottleneck=f"plain({dim})", prior="mixture",
                 loss=f"recon + {codes} * l2 + {weights} * decoder_weights")


@models.add("rae_gp")
def rae_gp(dim: Count = 16, codes: NotNegative = 0.01, slope: NotNegative = 0.1) -> Parts:
    """Regularised autoencoder whose decoder has small gradients (Ghosh et al., 2020, arXiv
    1903.12436)."""
    return Parts(bottleneck=f"plain({dim})", prior="mixture",
                 loss=f"recon + {codes} * l2 + {slope} * gradient")


@models.add("rae_sn")
def rae_sn(dim: Count = 16, codes: NotNegative = 0.01) -> Parts:
    """Regularised autoencoder with spectral normalisation in the decoder (Ghosh et al., 2020, arXiv
    1903.12436; Miyato et al., 2018, arXiv 1802.05957)."""
    return Parts(decoder="spectral", bottleneck=f"plain({dim})", loss=f"recon + {codes} * l2",
                 prior="mixture")


@models.add("vae")
def vae(dim: Count = 16) -> Parts:
    """Variational autoencoder (Kingma & Welling, 2014, arXiv 1312.6114)."""
    return Parts(bottleneck=f"gaussian({dim})", loss="recon + kl")


@models.add("beta_vae")
def beta_vae(dim: Count = 16, beta: NotNegative = 4.0) -> Parts:
    """Variational autoencoder with weight beta on the KL (Higgins et al., 2017). It is for latent
    dimensions that vary independently; a larger beta makes reconstructions worse."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + {beta} * kl")


@models.add("geco_vae")
def geco_vae(dim: Count = 16, error: Positive = 0.02) -> Parts:
    """Variational autoencoder without a weight to tune: the smallest KL whose squared error per
    value is `error` (GECO: Rezende & Viola, 2018, arXiv 1810.00597)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"geco({error:g}) + kl")


@models.add("capacity_vae")
def capacity_vae(dim: Count = 16, capacity: NotNegative = 25.0, gamma: NotNegative = 30.0) -> Parts:
    """Variational autoencoder whose KL is pulled to a rising capacity (Burgess et al., 2018,
    arXiv 1804.03599). It is for latent dimensions that vary independently: a code holds `capacity`
    nats, so reconstructions are coarser than those of vae."""
    return Parts(bottleneck=f"gaussian({dim})",
                 loss=f"recon + {gamma} * kl(capacity={capacity}, rise=0.5)")


@models.add("beta_tc_vae")
def beta_tc_vae(dim: Count = 16, beta: Positive = 6.0) -> Parts:
    """Variational autoencoder with weight beta on the total correlation (Chen et al., 2018, arXiv
    1802.04942). It is for latent dimensions that vary independently, at the cost of
    reconstruction."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + kl + {beta - 1:g} * tc")


@models.add("factor_vae")
def factor_vae(dim: Count = 16, gamma: NotNegative = 10.0) -> Parts:
    """Variational autoencoder with a penalty on the total correlation, by a discriminator (Kim &
    Mnih, 2018, arXiv 1802.05983). It is for latent dimensions that vary independently, at some cost
    of reconstruction."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + kl + {gamma} * tc_gan")


@models.add("dip_vae")
def dip_vae(dim: Count = 16, kind: Literal[1, 2] = 1) -> Parts:
    """Variational autoencoder whose codes' covariance is pulled to the identity: of their means
    (DIP-VAE I) or of their samples (II) (Kumar et al., 2018, arXiv 1711.00848)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + kl + dip({kind})")


@models.add("info_vae")
def info_vae(dim: Count = 16, alpha: Share = 0.5, weight: NotNegative = 200.0) -> Parts:
    """Variational autoencoder where MMD replaces the share alpha of the KL (Zhao et al., 2019,
    arXiv 1706.02262)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"recon + {1 - alpha:g} * kl + {weight} * mmd")


@models.add("sigma_vae")
def sigma_vae(dim: Count = 16, std: Literal["learned", "optimal"] = "optimal") -> Parts:
    """Variational autoencoder whose decoder's standard deviation is learned, or optimal for each
    batch (Rybkin et al., 2021, arXiv 2006.13202)."""
    return Parts(bottleneck=f"gaussian({dim})", likelihood=f"normal({std!r})", loss="recon + kl")


@models.add("cb_vae")
def cb_vae(dim: Count = 16) -> Parts:
    """Variational autoencoder for grey values with the continuous Bernoulli, a proper density
    there (Loaiza-Ganem & Cunningham, 2019, arXiv 1907.06845). It is for likelihoods
    of grey values: its means are never quite black or white."""
    return Parts(bottleneck=f"gaussian({dim})", likelihood="continuous_bernoulli",
                 loss="recon + kl")


@models.add("gamma_vae")
def gamma_vae(dim: Count = 16) -> Parts:
    """Variational autoencoder with positive, gamma-distributed codes (Figurnov et al., 2018, arXiv
    1805.08498). It is for codes that are amounts; it reconstructs worse than vae."""
    return Parts(bottleneck=f"gamma({dim})", loss="recon + kl")


@models.add("msssim_vae")
def msssim_vae(dim: Count = 16, weight: NotNegative = 1.0) -> Parts:
    """Variational autoencoder with multi-scale SSIM as reconstruction loss (Snell et al., 2017,
    arXiv 1511.06409). It is for structure that looks right; its squared error is larger than that
    of vae."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"{weight} * msssim + kl")


@models.add("logcosh_vae")
def logcosh_vae(dim: Count = 16, a: Positive = 10.0, weight: Positive = 4.0) -> Parts:
    """Variational autoencoder with a log-cosh reconstruction loss (Chen et al., 2019). With weight
    1, as published, the KL of most dimensions goes to 0 for samples in [0, 1]."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"{weight:g} * logcosh(a={a}) + kl")


@models.add("feature_vae")
def feature_vae(dim: Count = 16, weight: NotNegative = 30.0, features: str = "") -> Parts:
    """Variational autoencoder with a perceptual loss, by random features (Hou et al., 2017, arXiv
    1610.00291; He et al., 2016, arXiv 1606.04801). `features` names a feature extractor, such as
    efficientnet_lite0; its loss is added to the reconstruction's with a hundredth of `weight`."""
    loss = f"{weight} * perceptual" if not features else (
        f"recon + {weight / 100:g} * perceptual(features={features!r})")
    return Parts(bottleneck=f"gaussian({dim})", loss=f"{loss} + kl")


@models.add("two_stage_vae")
def two_stage_vae(dim: Count = 16) -> Parts:
    """Variational autoencoder with the optimal decoder variance for each batch, and a second one
    for its codes (Dai & Wipf, 2019, arXiv 1903.05789)."""
    return Parts(bottleneck=f"gaussian({dim})", likelihood="normal('optimal')", loss="recon + kl",
                 prior="two_stage")


@models.add("iwae", example="iwae(k=2)")
def iwae(dim: Count = 16, k: Count = 8) -> Parts:
    """Importance-weighted autoencoder: a tighter bound from k codes per x (Burda, Grosse &
    Salakhutdinov, 2016, arXiv 1509.00519)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"iwae({k})")


@models.add("miwae", example="miwae(m=2, k=2)")
def miwae(dim: Count = 16, m: Count = 8, k: Count = 8) -> Parts:
    """The mean of m importance-weighted bounds of k codes (Rainforth et al., 2018, arXiv
    1802.04537)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"miwae({m}, {k})")


@models.add("ciwae", example="ciwae(k=2)")
def ciwae(dim: Count = 16, k: Count = 8, beta: Share = 0.05) -> Parts:
    """Weighted sum of a VAE's bound (beta) and an importance-weighted one (Rainforth et al., 2018,
    arXiv 1802.04537)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"ciwae({k}, beta={beta})")


@models.add("piwae", example="piwae(m=2, k=2)")
def piwae(dim: Count = 16, m: Count = 8, k: Count = 8) -> Parts:
    """The decoder learns from m * k importance-weighted codes, the encoder from m times k
    (Rainforth et al., 2018, arXiv 1802.04537)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"piwae({m}, {k})")


@models.add("hvae", example="hvae(steps=1)")
def hvae(dim: Count = 16, steps: Count = 3) -> Parts:
    """Hamiltonian VAE: codes take leapfrog steps towards the true posterior (Caterini, Doucet &
    Sejdinovic, 2018, arXiv 1805.11328)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"hvae({steps})")


@models.add("rhvae", example="rhvae(steps=1)")
def rhvae(dim: Count = 2, steps: Count = 3) -> Parts:
    """Riemannian Hamiltonian VAE: the steps follow a learned metric (Chadebec, Mantoux &
    Allassonniere, 2020, arXiv 2010.11518)."""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"rhvae({steps})")


@models.add("wae_mmd")
def wae_mmd(dim: Count = 16, weight: NotNegative = 100.0) -> Parts:
    """Wasserstein autoencoder: MMD matches the codes to the prior (Tolstikhin et al., 2018, arXiv
    1711.01558)."""
    return Parts(bottleneck=f"plain({dim})", likelihood="normal", loss=f"recon + {weight} * mmd",
                 prior="own")


@models.add("wae_gan")
def wae_gan(dim: Count = 16, weight: NotNegative = 1.0) -> Parts:
    """Wasserstein autoencoder: a discriminator matches the codes to the prior (Tolstikhin et al.,
    2018, arXiv 1711.01558)."""
    return Parts(bottleneck=f"plain({dim})", likelihood="normal", loss=f"recon + {weight} * gan",
                 prior="own")


@models.add("swae")
def swae(dim: Count = 16, weight: NotNegative = 10.0) -> Parts:
    """Sliced-Wasserstein autoencoder: codes match the prior in every direction (Kolouri et al.,
    2018, arXiv 1804.01947)."""
    return Parts(bottleneck=f"plain({dim})", likelihood="normal", loss=f"recon + {weight} * sliced",
                 prior="own")


@models.add("aae")
def aae(dim: Count = 16, weight: NotNegative = 1.0) -> Parts:
    """Adversarial autoencoder: a discriminator matches the codes to the prior (Makhzani et al.,
    2016, arXiv 1511.05644)."""
    return Parts(bottleneck=f"plain({dim})", loss=f"recon + {weight} * gan", prior="own")


@models.add("vae_gan")
def vae_gan(dim: Count = 16, realism: NotNegative = 1.0, pixels: NotNegative = 1.0) -> Parts:
    """Variational autoencoder with a discriminator, whose features give the reconstruction loss
    (Larsen et al., 2016, arXiv 1512.09300). It is for sharp samples, and an epoch takes several
    times as long as one of vae. `pixels` weighs an additional pixel loss; without it (0, as
    published), reconstructions long stay far from the samples."""
    recon = f"{pixels} * recon + " if pixels else ""
    return Parts(bottleneck=f"gaussian({dim})", loss=f"{recon}learned_likeness({realism}) + kl")


@models.add("planar_vae")
def planar_vae(dim: Count = 16, layers: Count = 4) -> Parts:
    """Variational autoencoder with planar flows in the posterior (Rezende & Mohamed, 2015, arXiv
    1505.05770). Its posterior need not be Gaussian; it reconstructs worse than vae."""
    return Parts(bottleneck=f"flow({dim}, 'planar', layers={layers})", loss="recon + kl")


@models.add("radial_vae")
def radial_vae(dim: Count = 16, layers: Count = 4) -> Parts:
    """Variational autoencoder with radial flows in the posterior (Rezende & Mohamed, 2015, arXiv
    1505.05770). Its posterior need not be Gaussian; it reconstructs worse than vae."""
    return Parts(bottleneck=f"flow({dim}, 'radial', layers={layers})", loss="recon + kl")


@models.add("iaf_vae")
def iaf_vae(dim: Count = 16, layers: Count = 2) -> Parts:
    """Variational autoencoder with inverse autoregressive flows in the posterior (Kingma et al.,
    2016, arXiv 1606.04934). Its posterior need not be Gaussian; it reconstructs worse than vae."""
    return Parts(bottleneck=f"flow({dim}, 'iaf', layers={layers})", loss="recon + kl")


@models.add("vamp_vae", example="vamp_vae(count=20)")
def vamp_vae(dim: Count = 16, count: Count = 500) -> Parts:
    """Variational autoencoder with a VampPrior: a mixture of its posteriors at `count` learned
    inputs (Tomczak & Welling, 2018, arXiv 1705.07120)."""
    return Parts(bottleneck=f"vamp({dim}, {count})", loss="recon + kl")


@models.add("mixture_vae")
def mixture_vae(dim: Count = 16, components: Count = 10) -> Parts:
    """Variational autoencoder with a learned mixture of Gaussians as prior (compared by Tomczak &
    Welling, 2018, arXiv 1705.07120)."""
    return Parts(bottleneck=f"mixture({dim}, {components})", loss="recon + kl")


@models.add("s_vae")
def s_vae(dim: Count = 16) -> Parts:
    """Variational autoencoder with codes on a sphere (Davidson et al., 2018, arXiv 1804.00891). The
    KL weight rises over the first quarter of the run, or the codes would be ignored."""
    return Parts(bottleneck=f"sphere({dim})", loss="recon + ramp(0, 1) * kl")


@models.add("poincare_vae")
def poincare_vae(dim: Count = 10, curvature: Positive = 0.7) -> Parts:
    """Variational autoencoder with codes in the Poincare ball, for hierarchies (Mathieu et al.,
    2019, arXiv 1901.06033)."""
    return Parts(bottleneck=f"poincare({dim}, {curvature})", loss="recon + kl")


@models.add("ladder_vae")
def ladder_vae(dims: tuple[Count, ...] = (16, 8)) -> Parts:
    """Hierarchical variational autoencoder with several levels of latents (Sonderby et al., 2016,
    arXiv 1602.02282). It is for levels of abstraction; its KL costs reconstruction."""
    return Parts(bottleneck=f"ladder({dims})", loss="recon + kl")


@models.add("cvae")
def cvae(dim: Count = 16) -> Parts:
    """Conditional variational autoencoder: it gets the class of x (Sohn et al., 2015)."""
    return Parts(bottleneck=f"gaussian({dim})", condition="label", loss="recon + kl")


@models.add("semi_supervised_vae")
def semi_supervised_vae(dim: Count = 16, alpha: NotNegative = 100.0) -> Parts:
    """Semi-supervised variational autoencoder: it learns from some labels and infers the others (M2
    of Kingma et al., 2014, arXiv 1406.5298)."""
    return Parts(bottleneck=f"gaussian({dim})", condition="inferred",
                 loss=f"semi_supervised({alpha})")


@models.add("vq_vae")
def vq_vae(words: Count = 256, dim: Count = 16, cosine: bool = False) -> Parts:
    """Vector-quantised autoencoder: discrete tokens from a learned codebook, with a prior fitted
    afterwards (van den Oord et al., 2017, arXiv 1711.00937)."""
    return Parts(bottleneck=f"vq({words}, {dim}, cosine={cosine})", loss="recon", prior="pixelcnn")


@models.add("residual_vq_vae")
def residual_vq_vae(words: Count = 64, dim: Count = 16, depth: Count = 4) -> Parts:
    """Residual quantisation: each position is a sum of tokens, each for the residual of the earlier
    ones (Zeghidour et al., 2021, arXiv 2107.03312; Lee et al., 2022, arXiv 2203.01941)."""
    return Parts(bottleneck=f"residual_vq({words}, {dim}, {depth})", loss="recon", prior="pixelcnn")


@models.add("product_vq_vae")
def product_vq_vae(words: Count = 64, dim: Count = 16, groups: Count = 4) -> Parts:
    """Product quantisation: each position has several tokens, each from its own codebook (Jegou,
    Douze & Schmid, 2011)."""
    return Parts(bottleneck=f"product_vq({words}, {dim}, {groups})", loss="recon",
                 prior="pixelcnn")


@models.add("fsq_vae")
def fsq_vae(levels: tuple[Count, ...] = (7, 5, 5, 5)) -> Parts:
    """Finite scalar quantisation: codes rounded to a grid, without a codebook (Mentzer et al.,
    2023, arXiv 2309.15505)."""
    return Parts(bottleneck=f"fsq({levels})", loss="recon", prior="pixelcnn")


@models.add("lfq_vae")
def lfq_vae(bits: Count = 10, entropy: NotNegative = 0.1) -> Parts:
    """Lookup-free quantisation: codes of signs, the bits of a token (Yu et al., 2024, arXiv
    2310.05737)."""
    return Parts(bottleneck=f"lfq({bits}, {entropy})", loss="recon", prior="pixelcnn")


@models.add("categorical_vae")
def categorical_vae(dim: Count = 16, classes: Count = 8) -> Parts:
    """Variational autoencoder with categorical latents, by Gumbel-softmax (Jang et al., 2017, arXiv
    1611.01144; Maddison et al., 2017, arXiv 1611.00712). It is for discrete factors: 16 categories
    of 8 are 48 bits, fewer than 16 numbers. The KL weight rises over a quarter of the run."""
    return Parts(bottleneck=f"categorical({dim}, {classes})", loss="recon + ramp(0, 1) * kl")


@models.add("joint_vae")
def joint_vae(dim: Count = 10, classes: tuple[Count, ...] = (10,),
              gamma: NotNegative = 30.0) -> Parts:
    """JointVAE: Gaussian and categorical latents, each with a rising capacity (Dupont, 2018, arXiv
    1804.00104). It is for independent factors; the capacity makes reconstructions coarser."""
    return Parts(bottleneck=f"joint({dim}, {classes})", loss=f"recon + {gamma} * joint_kl")
