"""Model: a trained autoencoder in a notebook, to use, inspect, save and share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import torch

from ..inference.disagreement import disagreement
from ..inference.encoder_decoder import Half
from ..inference.line_uses import is_of_lines, is_of_molecules
from ..inference.trained import Trained
from ..model.autoencoder import Autoencoder
from ..run.folder import RunFolder, digest, open_run
from . import (
    hub,
    inspect_model,
    model_uses,
    pictures,
    probe_codes,
    set_distances,
    single_file,
)
from .forecast import forecast_of
from .modules import half_of
from .molecules import Molecules, as_molecules, vary_molecule
from .morph import Way
from .notebook_objects import Film, Picture
from .notebook_samples import Samples, splits_of
from .posterior import loss_terms
from .posterior import posterior as posterior_of
from .python_words import for_python
from .recommending import recommend_of
from .tabulated import Columns, Metrics
from .vary_lines import vary_lines
from .write_lines import STEPS as LINES_BETWEEN
from .write_lines import morph_lines

FRAMES = 30   # of a morph, between two images
P = ParamSpec("P")
R = TypeVar("R")


def _of_trained(
    method: Callable[Concatenate[Trained, P], R]
) -> "Callable[Concatenate[Model, P], R]":
    """The same method of a model, with its signature and docstring; its errors speak Python."""
    spoken = for_python(method)

    def called(self: "Model", *args: P.args, **kwargs: P.kwargs) -> R:
        return spoken(self.trained, *args, **kwargs)
    for name in ("__doc__", "__name__", "__wrapped__"):
        setattr(called, name, getattr(spoken, name))
    return called


class Model:
    """A trained autoencoder. Its methods take a path, a list of images' paths, an array or a
    tensor, and return arrays: codes (N, D), images (N, H, W, C) in the data's range.

    `trained` does the work, and everything that it has is here too. A pickle holds the content of
    its files. Raises ValueError for what cannot be read.

        >>> import hourglass as hg
        >>> model = hg.train("digits", model="vae(4)", epochs=1, report="lazy", quiet=True)
        >>> model.encode("digits").shape, len(model.history["epoch"])
        ((1797, 4), 1)
        >>> model.grid(side=3).array.shape
        (3, 3, 8, 8, 1)
        >>> sorted(model.elbo("digits"))
        ['kl', 'loss', 'recon']
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    # samples and codes
    encode = _of_trained(Trained.encode)
    decode = _of_trained(Trained.decode)
    reconstruct = _of_trained(Trained.reconstruct)
    restore = _of_trained(Trained.restore)
    impute = _of_trained(Trained.impute)
    forecast = _of_trained(forecast_of)
    recommend = _of_trained(recommend_of)
    errors = _of_trained(Trained.errors)
    read = _of_trained(Trained.read)
    samples = _of_trained(Trained.samples)
    classify = _of_trained(Trained.classify)
    guess = _of_trained(Trained.guess)
    sample = _of_trained(Trained.sample)
    draw = _of_trained(Trained.draw)
    prior = _of_trained(Trained.prior)
    codes = _of_trained(Trained.codes)
    source = _of_trained(Trained.source)
    detector = _of_trained(Trained.detector)
    score = _of_trained(Trained.score)
    evaluate = _of_trained(Trained.evaluate)
    compress = _of_trained(Trained.compress)
    decompress = _of_trained(Trained.decompress)

    # results about data, and files for other programs
    nearest = _of_trained(model_uses.nearest_of)
    duplicates = _of_trained(model_uses.duplicates_of)
    disentangle = _of_trained(model_uses.disentangle_of)
    distances = _of_trained(set_distances.distances)
    probes = _of_trained(probe_codes.probes)
    score_steps = _of_trained(model_uses.score_steps_of)
    export = _of_trained(model_uses.export_of)

    # probabilities of samples
    posterior = _of_trained(posterior_of)
    disagreement = _of_trained(disagreement)
    elbo = _of_trained(loss_terms)

    # results, as objects that a notebook shows
    grid = _of_trained(pictures.grid_of)
    generate = _of_trained(pictures.generate_of)
    heatmaps = _of_trained(pictures.heatmaps_of)
    explore = _of_trained(pictures.explorer_of)
    figure = _of_trained(inspect_model.figure_of)
    report = _of_trained(inspect_model.report_of)

    @for_python
    def morph(
        self, *images: Any, label: Any = "", way: Way = "linear", frames: int | None = None,
        hold: int = 10, rate: int = 25, loop: bool = True,
    ) -> Film | list[str] | Molecules:
        """From each image to the next through the latent space, as in model.morph(a, b). An image
        is an array (H, W) or (H, W, C), a file, or the number of an unseen sample.

        `label` is the class of a conditional model, `way` is "linear" or "spherical", `frames` lie
        between two images (30; of lines 8), and each image stays for `hold` frames of `rate` a
        second. A `loop` goes back to the first image. Lines of text and molecules give texts.
        Raises ValueError.
        """
        if is_of_lines(self.trained.description):
            texts = morph_lines(self.trained, images, LINES_BETWEEN if frames is None else frames,
                                way, label)
            return as_molecules(texts, "from each molecule to the next") if is_of_molecules(
                self.trained.description) else texts
        return pictures.morph_of(self.trained, images, label, way,
                                 FRAMES if frames is None else frames, hold, rate, loop)

    @for_python
    def vary(self, image: Any, *attributes: Any, label: Any = "", having: Any = "",
             lacking: Any = "", property: str = "", steps: int = 8
             ) -> Picture | Molecules | dict[str, list[str]]:
        """One image varied along attributes, as in model.vary(x, "slant"): a row each, from less to
        more. Attributes are classes, by name or number, or brightness, contrast, width, slant,
        warmth; or one of your own, by images `having` it and `lacking` it. A molecule is a SMILES,
        and is varied along a `property` in `steps`, as in model.vary("CCO", property="logP"). A
        line of text is varied along classes or "length", in `steps` from less to more, and gives
        {attribute: [texts]}. Raises ValueError."""
        if property or is_of_molecules(self.trained.description):
            if attributes or having or lacking or not property:
                raise ValueError("a molecule is varied along a property, as in model.vary('CCO', "
                                 "property='logP'); leave attributes out")
            return vary_molecule(self.trained, image, property, steps, label)
        if is_of_lines(self.trained.description):
            return vary_lines(self.trained, image, attributes, steps, having, lacking, label)
        return pictures.vary_of(self.trained, image, attributes, label, having, lacking)

    # its description

    @property
    def folder(self) -> RunFolder:
        """The folder of its run."""
        return self.trained.folder

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample as the model sees it: (C, H, W), (C, T) or (D,)."""
        return self.trained.shape

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in its data."""
        return self.trained.classes

    @property
    def history(self) -> Columns:
        """The figures of every epoch, {name: (E,)}."""
        return inspect_model.history_of(self.trained)

    @property
    def metrics(self) -> Metrics:
        """{name: (value, low, high)}; the ends are of the 95 % interval, NaN where there is none.
        """
        return inspect_model.metrics_of(self.trained)

    @property
    def splits(self) -> dict[str, Samples]:
        """The training data by split, each with images, labels, index and names. Raises ValueError
        if the data is gone."""
        return splits_of(self.source())

    # its torch modules

    @property
    def net(self) -> Autoencoder:
        """The whole model as a torch module: net(x) gives p(x|z) and the code."""
        return self.trained.model

    @property
    def encoder(self) -> Half:
        """x (B, *shape) -> z, a torch module with the model's own weights."""
        return half_of(self.trained, "encoder")

    @property
    def decoder(self) -> Half:
        """z -> the mean of x (B, *shape), a torch module with the model's own weights."""
        return half_of(self.trained, "decoder")

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.trained.device

    @for_python
    def to(self, device: str) -> "Model":
        """Move the model to a device: cpu, cuda, cuda:1, mps or auto; returns it."""
        from ..core.device import choose_device
        self.trained.model.to(choose_device(device))
        return self

    # to keep and to share

    @for_python
    def save(self, path: str | Path) -> Path:
        """Write the model as one .safetensors file, which hg.load opens: weights, settings,
        history, and the priors and detectors that were fitted. Raises ValueError."""
        single_file.save_file(self.folder, Path(path))
        return Path(path)

    @for_python
    def push(self, target: str | Path) -> str:
        """Share the model with a card: in a folder, or on the Hugging Face Hub as hub:owner/name.
        hg.load takes the same name. Returns where it is. Raises ValueError."""
        return hub.push(self.folder, target)

    def __reduce__(self) -> tuple[Any, ...]:
        return from_content, (single_file.content_of(self.folder), str(self.folder.path.resolve()),
                              digest(self.folder), str(self.device))

    def __repr__(self) -> str:
        return inspect_model.text_of(self.trained)

    def _repr_html_(self) -> str:
        return inspect_model.as_html_of(self.trained)

    def __dir__(self) -> Sequence[str]:
        return sorted({*object.__dir__(self), *dir(self.trained)})

    if not TYPE_CHECKING:   # what only the inside of Hourglass asks for
        def __getattr__(self, name: str) -> Any:
            if name == "trained" or name.startswith("__"):
                raise AttributeError(name)
            return getattr(self.trained, name)


def from_content(content: bytes, path: str, mark: str, device: str) -> Model:
    """A model from a pickle. It is read from its run's folder if that still holds the same weights,
    otherwise from the content of its files."""
    from ..core.device import choose_device
    try:
        folder = open_run(path)
        if digest(folder) != mark:
            folder = single_file.open_content(content)
    except ValueError:
        folder = single_file.open_content(content)
    try:
        on = str(choose_device(device))
    except ValueError:   # this machine has no such device
        on = "cpu"
    return Model(Trained(folder, on))
