"""Names that Keras, PyTorch, scikit-learn, pythae and papers give to what has another name here."""

import re

# each name here, and those of others: without case, and without signs such as _ and -
NAMES_OF_OTHERS = {
    # likelihoods, and bottlenecks
    "normal": "gaussian normal_likelihood mse mse_loss l2_loss squared_error linear",
    "gaussian": "normal diagonal_gaussian gaussian_latent variational reparameterization "
                "reparametrisation sampling",
    "laplace": "laplacian mae l1_loss",
    "bernoulli": "bce bce_loss bce_with_logits bce_with_logits_loss binary binary_crossentropy "
                 "binary_cross_entropy sigmoid",
    "categorical": "softmax cross_entropy cross_entropy_loss categorical_crossentropy "
                   "sparse_categorical_crossentropy gumbel gumbel_softmax",
    "student_t": "huber smooth_l1 huber_loss smooth_l1_loss t",
    "plain": "deterministic latent dense identity ae",
    "vq": "vector_quantizer vector_quantiser vq_vae vq_layer codebook",
    "sphere": "von_mises_fisher vmf",
    "topk": "k_sparse",
    # backbones and their options
    "mlp": "dense fc fully_connected linear feedforward",
    "conv": "cnn convolution convolutional convnet conv2d",
    "lstm": "rnn", "vit": "vision_transformer",
    "widths": "hidden hidden_layer_sizes hidden_sizes hidden_size hidden_channels layer_sizes "
              "layers sizes neurons features",
    "filters": "channels hidden_channels out_channels num_filters",
    "dim": "latent_size n_components code_size embedding_size bottleneck_size n_latent num_latents "
           "latent_dims",
    "codes": "num_embeddings n_embeddings codebook_size num_codes n_codes",
    "std": "scale variance stdev",
    "leaky_relu": "lrelu", "silu": "swish",
    "batch": "batch_norm batchnorm1d batchnorm2d batch_normalization bn",
    "layer": "layer_norm layer_normalization ln", "group": "group_norm gn",
    "instance": "instance_norm",
    # training
    "adam": "adam_optimizer", "sgd": "momentum nesterov",
    "early": "early_stopping patience true",
    "plateau": "reduce_lr_on_plateau reduce_on_plateau",
    "cosine": "cosine_annealing cosine_annealing_lr cosine_decay",
    "steps": "step_lr multi_step_lr step piecewise_constant",
    "one_cycle": "one_cycle_lr onecycle",
    "constant": "none constant_lr",
    "ramp": "warmup anneal annealing kl_annealing",
    # loss terms
    "recon": "reconstruction recon_loss reconstruction_loss nll rec",
    "kl": "kld kl_divergence kl_loss kld_loss kl_div kullback_leibler",
    "l1": "activity_regularizer", "l2": "weight_penalty",
    "msssim": "ms_ssim ssim", "perceptual": "lpips vgg", "jacobian": "contractive",
    "gan": "adversarial discriminator",
    # named models
    "ae": "autoencoder vanilla_ae simple_ae deep_ae conv_ae cae undercomplete_ae "
          "basic_autoencoder convolutional_autoencoder",
    "vae": "vanilla_vae variational_autoencoder conv_vae variational_ae",
    "dae": "denoising_autoencoder denoising_ae", "mae": "masked_autoencoder",
    "sparse_ae": "sparse_autoencoder", "contractive_ae": "contractive_autoencoder cae",
    "aae": "adversarial_ae adversarial_autoencoder", "vq_vae": "vqvae2",
    "cvae": "conditional_vae", "beta_tc_vae": "tc_vae", "wae_mmd": "wae mmd_vae",
    "poincare_vae": "pvae", "s_vae": "svae hyperspherical_vae vmf_vae",
    "vamp_vae": "vamp", "iaf_vae": "vaeiaf", "planar_vae": "vaelinnf nf_vae flow_vae",
    # corruptions and augmentations
    "noise": "gaussian_noise awgn additive_noise jitter", "drop": "dropout input_dropout",
    "mask": "masking random_mask", "cutout": "random_erasing erasing",
    "salt_pepper": "impulse impulse_noise salt_and_pepper",
    "flip": "random_flip random_horizontal_flip horizontal_flip hflip mirror",
    "shift": "translate translation random_crop width_shift_range", "rotate": "random_rotation",
    "zoom": "random_resized_crop scale random_zoom", "colour": "color color_jitter",
    # priors, detectors, thresholds
    "own": "default model", "mixture": "gmm gaussian_mixture", "flow": "normalizing_flow",
    "per_class": "conditional", "error": "reconstruction_error mse reconstruction",
    "knn": "nearest_neighbors nearest_neighbours lof", "quantile": "percentile",
    # settings
    "size": "img_size resize image_shape", "val": "val_split validation val_size "
    "validation_fraction validation_size", "test": "test_size test_fraction",
    "loss": "criterion loss_fn loss_function objective reconstruction_loss",
    "schedule": "scheduler lr_scheduler", "epochs": "n_epochs max_iter nb_epoch n_iter",
    "batch_size": "bs train_batch_size per_device_train_batch_size",
    "lr": "learning_rate_init", "clip": "grad_clip max_grad_norm gradient_clip_val clip_norm",
    "device": "gpu gpus cuda use_cuda use_gpu accelerator devices",
    "precision": "dtype amp fp16 bf16 mixed_precision", "stop": "early_stop",
    "corruption": "noise_factor denoising", "augment": "augmentation transform transforms",
    "seed": "random_seed manual_seed"}


def plain(name: str) -> str:
    """A name without case and signs: BetaVAE and beta_vae are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_OWN: dict[str, list[str]] = {}   # names here by a plain name of others
for _own, _others in NAMES_OF_OTHERS.items():
    for _other in _others.split():
        _OWN.setdefault(plain(_other), []).append(_own)


def known_by(other: str, right: list[str]) -> list[str]:
    """Names among the `right` ones for another tool's name, or for one in another spelling."""
    same = [name for name in right if plain(name) == plain(other)]
    words = (plain(other), plain(other).removesuffix("loss"))
    return same or [name for word in words for name in _OWN.get(word, ()) if name in right][:1]
