"""Settings of a run: one flat set of texts and numbers, which reproduces it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..core.composing import Composition
from ..core.console import say
from ..core.fields import Field, Setting, settings_of
from ..core.hints import (
    Count,
    Depth,
    Fit,
    Initial,
    NotNegative,
    Positive,
    Seed,
    bound_in_words,
    did_you_mean,
    expected,
)
from ..core.registry import models
from .aliases import own_words, with_dim

if TYPE_CHECKING:   # these bring torch, which takes a second to import
    from pydantic import TypeAdapter

    from ..data.read_image import Reading
    from ..model.parts import Parts

PARTS = ("backbone", "decoder", "bottleneck", "likelihood", "corruption", "condition", "loss",
         "prior")
READING = ("crop", "grey", "invert", "size", "fit", "pad", "range", "strict", "include", "exclude",
           "label_depth", "pages", "patches", "patches_each")
Binarise = Literal["", "fixed", "dynamic", "threshold"]
SHARES = ("val", "test", "holdout")


@dataclass(frozen=True)
class Settings:
    """All settings of a training. A recipe holds some of them; flags override a recipe.

    `make_settings` checks values. The class itself does not, and needs no pydantic.
    """

    model_fields: ClassVar[Mapping[str, Setting]]
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid", "frozen": True, "coerce_numbers_to_str": True}

    data: str = Field("digits", description="Source such as mnist, or a folder, archive or array.")
    model: str = Field("ae", description="Named model, such as ae(64) or vae(16).")
    backbone: str = Field("", description="Encoder and decoder, such as conv(filters=(16, 8, 4)).")
    decoder: str = Field("", description="Another backbone, to use only its decoder.")
    bottleneck: str = Field("", description="Latent space, such as plain(10) or gaussian(16).")
    likelihood: str = Field("", description="Likelihood p(x|z), such as bernoulli, "
                            "normal('optimal') or discretised_logistic.")
    corruption: str = Field("", description="Corruption of the encoder's input, such as "
                            "noise(0.3).")
    condition: Literal["", "none", "label", "inferred"] = Field(
        "", description="Condition on classes. label: encoder and decoder get each sample's class. "
        "inferred: the model predicts the class of samples without a label, and uses it.")
    loss: str = Field("", description="Weighted sum of loss terms, such as recon + 4 * kl.")
    prior: str = Field("", description="Prior for new samples, such as own or mixture. Default: "
                       "one that suits the model.")
    initial: Initial = Field(
        "data", description="Initial weights. glorot: Glorot's rule and biases of 0, as in Keras. "
        "data: the same, then fitted to training samples: the decoder's last bias starts at their "
        "mean; for images and series, units before activations start at mean 0 and deviation 1. "
        "pytorch: the defaults of PyTorch.")
    augment: str = Field("", description="Augmentation of training samples, such as flip + "
                         "shift(2).")
    begin: str = Field("", description="Warm start: begin with the weights of this run. Parts and "
                       "size default to those of that run.", flag="--from")
    only: str = Field("", description="Train only on these classes, such as 3 or good,fine. All "
                      "other classes go to the test split.")
    labelled: Count | None = Field(None, description="Only for models that guess classes: "
                                   "number of training samples whose class they see, balanced "
                                   "over classes. Default: all.")
    size: str = Field("", description="Resize images to 64, or to 64x48 (height x width).")
    fit: Fit = Field("crop", description="Resize mode for other aspect ratios: crop, pad or "
                     "stretch.")
    crop: str = Field("", description="Crop the centre before resizing, such as 148. Smaller "
                      "images stay.")
    pad: str = Field("", description="Pad with black after resizing, such as to 32.")
    grey: bool | None = Field(None, description="Convert all images to grey, or all to colour. "
                              "Default: neither.")
    invert: bool = Field(False, description="Invert images: dark on white becomes white on black.")
    range: str = Field("", description="Value range, such as 0,4095, to scale to 0 and 1. none: no "
                       "scaling. Default: found from the data.")
    show: str = Field("", description="Channels to show in pictures, such as 3,2,1 for red, green, "
                      "blue. all: a grey picture of each channel. Default: of 2, 5 or 6 channels "
                      "all. Otherwise, the first three.")
    binarise: Binarise = Field("", description="Binarise grey values to 0 or 1: fixed (sampled "
                               "once), dynamic (sampled at each step) or threshold (at 0.5).")
    strict: bool = Field(False, description="Stop at the first file that cannot be read.")
    include: str = Field("", description="Read only files with these names, such as '*.png,cats/'. "
                         "Separate patterns by commas.")
    exclude: str = Field("", description="Skip files with these names, such as "
                         "'*_small.jpg,thumbs/'.")
    label_depth: Depth | None = Field(
        None, description="Number of folder levels in a class's name. 0: no classes. 2: names such "
        "as Greek/alpha. Default: the first folder, if there are several.")
    pages: bool = Field(False, description="Make each page of a TIFF or frame of a GIF a sample. "
                        "Default: only the first.")
    patches: str = Field("", description="Train on random patches of this size, such as 64 or "
                         "64x48 (height x width), from images of any size.")
    patches_each: Count | None = Field(
        None, description="Patches per image and epoch. Default: enough to cover the image, at "
        "most 64.")
    val: NotNegative | Literal["test"] = Field(
        0.1, description="Validation samples: a share of the training samples (below 1), their "
        "number, or test: validate on the test split.")
    test: NotNegative = Field(0.1, description="Share or number of samples for the test, if there "
                              "is no test set.")
    holdout: NotNegative = Field(0.0, description="Share or number of samples to keep out of "
                                 "training, validation and test, for a last look of your own.")
    epochs: Count | None = Field(
        None, description="Passes over the training samples. Default: about 8,000 steps.")
    minutes: Positive | None = Field(None, description="Time limit in minutes.")
    batch_size: Count | None = Field(
        None, description="Samples per step. Default: 128, or fewer for fewer than 1,024 images.")
    optimiser: str = Field("adam", description="Optimiser, such as adamw(weight_decay=0.05) or "
                           "sgd.")
    lr: Positive | None = Field(None, description="Learning rate. Default: the usual one for the "
                                "optimiser.")
    schedule: str = Field("cosine", description="Learning-rate schedule: constant, cosine, "
                          "one_cycle, ...")
    stop: str = Field("early", description="Early stopping, such as early(patience=10), or none.")
    clip: Positive | None = Field(None, description="Largest gradient norm.")
    lag: Count = Field(1, description="Steps of the encoder for each of the decoder, until the "
                       "codes say no more from epoch to epoch, such as 5. It is against posterior "
                       "collapse.")
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        "auto", description="Floating-point precision: 32-true (32 bits throughout), bf16-mixed "
        "(16 bits where that is safe), or auto (bf16-mixed where it is faster).")
    device: str = Field("auto", description="Device: auto, cpu, cuda, cuda:1 or mps.")
    layout: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="Memory layout of feature maps. auto: channels_last where it is "
                            "faster.")
    max_memory: Positive | None = Field(
        None, description="Limit of GPU memory in GiB. Larger batches are split.")
    shard_model: bool = Field(
        False, description="Share weights, gradients and optimiser state among the processes of "
        "torchrun (FSDP2), for a model that is larger than a card.")
    compile: bool = Field(False, description="Compile the network first. This pays off in long "
                          "runs.")
    cuda_graph: bool = Field(True, description="On one GPU, run a training step as one CUDA graph "
                             "where that is possible; small networks are several times as fast.")
    tensorboard: bool = Field(False, description="Also write TensorBoard events.")
    seed: Seed = Field(0, description="Seed of all that is random: weights, batches, "
                       "splits, noise, augmentation.")

    def parts(self) -> "Parts":
        """The parts of the named model, replaced by the parts in these settings."""
        from ..model.parts import Parts
        named = models.make(self.model)
        own = {name: getattr(self, name) for name in PARTS if getattr(self, name)}
        return Parts(**{**vars(named), **own})

    def reading(self) -> "Reading":
        """The settings for reading images."""
        from ..data.read_image import Reading
        return Reading(**{name: getattr(self, name) for name in READING})

    def shares(self) -> dict[str, float]:
        """The share or number of samples in each split."""
        return {name: getattr(self, name) for name in SHARES if getattr(self, name) != "test"}

    def model_dump(self, exclude: Collection[str] = ()) -> dict[str, Any]:
        """All settings by name, without those in `exclude`."""
        return {name: value for name, value in vars(self).items() if name not in exclude}

    def with_(self, **changes: Any) -> "Settings":
        """A copy of these settings with some changes."""
        return make_settings({**self.model_dump(), **changes})

    def to_toml(self) -> str:
        """The settings as a recipe's text, with one line for each that is not None."""
        lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
                 for name, value in self.model_dump().items() if value is not None)
        return "".join(lines)


