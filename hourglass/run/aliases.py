"""Other names of settings: our better ones, and those of Keras, scikit-learn and others."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.expressions import Call, read
from ..core.registry import bottlenecks, models

NAMES = {"learning_rate": "lr", "optimizer": "optimiser", "validation_split": "val",
         "num_epochs": "epochs", "max_epochs": "epochs", "batchsize": "batch_size",
         "random_state": "seed", "random_seed": "seed", "test_split": "test",
         "gradient_clip": "clip", "clipnorm": "clip", "image_size": "size"}
ALIASES = {"early_stopping": "stop", "lr_schedule": "schedule", "warm_start": "begin",
           "resize_mode": "fit", "grayscale": "grey", "init": "initial", "classes": "only",
           "max_minutes": "minutes"}   # clearer names, used without a note
DIM = "latent_dim"
DIMS = (DIM, "latent_size", "latent_dims", "encoding_dim", "embedding_dim", "code_dim", "code_size",
        "bottleneck_dim", "z_dim", "dim", "n_components", "n_latent", "latent_channels")
# Keras' last activations, and other names of distributions
OUTPUTS = {"linear": "normal", "sigmoid": "bernoulli", "gaussian": "normal", "laplacian": "laplace"}
LOSSES = dict.fromkeys(("mse", "mean_squared_error", "squared_error", "mse_loss", "mseloss",
                        "l2_loss", "meansquarederror"), "normal") | dict.fromkeys((
    "mae", "mean_absolute_error", "l1_loss", "l1loss", "meanabsoluteerror"), "laplace"
) | dict.fromkeys(("bce", "binary_crossentropy", "binary_cross_entropy", "bce_loss", "bceloss",
                   "bce_with_logits", "bce_with_logits_loss", "bcewithlogitsloss",
                   "binary_cross_entropy_with_logits", "binarycrossentropy"), "bernoulli")
BACKBONE = "it is an argument of the network, as in backbone=\"{}\""
CONV = BACKBONE.format("conv(filters=(16, 8), kernel=3, stride=2, activation='elu')")
ANSWERS = {
    "validation_data": "put both into one file, np.savez('data.npz', x_train=..., x_val=...), or "
                       "into folders train/ and val/; or pass val=0.1 for a tenth of the samples",
    "metrics": "history.csv and the report hold all metrics",
    "verbose": "from Python, pass quiet=True for no output",
    "shuffle": "training samples are always shuffled, by the seed",
    "steps_per_epoch": "an epoch is a pass through all training samples; set epochs or minutes",
    "input_shape": "it is read from the data", "input_dim": "it is read from the data",
    "patience": "write early_stopping=\"early(patience=10)\"",
    "weight_decay": "write optimiser=\"adamw(weight_decay=0.05)\"",
    **dict.fromkeys(("beta", "kl_weight", "kld_weight", "kl_beta", "kl_coef", "kl_coeff"),
                    "write model=\"beta_vae(16, 4)\", or loss=\"recon + 4 * kl\""),
    **dict.fromkeys(("warmup", "warmup_epochs", "kl_annealing", "kl_warmup", "anneal"),
                    "write loss=\"recon + ramp(epochs=10) * kl\", whose weight grows from 0 to 1"),
    **dict.fromkeys(("num_workers", "n_jobs", "pin_memory"), "images are read in parallel by "
                    "themselves, and kept in memory or on disk"),
    **dict.fromkeys(("num_classes", "n_classes", "in_channels", "input_size"),
                    "it is read from the data"),
    **dict.fromkeys(("num_embeddings", "codebook_size", "commitment_cost"),
                    "it is an argument of the codebook, as in bottleneck=\"vq(512)\""),
    **dict.fromkeys(("tol", "min_delta", "n_iter_no_change"),
                    "write early_stopping=\"early(patience=10)\""),
    **dict.fromkeys(("l1", "l2", "l2_reg", "kernel_regularizer"), "write optimiser=\"adamw("
                    "weight_decay=0.05)\" for weights, or loss=\"recon + 0.001 * l1\" for codes"),
    **dict.fromkeys(("momentum", "betas", "eps", "nesterov"), "it is an argument of the optimiser, "
                    "as in optimiser=\"sgd(momentum=0.9)\""),
    "mask_ratio": "write corruption=\"mask(0.75)\"",
    "normalize": "images are scaled to [0, 1] by their type and range, or by range=\"0,4095\"",
    **dict.fromkeys(("log_dir", "output_dir", "save_dir", "save_path"),
                    "the folder of the run is out=\"runs/mine\""),
    **dict.fromkeys(("steps", "max_steps"), "set epochs or minutes"),
    "noise": "write corruption=\"noise(0.3)\", or augment=\"noise(0.02)\"",
    **dict.fromkeys(("batch_norm", "batchnorm", "norm"),
                    BACKBONE.format("conv(norm='batch')")),
    **dict.fromkeys(("filters", "kernel", "kernel_size", "stride", "strides", "padding",
                     "activation", "dropout", "pooling"), CONV),
    **dict.fromkeys(("layers", "hidden_dims", "hidden_layers", "hidden_units", "units", "widths",
                     "hidden_layer_sizes", "hidden_sizes", "hidden_size", "hidden_channels",
                     "encoder_layers", "encoder_units"),
                    BACKBONE.format("mlp((512, 256))"))}


def answered(flag: str) -> str:
    """What the command line says to a flag of other tools with that name; "" if it is not known."""
    return re.sub(r"\b([a-z_]+)=\"([^\"]*)\"", lambda m: f"--{m[1].replace('_', '-')} \"{m[2]}\"",
                  ANSWERS.get(flag, ""))


def own_words(values: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Translate names and losses of other tools to Hourglass's settings, with a note for each.

    `latent_dim` stays until the model is known: see `with_dim`. Raises ValueError for a setting
    under two names, and for an unknown name. The message says what to write instead.
    """
    settings: dict[str, Any] = {}
    for name, value in values.items():
        if name in ANSWERS:
            raise ValueError(f"no setting is named {name!r}: {ANSWERS[name]}")
        own = DIM if name in DIMS else {**ALIASES, **NAMES}.get(name, name)
        if own in settings:
            raise ValueError(f"{own} is set twice, also as {name}; set it once")
        settings[own] = value
        if name in NAMES:
            say(f"{name} is {own} here")
    if isinstance(settings.get("stop"), bool):
        settings["stop"] = "early" if settings["stop"] else "none"
    if isinstance(settings.get("optimiser"), str):   # "Adam"
        settings["optimiser"] = re.sub(r"^\w+", lambda word: word[0].lower(), settings["optimiser"])
    named = str(settings.get("likelihood", "")).lower()
    if named in {**OUTPUTS, **LOSSES}:
        settings["likelihood"] = {**OUTPUTS, **LOSSES}[named]
        say(f"the likelihood {named} is called {settings['likelihood']} here")
    return _with_loss(settings, say)


