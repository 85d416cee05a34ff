"""Trained: a model from a run folder, put to use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.channels import show_channels
from ..core.contracts import Collection, Evaluation
from ..core.method_registry import uses
from ..data.split_data import Source, Split
from ..run.folder import RunFolder, open_run, read_settings
from ..run.weights import read_model
from .anomaly import Detector, detector_of
from .fit_prior import FittedPrior
from .generation import Sampler
from .inputs import Inputs
from .kept_pca import PCA
from .labels import Labels
from .latents import TrainingCodes, kept_codes
from .network import Network
from .pipeline import Pipeline
from .prompted import DenoiserPrior, DiffusionWish
from .recommending import check_samples
from .run_cache import cache_of
from .sample_stats import squared_errors
from .training_data import TrainingData

if TYPE_CHECKING:   # it needs an extra that few users install
    from .compression.codec import Codec, Contents


class Trained:
    """A trained autoencoder. Its methods take a path, a list of images' paths, an array or a
    tensor, and return arrays: codes (N, D), images (N, H, W, C) in the data's range.

    Numbers are scaled as the training data's were: in the data's own units, or from 0 to 1. Files
    and arrays in own units are brought to size, inverted and so on as the training images were.
    Values outside the range of training get a note. Raises ValueError for what cannot be read.

        >>> import hourglass as hg
        >>> model = hg.train("digits", model="vae(4)", epochs=1, report=False, quiet=True)
        >>> codes = model.encode("digits")
        >>> codes.shape, model.decode(codes[:2]).shape, model.reconstruct("digits").shape
        ((1797, 4), (2, 8, 8, 1), (1797, 8, 8, 1))
        >>> model.sample(3, seed=1).shape, model.sample(3, y="7", prior="per_class").shape
        ((3, 8, 8, 1), (3, 8, 8, 1))
        >>> model.score("digits").shape
        (1797,)
    """

    def __init__(self, folder: RunFolder, device: str = "cpu", source: Source | None = None):
        self.folder = folder
        self.model, self.description = read_model(folder)
        self.cache = cache_of(folder)
        self.model.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.shape, self.classes = self.description.shape, self.description.classes
        self.inputs = Inputs(self.description)
        self.network = Network(self.model, self.inputs)
        self.labels = Labels(self.network, self.classes)
        self.pipeline = Pipeline(self.network, self.inputs, self.labels)
        self.training = TrainingData(self.cache, self.pipeline, source)
        self.sampler = Sampler(self.pipeline, self.training.prior,
                               lambda: self.training.has_denoiser)

    @property
    def about(self) -> dict[str, Any]:
        """The description of the model as JSON has it."""
        return self.description.as_json()

    @property
    def device(self) -> torch.device:
        """The device of the model's weights."""
        return self.network.device

    @property
    def stride(self) -> tuple[int, int] | None:
        """Pixels per step of the code, if the model takes images of any size, otherwise None."""
        return self.network.stride

    # samples and codes

    def encode(self, x: Any, y: Any = None) -> np.ndarray:
        """Codes (N, D), or maps (N, D, H, W): the means of the posteriors. Larger images in an
        array give larger maps. A conditional model needs the classes y, unless the names of
        folders say them."""
        return self.pipeline.encode(x, y)

    def decode(self, z: Any, y: Any = None) -> Any:
        """Decode codes (N, ...) of classes y: images (N, H, W, C), vectors (N, D), or rows of a
        table or windows in their own units."""
        return self.in_units(self.values(z, y))

    def values(self, z: Any, y: Any = None) -> np.ndarray:
        """Decode codes to the values that the model sees: (N, H, W, C) or (N, D)."""
        check_samples(self.description, "decoding")
        return self.pipeline.decode(z, y)

    def in_units(self, x: np.ndarray, table: Collection | None = None) -> Any:
        """Samples in their own units. Rows of a table (N, D) become a data frame with the types of
        the table `table`, and windows of a series get their units back. Images stay unchanged."""
        return self.pipeline.in_units(x, table)

    def reconstruct(self, x: Any, y: Any = None) -> Any:
        """Encode and decode samples: images (N, H, W, C) or vectors (N, D).

        Tables and series become data frames in their own units. Each step of a series is the mean
        over all windows that cover it. Windows (N, T, C) stay windows. A Collection, which was
        read before, gives an array. Images in an array keep their size if the model has no dense
        layer, or was trained on patches.
        """
        check_samples(self.description, "reconstructing")
        return self.pipeline.reconstruct(x, y)

    def restore(self, x: Any, y: Any = None) -> Any:
        """Restore corrupted samples: images (N, H, W, C), or what `reconstruct` gives.

        Arrays of images, (N, H, W) or (N, H, W, C), are 8-bit or in the data's range. They keep
        their size: a model with a dense layer restores them in tiles that overlap, others restore
        them whole. Files are resized to the training size. Values stay in [0, 1] if the data's do.
        A conditional model needs the classes y, unless folders say them. Raises ValueError.
        """
        check_samples(self.description, "restoring")
        return self.pipeline.restore(x, y)

    def impute(self, x: Any, y: Any = None) -> Any:
        """Fill in the missing values of a table or series (a path, a data frame or rows). Returns a
        data frame in its own units, or an array for windows (N, T, C). Raises ValueError."""
        from .imputation import impute
        check_samples(self.description, "imputing")
        return impute(self, x, y)

    def errors(self, x: Any, y: Any = None) -> np.ndarray:
        """Squared error of every value of the reconstructions, (N, H, W, C) or (N, D), in the
        data's range; NaN where a value is missing."""
        check_samples(self.description, "measuring errors")
        return squared_errors(self.model, self.samples(x, y))

    def read(
        self, x: Any, strict: bool = True, whole: bool = False, strays: bool = True
    ) -> Collection:
        """Read inputs of any kind into the form that the model was trained on. Raises ValueError.

        Without `strict`, images that cannot be read are left out, with a note. Without `strays`,
        so are images that lie outside the folders of classes. Models of patches get tiles, unless
        `whole`.
        """
        return self.inputs.collect(x, strict, whole, strays)

    def samples(self, x: Any, y: Any = None) -> Split:
        """Inputs of any kind as the model takes them, in batches; raises ValueError."""
        return self.pipeline.split(x, y)

    def scale_of(self, x: np.ndarray) -> float:
        """The factor from values x that `read` gave to values that the model sees. Only 8-bit
        images are not scaled yet."""
        return self.inputs.worth(x)

    # classes

    def classify(self, x: Any) -> list[str]:
        """The predicted class of each sample, by name. Raises ValueError if the model predicts no
        classes."""
        self.check_guesses()
        return [self.classes[label] for label in self.guess(x).argmax(1)]

    def guess(self, x: Any) -> np.ndarray:
        """The predicted probability of each class for each sample, (N, K)."""
        return self.labels.guess(self.read(x))

    def check_guesses(self) -> None:
        """Raises ValueError for a model that predicts no classes."""
        check_samples(self.description, "classifying")
        self.labels.check_guesses()

    def number(self, y: Any, n: int) -> np.ndarray:
        """Numbers (n,) of classes that are given by name, one for all samples or one each. Raises
        ValueError for a class that was not in the training data."""
        return self.labels.number(y, n)

    # new samples

    def sample(self, n: int, y: Any = None, seed: int = 0, prior: str = "auto",
               temperature: float = 1.0, wish: DiffusionWish | None = None, top_k: int = 0) -> Any:
        """Sample n codes from a prior and decode them: (N, H, W, C), (N, D) or (N, T, C), or a
        data frame for a table. The default prior is `usual_prior`. `y` is the class; by default, a
        conditional model samples all classes in turn. `wish` is the request to latent diffusion,
        such as a prompt. A model of lines gives a list of texts, drawn token by token with
        `temperature`, from the `top_k` most probable tokens (0: all)."""
        return self.in_units(self.draw(n, y, seed, prior, temperature, wish, top_k)[0])

    def draw(self, n: int, y: Any = None, seed: int = 0, prior: str = "auto",
             temperature: float = 1.0, wish: DiffusionWish | None = None, top_k: int = 0
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Samples as in `sample`, their codes (N, ...), and the numbers of their classes (N,), if
        the prior or the model has classes."""
        check_samples(self.description, "generating")
        return self.sampler.draw(n, y, seed, prior, temperature, wish, top_k)

    def usual_prior(self, with_class: bool = False) -> str:
        """The default prior: latent diffusion if the run has it, otherwise the one in the run's
        settings, otherwise the model's own, otherwise
        one that is fitted to the codes. The model's own is the default only if training pulled the
        codes towards it and, if a class is `with_class` for, if the model is conditional."""
        return self.sampler.usual_prior(with_class)

    # its training data

    @property
    def data(self) -> str:
        """The training data of the run, as its settings name it. Raises ValueError for an array."""
        return self.training.name

    def source(self) -> Source:
        """The data that the model was trained on. Raises ValueError if it is gone."""
        return self.training.source()

    def codes(self) -> TrainingCodes:
        """Codes of the training samples: those kept with the run, otherwise encoded again."""
        return self.training.codes()

    def pca(self) -> PCA:
        """Principal components of the training samples, as detectors use them."""
        return self.training.pca()

    def prior(self, text: str) -> FittedPrior | DenoiserPrior:
        """A prior fitted to the codes of the training samples, and kept in the run's folder; or
        latent_diffusion, if the run has it.

        Raises ValueError for a wrong text, and if both the codes and the data are gone.
        """
        check_samples(self.description, "a prior")
        return self.training.prior(text)

    def is_current(self) -> bool:
        """Whether the run's folder still holds the weights that this model has: another process
        may have trained it on, or moved it away."""
        return self.cache.is_current()

    # anomalies and likelihoods

    def detector(
        self, text: str = "", threshold: str = "", labelled: Any = None, held_out: Any = None
    ) -> Detector:
        """A detector fitted to the training samples, with the threshold above which a sample is
        abnormal.

        The defaults are those kept with the run, otherwise "auto" and "quantile(0.99)", or
        "best_f1" with `labelled` samples. `labelled` is a pair: a few samples, and 1 for each that
        is abnormal or 0. `held_out` are normal samples for the threshold and the probabilities;
        the default are those that training did not use. Raises ValueError for a wrong text, and if
        it needs data that is gone.
        """
        check_samples(self.description, "scoring")
        return detector_of(self, text, threshold, labelled, held_out)

    def score(self, x: Any, y: Any = None) -> np.ndarray:
        """Anomaly scores (N,), by the detector kept with the run, otherwise by the default one. To
        see which, print model.detector(). A note says so if it is not the reconstruction error."""
        detector = self.detector()
        self.inputs.tell(detector.why and f"scored by {detector.text}: {detector.why}")
        return detector.score(x, y)

    def evaluate(self, nll: int = 200, split: str = "", limit: int | None = None, ais: int = 0,
                 chains: int = 8, seed: int = 0) -> Evaluation:
        """Estimate log p(x) of samples of its data, by importance sampling with `nll` codes each,
        and by `ais` steps of annealed importance sampling. For a model without log p(x), measure
        the reconstructions."""
        from .log_likelihood.estimate import LikelihoodOptions
        evaluation: Evaluation = uses.parts["evaluate"](
            self, LikelihoodOptions(nll, ais, chains, split, limit, seed))
        return evaluation

    # compressed files

    def compress(self, x: Any, y: Any = None, quality: float | None = None,
                 step: float | None = None, lossless: bool = False) -> bytes:
        """Compress samples into the content of a file: their rounded codes. With `lossless`, also
        the difference of 8-bit images from their reconstructions. Rounding adds at most
        100 - `quality` percent to the squared error (default 5). Alternatively, codes are rounded
        to `step` standard deviations of each latent dimension."""
        from .compression.codec import compression_options
        from .compression.packing import packed
        check_samples(self.description, "compressing")
        wish = compression_options(quality, step, lossless)
        return packed(self.pipeline, x, y, wish, lambda: kept_codes(self.cache))

    def decompress(self, content: bytes) -> np.ndarray:
        """Decompress what `compress` gave: images uint8 (N, H, W, C), or other samples as float32.
        Lossless content gives exactly the same images; in other images, 255 is white.

        Raises ValueError for content that is damaged, or that another model made.
        """
        return self.unpack(content).x

    def unpack(self, content: bytes) -> "Contents":
        """Decompress, and keep the names of the files."""
        from .compression.packing import unpacked
        check_samples(self.description, "decompressing")
        return unpacked(self.pipeline, content)

    def _codec(self) -> "Codec":
        from .compression.packing import codec_of
        return codec_of(self.pipeline)


def load(run: str | Path, device: str = "cpu") -> Trained:
    """The trained model in a run folder; pictures then show the channels that its settings choose.
    Raises ValueError."""
    model = Trained(open_run(run), device)
    if len(model.shape) == 3:
        show_channels(str(read_settings(model.folder.settings).get("show", "")))
    return model
