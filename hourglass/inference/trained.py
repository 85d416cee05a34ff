"""Trained: a model from a run folder, put to use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.channels import show_channels
from ..core.contracts import Collection, Evaluation
from ..core.method_registry import uses
from ..data.source import Source, Split
from ..run.folder import RunFolder, open_run, read_settings
from ..run.weights import read_model
from .anomaly import Detector, detector_of
from .fitted_prior import FittedPrior
from .generation import Sampler
from .inputs import Inputs
from .kept_pca import PCA
from .labels import Labels
from .latents import TrainingCodes, kept_codes
from .network import Network
from .pipeline import Pipeline
from .run_cache import cache_of
from .sample_stats import squared_errors
from .training_data import TrainingData

if TYPE_CHECKING:   # it wants an extra, and few want it
    from .compression.codec import Codec, Contents


class Trained:
    """A trained autoencoder. What goes in is a path, a list of images' paths, an array or a tensor;
    what comes out is an array: codes (N, D), images (N, H, W, C) in the data's range.

    Numbers are scaled as the training data's were: in the data's own units, or from 0 to 1. Files
    and arrays in own units are brought to size, inverted and so on as the training images were.
    What lies outside the range of training is said. Raises ValueError for what cannot be read.

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
        self.sampler = Sampler(self.pipeline, self.training.prior)

    @property
    def about(self) -> dict[str, Any]:
        """The description of the model as JSON has it."""
        return self.description.as_json()

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.network.device

    @property
    def stride(self) -> tuple[int, int] | None:
        """Pixels a step of the code, of a model that takes images of any size; else None."""
        return self.network.stride

    # samples and codes

    def encode(self, x: Any, y: Any = None) -> np.ndarray:
        """Codes (N, D), or maps (N, D, H, W), larger ones of larger images in an array: the
        posterior's mean. A conditional model wants the classes y, unless folders tell them."""
        return self.pipeline.encode(x, y)

    def decode(self, z: Any, y: Any = None) -> Any:
        """Images (N, H, W, C), vectors (N, D), or rows of a table or windows in their own units, of
        codes (N, ...), of classes y."""
        return self.in_units(self.values(z, y))

    def values(self, z: Any, y: Any = None) -> np.ndarray:
        """The same as the model sees them: images (N, H, W, C) or vectors (N, D)."""
        return self.pipeline.decode(z, y)

    def in_units(self, x: np.ndarray, found: Collection | None = None) -> Any:
        """Samples as they are given back: rows of a table (N, D) as a data frame, typed as the
        table that was `found`, windows of a series in their own units; all else as it is."""
        return self.pipeline.in_units(x, found)

    def reconstruct(self, x: Any, y: Any = None) -> Any:
        """Through the bottleneck and back, (N, H, W, C) or (N, D); a table as a data frame, and a
        series as one of its times, units and channels: each step is the mean over all windows that
        cover it. Windows (N, T, C) stay windows. Tables, series and windows are in their own units.
        What is read already, a Collection, gives an array. Images in an array keep their size where
        the model has no dense layer, or is one of patches."""
        return self.pipeline.reconstruct(x, y)

    def restore(self, x: Any, y: Any = None) -> Any:
        """What the model makes of corrupted samples: images (N, H, W, C), or as `reconstruct`.

        Arrays of images, (N, H, W) or (N, H, W, C), 8-bit or in the data's range, keep their own
        size: smaller and larger ones than in training go through whole, or, if the model has a
        dense layer, in tiles that overlap. Files come at the size of training. Values stay in
        [0, 1] where the data's do. A conditional model wants y, unless folders tell it. ValueError.
        """
        return self.pipeline.restore(x, y)

    def impute(self, x: Any, y: Any = None) -> Any:
        """A table or series (a path, a data frame or rows) with what is missing filled in, as a
        data frame in its own units; windows (N, T, C) as an array. Raises ValueError."""
        from .imputation import impute
        return impute(self, x, y)

    def errors(self, x: Any, y: Any = None) -> np.ndarray:
        """Squared error of every value of the reconstructions, (N, H, W, C) or (N, D), in the
        data's range; NaN where a value is missing."""
        return squared_errors(self.model, self.samples(x, y))

    def read(
        self, x: Any, strict: bool = True, whole: bool = False, strays: bool = True
    ) -> Collection:
        """Inputs of any kind, brought to what the model was trained on; raises ValueError.

        Without `strict`, images that cannot be read are left out, and noted; without `strays`,
        also those beside folders of classes. Unless `whole`, models of patches get tiles.
        """
        return self.inputs.collect(x, strict, whole, strays)

    def samples(self, x: Any, y: Any = None) -> Split:
        """Inputs of any kind as the model takes them, in batches; raises ValueError."""
        return self.pipeline.split(x, y)

    def scale_of(self, x: np.ndarray) -> float:
        """What a number of x is worth to the model, where `read` gave x: all but 8-bit images are
        scaled by then."""
        return self.inputs.worth(x)

    # classes

    def classify(self, x: Any) -> list[str]:
        """The class the model takes each sample for, by name; ValueError if it guesses none."""
        self.check_guesses()
        return [self.classes[label] for label in self.guess(x).argmax(1)]

    def guess(self, x: Any) -> np.ndarray:
        """How probable each class is for each sample to a model that guesses them, (N, K)."""
        return self.labels.guess(self.read(x))

    def check_guesses(self) -> None:
        """Raises ValueError for a model that guesses no classes."""
        self.labels.check_guesses()

    def number(self, y: Any, n: int) -> np.ndarray:
        """Classes by name, one for all or one each, as this model counts them, (n,); raises
        ValueError for one it has not seen."""
        return self.labels.number(y, n)

    # new samples

    def sample(self, n: int, y: Any = None, seed: int = 0, prior: str = "auto",
               temperature: float = 1.0) -> Any:
        """New samples (N, H, W, C), (N, D) or (N, T, C), or rows of a table as a data frame: means
        of n draws from a prior (if none is named, from the `usual_prior`), of class y if one is
        asked for; a conditional model else draws all classes in turn."""
        return self.in_units(self.draw(n, y, seed, prior, temperature)[0])

    def draw(self, n: int, y: Any = None, seed: int = 0, prior: str = "auto",
             temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same with the codes (N, ...) that they were decoded from and the numbers of their
        classes (N,), if the prior or the model knows of any."""
        return self.sampler.draw(n, y, seed, prior, temperature)

    def usual_prior(self, asked: bool = False) -> str:
        """The one that its parts name; else the model's own, if training drew the codes to it and,
        where a class is `asked` for, it was told classes; else one that is fitted to the codes."""
        return self.sampler.usual_prior(asked)

    # what it was trained on

    @property
    def data(self) -> str:
        """What the run was trained on, as the settings name it; raises ValueError for an array."""
        return self.training.name

    def source(self) -> Source:
        """The data that the model was trained on; raises ValueError where it is gone."""
        return self.training.source()

    def codes(self) -> TrainingCodes:
        """Of the training samples: those kept with the run, else encoded anew from its data."""
        return self.training.codes()

    def pca(self) -> PCA:
        """Principal components of the training samples, as detectors use them."""
        return self.training.pca()

    def prior(self, text: str) -> FittedPrior:
        """A prior fitted to the training samples' codes, kept in the run's folder for next time.

        Raises ValueError for a wrong text, and where the codes are gone and the data too.
        """
        return self.training.prior(text)

    def is_current(self) -> bool:
        """Whether the run's folder still holds the weights that this model has: another process
        may have trained it on, or moved it away."""
        return self.cache.is_current()

    # what is normal, and how likely

    def detector(
        self, text: str = "", threshold: str = "", labelled: Any = None, held_out: Any = None
    ) -> Detector:
        """What tells normal samples from abnormal ones: a detector fitted to the training samples,
        and the score from which one is called abnormal. Without texts, those
        kept with the run, else "auto" and "quantile(0.99)", or "best_f1" for `labelled` samples.
        Thresholds and probabilities are from `held_out` samples, which are normal; else from those
        that were kept out of training. `labelled` are a few examples, a pair of samples and of 1
        for each that is abnormal, for the threshold best_f1. Raises ValueError for a wrong text,
        and where data is needed that is gone.
        """
        return detector_of(self, text, threshold, labelled, held_out)

    def score(self, x: Any, y: Any = None) -> np.ndarray:
        """How abnormal each sample is, (N,), by the detector that was kept, else the usual one:
        print model.detector() to see which. What is not the model's own error is said."""
        detector = self.detector()
        self.inputs.tell(detector.why and f"scored by {detector.text}: {detector.why}")
        return detector.score(x, y)

    def evaluate(self, nll: int = 200, split: str = "", limit: int | None = None, ais: int = 0,
                 chains: int = 8, seed: int = 0) -> Evaluation:
        """How likely it finds samples of its data, by `nll` codes each and `ais` steps of annealing
        (hourglass.tasks.evaluate); of models that have no log p(x), how well it reconstructs."""
        from .log_likelihood.estimate import LikelihoodOptions
        found: Evaluation = uses.parts["evaluate"](self, LikelihoodOptions(nll, ais, chains, split,
                                                                           limit, seed))
        return found

    # compressed files

    def compress(self, x: Any, y: Any = None, quality: float | None = None,
                 step: float | None = None, lossless: bool = False) -> bytes:
        """Samples as a file's content: their codes, rounded, and, if lossless, what the model
        missed of 8-bit images. Rounding adds at most 100 - quality percent (5 if nothing is said)
        to the model's squared error, or is by `step` standard deviations of each factor."""
        from .compression.codec import compression_options
        from .compression.packing import packed
        wish = compression_options(quality, step, lossless)
        return packed(self.pipeline, x, y, wish, lambda: kept_codes(self.cache))

    def decompress(self, content: bytes) -> np.ndarray:
        """Images uint8 (N, H, W, C), or other samples as float32, from what `compress` gave;
        without loss, the very images, else such that 255 is white.

        Raises ValueError for what is cut short or altered, or was made with another model.
        """
        return self.unpack(content).x

    def unpack(self, content: bytes) -> "Contents":
        """The same with the names of the files that they were."""
        from .compression.packing import unpacked
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