Settings.model_fields = settings_of(Settings)


@lru_cache(maxsize=1)
def _checker() -> "TypeAdapter[Settings]":
    """The checker of values. Importing pydantic takes longer than the rest of the help."""
    from pydantic import TypeAdapter
    return TypeAdapter(Settings)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Make settings from names and values; other tools' names are accepted.

    Raises ValueError that says what is right."""
    values = {name: str(value) if isinstance(value, Composition) else value
              for name, value in values.items()}
    values = with_dim(own_words(values, say), Settings.model_fields["model"].default)
    for name in values:
        if name not in Settings.model_fields:
            near = did_you_mean(name, Settings.model_fields)
            raise ValueError(f"no setting is named {name!r}; "
                             f"{near or 'hourglass train --help describes them all'}")
    checker = _checker()
    from pydantic import ValidationError
    try:
        return checker.validate_python(values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        field = Settings.model_fields[name]
        hint = expected(field.annotation)
        bounds = " ".join(filter(None, map(bound_in_words, field.metadata)))
        raise ValueError(f"{name} must be {' '.join([hint, bounds]).strip()}, "
                         f"not {values[name]!r}") from None


def recipes() -> dict[str, Path]:
    """The files of the recipes in Hourglass, by name."""
    folder = Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def recipe_rows() -> list[tuple[str, str]]:
    """The recipes in Hourglass by name, each with the comment at its head."""
    return [(name, " ".join(line.lstrip("# ") for line in path.read_text().splitlines()
                            if line.startswith("#"))) for name, path in recipes().items()]


def read_recipe(name: str) -> dict[str, Any]:
    """Read a recipe's settings, by its name or from a TOML file."""
    path = recipes().get(name, Path(name))
    if not path.is_file():
        raise ValueError(f"there is no recipe and no file named {name!r}; "
                         f"{did_you_mean(name, recipes())}")
    return some_settings(path)


def some_settings(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings. Raises ValueError for one without any."""
    from .folder import read_toml
    values = read_toml(path)
    if not values:
        raise ValueError(f"{path} holds no settings; it needs lines such as model = \"ae(16)\"")
    return values


def chosen_recipe(name: str) -> dict[str, Any]:
    """Read a recipe's settings. In a recipe of ours, `data` names a source, never a folder."""
    values = read_recipe(name)
    if name in recipes() and str(values.get("data", "")).isidentifier():
        return {**values, "data": f"{values['data']}()"}
    return values


def with_whole_path(settings: Settings, data: Any = None) -> Settings:
    """The settings with an absolute path to the data, valid in every working directory."""
    if data is not None:
        return settings.with_(data=IN_MEMORY)
    from ..data.find import settle  # which brings torch
    return settings.with_(data=settle(settings.data))


def for_several(settings: Settings) -> Settings:
    """The settings for trainings that begin one after another, also in other working
    directories."""
    from ..data.find import settle_for_several
    return settings.with_(data=settle_for_several(settings.data))


IN_MEMORY = "(an array in memory)"   # the setting `data` of arrays in memory
