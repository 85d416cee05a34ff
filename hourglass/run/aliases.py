"""The words of other tools, such as Keras and scikit-learn, in Hourglass's own words."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.expressions import Call, read
from ..core.registry import bottlenecks, models

NAMES = {"learning_rate": "lr", "optimizer": "optimiser", "validation_split": "val",
         "num_epochs": "epochs", "max_epochs": "epochs", "batchsize": "batch_size",
         "random_state": "seed", "random_seed": "seed", "test_split": "test",
         "gradient_clip": "clip", "clipnorm": "clip", "image_size": "size"}
DIM = "latent_dim"
DIMS = (DIM, "latent_size", "latent_dims", "encoding_dim", "embedding_dim", "code_dim", "code_size",
        "bottleneck_dim", "z_dim", "dim")
OUTPUTS = {"linear": "normal", "sigmoid": "bernoulli"}   # what follows the decoder's output
LOSSES = {"mse": "normal", "mean_squared_error": "normal", "squared_error": "normal",
          "mae": "laplace", "mean_absolute_error": "laplace", "bce": "bernoulli",
          "binary_crossentropy": "bernoulli", "binary_cross_entropy": "bernoulli"}
BACKBONE = "it belongs to the network, as in backbone=\"{}\""
CONV = BACKBONE.format("conv(filters=(16, 8), kernel=3, stride=2, activation='elu')")
ANSWERS = {
    "validation_data": "put both into one file, np.savez('data.npz', x_train=..., x_val=...), or "
                       "into folders train/ and val/; val=0.1 sets a tenth of the samples aside",
    "metrics": "history.csv and the report have them all",
    "verbose": "from Python, quiet=True says nothing",
    "shuffle": "training samples are always shuffled, as the seed says",
    "steps_per_epoch": "an epoch is a pass through all training samples; set epochs or minutes",
    "input_shape": "it is read from the data", "input_dim": "it is read from the data",
    "patience": "write stop=\"early(patience=10)\"",
    "early_stopping": "write stop=\"early(patience=10)\", or stop=\"none\"",
    "weight_decay": "write optimiser=\"adamw(weight_decay=0.05)\"",
    "beta": "write model=\"beta_vae(16, 4)\", or loss=\"recon + 4 * kl\"",
    "noise": "write corruption=\"noise(0.3)\", or augment=\"noise(0.02)\"",
    **dict.fromkeys(("filters", "kernel", "kernel_size", "stride", "strides", "padding",
                     "activation", "dropout", "pooling"), CONV),
    **dict.fromkeys(("layers", "hidden_dims", "hidden_layers", "hidden_units", "units", "widths"),
                    BACKBONE.format("mlp((512, 256))"))}


def own_words(values: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Settings with other tools' names and losses in our words; what was understood is said.

    `latent_dim` stays until a model is known: see `with_dim`. Raises ValueError for a setting that
    is given under two names, and for a word that has another place here.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in ANSWERS:
            raise ValueError(f"no setting is named {name!r}: {ANSWERS[name]}")
        own = DIM if name in DIMS else NAMES.get(name, name)
        if own in found:
            raise ValueError(f"{own} is given twice, also as {name}; give it once")
        found[own] = value
        if own != name and own != DIM:
            say(f"{name} is {own} here")
    if isinstance(found.get("optimiser"), str):   # "Adam"
        found["optimiser"] = re.sub(r"^\w+", lambda word: word[0].lower(), found["optimiser"])
    named = str(found.get("likelihood", "")).lower()
    if named in {**OUTPUTS, **LOSSES}:
        found["likelihood"] = {**OUTPUTS, **LOSSES}[named]
        say(f"the likelihood {named} is {found['likelihood']} here")
    return _with_loss(found, say)


def _with_loss(values: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """A loss such as "mse + 4 * kl" as a likelihood and "recon + 4 * kl"."""
    loss = values.get("loss")
    words = re.findall(r"[A-Za-z]\w*", loss) if isinstance(loss, str) else []
    named = {LOSSES[word.lower()]: word for word in words if word.lower() in LOSSES}
    if not named:
        return values
    (likelihood, word), *others = named.items()
    given = str(values.get("likelihood") or likelihood)
    if others or given.partition("(")[0] not in (likelihood, "continuous_bernoulli"):
        wrong = others[0][1] if others else f"likelihood {given}"
        raise ValueError(f"the loss {word} is --likelihood {likelihood}, and {wrong} is another; "
                         f"keep one of them")
    formula = re.sub(rf"\b{word}\b", "recon", str(loss))
    say(f"the loss {word} is likelihood {given} with the loss {formula} here")
    return {**values, "loss": formula, "likelihood": given}


def with_dim(values: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Settings in which `latent_dim` has become the bottleneck's dim, else the named model's, which
    is `model` if none is named. Raises ValueError where neither has one."""
    found = dict(values)
    dim = found.pop(DIM, None)
    if dim is None:
        return found
    try:
        number = int(str(dim))
    except ValueError:
        raise ValueError(f"{DIM} must be a whole number from 1, not {dim!r}") from None
    place = "bottleneck" if found.get("bottleneck") else "model"
    registry = bottlenecks if place == "bottleneck" else models
    call = read(str(found.get(place) or model))
    options = registry.check(call)
    if "dim" not in registry.options(call.name):
        raise ValueError(f"{call.name} has no dim that {DIM}={dim} could set; it is "
                         f"{registry.signature(call.name)}")
    changed = Call(call.name, (), {**options, "dim": number})
    registry.check(changed)
    return {**found, place: str(changed)}