def _with_loss(values: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """A loss such as "mse + 4 * kl" as a likelihood and "recon + 4 * kl"."""
    loss = values.get("loss")
    words = re.findall(r"[A-Za-z]\w*", loss) if isinstance(loss, str) else []
    named = {LOSSES[word.lower()]: word for word in words if word.lower() in LOSSES}
    if not named:
        return values
    (likelihood, word), *others = named.items()
    chosen = str(values.get("likelihood") or likelihood)
    if others or chosen.partition("(")[0] not in (likelihood, "continuous_bernoulli"):
        wrong = others[0][1] if others else f"likelihood {chosen}"
        raise ValueError(f"the loss {word} means --likelihood {likelihood}, which contradicts "
                         f"{wrong}; keep one of them")
    formula = re.sub(rf"\b{word}\b", "recon", str(loss))
    say(f"the loss {word} is likelihood {chosen} with the loss {formula} here")
    return {**values, "loss": formula, "likelihood": chosen}


def with_dim(values: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Replace `latent_dim` by the argument dim of the bottleneck or, if it has none, of the model.

    `model` is the default model. Raises ValueError if neither takes a dim."""
    settings = dict(values)
    dim = settings.pop(DIM, None)
    if dim is None:
        return settings
    try:
        number = int(str(dim))
    except ValueError:
        raise ValueError(f"{DIM} must be a whole number from 1, not {dim!r}") from None
    place = "bottleneck" if settings.get("bottleneck") else "model"
    registry = bottlenecks if place == "bottleneck" else models
    call = read(str(settings.get(place) or model))
    options = registry.check(call)
    if "dim" not in registry.options(call.name):
        raise ValueError(f"{call.name} takes no dim, so {DIM}={dim} cannot be set; its signature "
                         f"is {registry.signature(call.name)}")
    changed = Call(call.name, (), {**options, "dim": number})
    registry.check(changed)
    return {**settings, place: str(changed)}
