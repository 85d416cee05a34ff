"""Settings: all that makes a run what it is, one flat set of texts and numbers."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.console import say
from ..core.hints import (
    Count,
    Fit,
    Initial,
    NotNegative,
    Positive,
    bound_in_words,
    did_you_mean,
    expected,
)
from ..core.registry import Depth, models
from .aliases import own_words, with_dim
from .folder import read_toml

if TYPE_CHECKING:   # these bring torch, which takes a second to import
    from ..data.images import Reading
    from ..model.parts import Parts

PARTS = ("backbone", "decoder", "bottleneck", "likelihood", "corruption", "condition", "loss",
         "prior")
READING = ("crop", "grey", "invert", "size", "fit", "pad", "range", "strict", "include", "exclude",
           "label_depth", "pages", "patches", "patches_each")
Binarise = Literal["", "fixed", "dynamic", "threshold"]
SHARES = ("val", "test", "holdout")


class Settings(BaseModel):
    """What to train on what, and how; a recipe is some of these, flags override it."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    data: str = Field("digits", description="a source such as mnist, or a folder, archive or array")
    model: str = Field("ae", description="a named model, such as ae(64) or vae(16)")
    backbone: str = Field("", description="encoder and decoder, such as conv(filters=(16, 8, 4))")
    decoder: str = Field("", description="another backbone whose decoder is used")
    bottleneck: str = Field("", description="what the code is, such as plain(10) or gaussian(16)")
    likelihood: str = Field("", description="of x given the code, such as bernoulli, "
                            "normal('optimal') or discretised_logistic")
    corruption: str = Field("", description="what the encoder sees in training, such as noise(0.3)")
    condition: Literal["", "none", "label", "inferred"] = Field(
        "", description="label: encoder and decoder are told the class of each sample; inferred: "
        "where it is known, else they guess it")
    loss: str = Field("", description="a formula over terms, such as recon + 4 * kl")
    prior: str = Field("", description="that samples are drawn from, such as own or mixture; else "
                       "what suits the model")
    initial: Initial = Field(
        "data", description="how weights begin. glorot: by Glorot's rule with biases at 0, as in "
        "Keras; data: the same, with the decoder's last bias at the mean of the data; pytorch: "
        "as PyTorch's layers do")
    augment: str = Field("", description="vary training samples, such as flip + shift(2)")
    begin: str = Field("", description="begin with the weights of this run; parts and size that "
                       "are not given are its own", json_schema_extra={"flag": "--from"})
    only: str = Field("", description="train on these classes alone, such as 3 or good,fine; the "
                      "others are left for the test")
    labelled: Count | None = Field(None, description="so many training samples show their class, "
                                   "as many of each; the others hide it")
    size: str = Field("", description="resize images to 64, or to 64x48 (height x width)")
    fit: Fit = Field("crop", description="how another aspect comes to size: crop, pad, stretch")
    crop: str = Field("", description="cut out the centre first, such as 148; smaller images stay")
    pad: str = Field("", description="set on a black canvas last, such as 32")
    grey: bool | None = Field(None, description="all images grey, or all colour; else as they are")
    invert: bool = Field(False, description="dark on white becomes white on black")
    range: str = Field("", description="least and greatest value, such as 0,4095, which become 0 "
                       "and 1; none leaves values as they are; else found from the data")
    show: str = Field("", description="channels that pictures show, such as 3,2,1; all: a panel "
                      "each; else the first three, or a panel each of 2, 5 or 6")
    binarise: Binarise = Field("", description="grey values become 0 or 1: fixed (drawn once), "
                               "dynamic (drawn anew in training) or threshold (from 0.5)")
    strict: bool = Field(False, description="stop at the first file that cannot be read")
    include: str = Field("", description="only files of these names, such as '*.png,cats/'; "
                         "patterns with commas")
    exclude: str = Field("", description="no files of these names, such as '*_small.jpg,thumbs/'")
    label_depth: Depth | None = Field(
        None, description="number of folders that name a class: 0 for no classes, 2 for such as "
        "Greek/alpha; default: the first folder, where there are several")
    pages: bool = Field(False, description="each page of a TIFF, or frame of a GIF, is a sample; "
                        "default: the first alone")
    patches: str = Field("", description="train on random patches of this size, such as 64 or "
                         "64x48 (height x width), of images at their own size")
    patches_each: Count | None = Field(
        None, description="number of patches of each image in an epoch; default: as many as cover "
        "it, up to 64")
    val: NotNegative | Literal["test"] = Field(
        0.1, description="share (below 1) or number of training images to validate on, or test")
    test: NotNegative = Field(0.1, description="share or number to test on, without a test set")
    holdout: NotNegative = Field(0.0, description="share that is kept out of everything")
    epochs: Count | None = Field(
        None, description="passes through the training images; else some 8,000 steps' worth")
    minutes: Positive | None = Field(None, description="stop after so many minutes")
    batch_size: Count = Field(128, description="images a step")
    optimiser: str = Field("adam", description="such as adamw(weight_decay=0.05) or sgd")
    lr: Positive | None = Field(None, description="learning rate; else the optimiser's usual one")
    schedule: str = Field("cosine", description="of the learning rate: constant, one_cycle, ...")
    stop: str = Field("early", description="early(patience=10), or none")
    clip: Positive | None = Field(None, description="limit the gradient's norm")
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        "auto", description="32-true, bf16-mixed, or auto: bf16 where it is faster")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps")
    layout: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="of maps in memory; auto: channels_last where it is faster")
    max_memory: Positive | None = Field(
        None, description="GiB of a GPU's memory to stay within; batches that need more are cut up")
    compile: bool = Field(False, description="compile the network first (long runs only)")
    tensorboard: bool = Field(False, description="also write TensorBoard's events")
    seed: int = Field(0, ge=0, lt=2**31, description="of weights, batches, splits and noise")

    def parts(self) -> "Parts":
        """The named model's parts, with those that are given in place of its own."""
        from ..model.parts import Parts
        named = models.make(self.model)
        given = {name: getattr(self, name) for name in PARTS if getattr(self, name)}
        return Parts(**{**vars(named), **given})

    def reading(self) -> "Reading":
        """How images are read."""
        from ..data.images import Reading
        return Reading(**{name: getattr(self, name) for name in READING})

    def shares(self) -> dict[str, float]:
        """How much of the data each split takes."""
        return {name: getattr(self, name) for name in SHARES if getattr(self, name) != "test"}

    def with_(self, **changes: Any) -> "Settings":
        """These settings, but for the given ones."""
        return make_settings({**self.model_dump(), **changes})

    def to_toml(self) -> str:
        """As a recipe's text: what is not None, a line each."""
        lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
                 for name, value in self.model_dump().items() if value is not None)
        return "".join(lines)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Settings from names and values, in other tools' words too; raises ValueError that says what
    is right."""
    values = with_dim(own_words(values, say), Settings.model_fields["model"].default)
    for name in values:
        if name not in Settings.model_fields:
            raise ValueError(f"no setting is named {name!r}; "
                             f"{did_you_mean(name, Settings.model_fields)}")
    try:
        return Settings(**values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        field = Settings.model_fields[name]
        hint = expected(field.annotation)
        bounds = " ".join(filter(None, map(bound_in_words, field.metadata)))
        raise ValueError(f"{name} must be {' '.join([hint, bounds]).strip()}, "
                         f"not {values[name]!r}") from None


def recipes() -> dict[str, Path]:
    """The recipes that come with Hourglass, by name."""
    folder = Path(str(files(__package__) / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe's settings, by its name or from a TOML file."""
    path = recipes().get(name, Path(name))
    if not path.is_file():
        raise ValueError(f"no recipe is named {name!r}, nor is there such a file; "
                         f"{did_you_mean(name, recipes())}")
    return read_toml(path)


def chosen_recipe(name: str) -> dict[str, Any]:
    """A recipe's settings, such that data in one of ours is the source of that name, even where a
    folder of that name is at hand."""
    values = read_recipe(name)
    if name in recipes() and str(values.get("data", "")).isidentifier():
        return {**values, "data": f"{values['data']}()"}
    return values


def with_whole_path(settings: Settings, data: Any = None) -> Settings:
    """The settings with data that is named such that it holds from every folder."""
    if data is not None:
        return settings.with_(data=IN_MEMORY)
    from ..data.find import settle  # which brings torch
    return settings.with_(data=settle(settings.data))


IN_MEMORY = "(an array in memory)"   # what settings say of data that no text names
