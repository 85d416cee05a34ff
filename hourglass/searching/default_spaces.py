"""Default search spaces of the named models, for a search without a hole in its settings."""

from typing import Any

from ..core.expressions import Call, read
from ..core.registry import models

LR = "{1e-4..1e-2}"
OPTIONS = {   # of named models: the holes of their arguments
    "dim": "{4..64}", "dims": "({16..64}, {4..16})", "beta": "{0.25..8 log}",
    "gamma": "{1..40 log}", "capacity": "{5..50}", "weight": "{0.01..1}", "codes": "{0.001..0.1}",
    "weights": "{1e-6..1e-3}", "slope": "{0.01..1}", "alpha": "{0.0..0.9}", "std": "{0.05..0.5}",
    "share": "{0.3..0.9}", "words": "{32|64|128|256|512}", "k": "{2..16}", "m": "{2..8}",
    "layers": "{1..6}", "components": "{4..32}", "active": "{4..32}"}
OWN = {   # where a model's argument has another scale, or its values are words
    ("info_vae", "weight"): "{10..1000}", ("wae_mmd", "weight"): "{10..1000}",
    ("swae", "weight"): "{1..100}", ("feature_vae", "weight"): "{3..300}",
    ("vq_vae", "dim"): "{4..32}", ("residual_vq_vae", "dim"): "{4..32}",
    ("product_vq_vae", "dim"): "{8|16|32}", ("product_vq_vae", "groups"): "{2|4}",
    ("poincare_vae", "dim"): "{2..16}", ("rhvae", "dim"): "{2..8}", ("ciwae", "beta"): "{0.0..0.5}",
    ("piwae", "k"): "{2..8}", ("miwae", "k"): "{2..8}", ("residual_vq_vae", "depth"): "{2..6}",
    ("sigma_vae", "std"): "", ("semi_supervised_vae", "alpha"): "{10..1000}",
    ("k_sparse_ae", "dim"): "{64..256}", ("sparse_ae", "dim"): "{32..256}",
    ("kl_sparse_ae", "dim"): "{32..256}", ("categorical_vae", "classes"): "{4..16}",
    ("kl_sparse_ae", "target"): "{0.01..0.2}", ("poincare_vae", "curvature"): "{0.1..2.0}"}
NETWORKS = {   # by the number of axes of a sample (C, H, W), (C, T) or (D,)
    3: "conv(filters=({8..32}, {16..64}))", 2: "mlp({64..256})", 1: "mlp({32..512})"}


def with_defaults(values: dict[str, Any], axes: int) -> dict[str, Any]:
    """The settings with holes where they say nothing: in the model's arguments, the learning rate
    and the width of the networks. `axes` is the number of axes of a sample.

    Raises ValueError for a model that is not known.
    """
    call = read(values.get("model") or "ae")
    options = models.check(call)
    open_to_search = {}
    for name in models.options(call.name):
        hole = OWN.get((call.name, name), OPTIONS.get(name, ""))
        if name not in options and hole:
            open_to_search[name] = hole
    texts = [*map(repr, call.args), *(f"{k}={v!r}" for k, v in call.kwargs.items()),
             *(f"{k}={v}" for k, v in open_to_search.items())]
    settings = {**values, "model": f"{call.name}({', '.join(texts)})" if texts else call.name}
    if "latent_dim" in values or values.get("bottleneck"):
        settings["model"] = str(Call(call.name, call.args, call.kwargs))
    if not values.get("lr"):
        settings["lr"] = LR
    if not any(values.get(name) for name in ("backbone", "decoder", "corruption")) and (
            _plain(call)):
        settings["backbone"] = NETWORKS[axes]
    return settings


def _plain(call: Call) -> bool:
    """Whether the model leaves its networks open, and its code is a vector."""
    parts = models.build(Call(call.name, call.args, call.kwargs))
    return parts.backbone == "auto" and "vq" not in call.name and "fsq" not in call.name
