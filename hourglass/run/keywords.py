"""The keywords of hg.train and hg.resume, with their types, for editors and type checkers."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypedDict

from torch import nn

from ..core.composing import Composition

Text = str | Composition   # a part or a formula, as a text or an object
Callback = Callable[[int, dict[str, float]], Any]   # the epoch's number and its figures, by name
Callbacks = Callback | str | Iterable[Callback | str]


class ResumeKeywords(TypedDict, total=False):
    """What hg.resume takes: how it trains, and the settings that may change."""

    quiet: bool
    report: bool | Literal["lazy"]
    callbacks: Callbacks
    progress: bool | Literal["auto", "bar", "lines", "none"]
    keep_memory: bool
    encoder: nn.Module | None
    decoder: nn.Module | None
    parts: str | Path | Iterable[str | Path]
    # settings
    val: Any   # the validation data of your own, given again
    epochs: int | None
    minutes: float | None
    lr: float | None
    schedule: Text
    stop: Text
    device: Text
    cuda_graph: bool
    shard_model: bool
    tensorboard: bool
    show: Text


class TrainKeywords(TypedDict, total=False):
    """What hg.train takes: how it trains, and all settings, also in other tools' words."""

    quiet: bool
    report: bool | Literal["lazy"]
    callbacks: Callbacks
    progress: bool | Literal["auto", "bar", "lines", "none"]
    keep_memory: bool
    encoder: nn.Module | None
    parts: str | Path | Iterable[str | Path]
    overwrite: bool
    # settings

    model: Text
    backbone: Text
    decoder: Text | nn.Module
    bottleneck: Text
    likelihood: Text
    corruption: Text
    condition: Literal["", "none", "label", "inferred"]
    loss: Text
    prior: Text
    initial: Literal["data", "glorot", "pytorch"]
    augment: Text
    begin: Text
    only: Text | int
    labelled: int | None
    size: Text | int
    fit: Literal["crop", "pad", "stretch"]
    crop: Text | int
    pad: Text | int
    grey: bool | None
    invert: bool
    range: Text | int
    show: Text
    binarise: Literal["", "fixed", "dynamic", "threshold"]
    strict: bool
    include: Text
    exclude: Text
    label_depth: int | None
    pages: bool
    patches: Text | int
    patches_each: int | None
    val: Any   # a share, a number, "test", or samples of your own, as (x, y)
    test: float
    holdout: float
    epochs: int | None
    minutes: float | None
    batch_size: int | None
    optimiser: Text
    lr: float | None
    schedule: Text
    stop: Text
    clip: float | None
    lag: int
    precision: Literal["auto", "32-true", "bf16-mixed"]
    device: Text
    layout: Literal["auto", "channels_last", "contiguous"]
    max_memory: float | None
    shard_model: bool
    compile: bool
    cuda_graph: bool
    tensorboard: bool
    seed: int
    # in other tools' words
    latent_dim: int
    validation_data: Any
    learning_rate: float | None   # lr
    optimizer: Text   # optimiser
    validation_split: float | Literal["test"]   # val
    num_epochs: int | None   # epochs
    max_epochs: int | None   # epochs
    batchsize: int   # batch_size
    random_state: int   # seed
    random_seed: int   # seed
    test_split: float   # test
    gradient_clip: float | None   # clip
    clipnorm: float | None   # clip
    image_size: Text | int   # size
    # of kind="table", with label, drop, dates and decimal
    categories: str | Iterable[str]
    # of kind="series"
    window: int
    stride: int
    columns: str | Iterable[str]
    time: str
    id: str
    label: str
    drop: str | Iterable[str]
    dates: str
    decimal: str
    # of kind="lines", with label
    level: Literal["character", "byte", "word"]
    limit: int
    vocabulary: int
    lower: bool
    column: str
    # of kind="molecules", with limit, column and label
    notation: Literal["selfies", "smiles"]
    # of kind="ratings", with time
    explicit: bool
    least: float | None
    fewest: int
    split: Literal["users", "last"]
    fold_in: float
    items: str
    user: str
    item: str
    rating: str
