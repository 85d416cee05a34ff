"""Trained: a model from a run folder, put to use."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..core.channels import channels_first, channels_last, show_channels
from ..core.contracts import Collection
from ..core.hints import did_you_mean
from ..data import collect_like, stored
from ..data.in_memory import Given, are_paths
from ..data.labels import if_known, texts_of
from ..data.patches import tiles_of
from ..data.rows import holds_rows, is_rows, with_holes
from ..data.source import Source, Split
from ..data.table import in_units
from ..data.windows import in_own_units, over_time
from ..run.folder import RunFolder, digest, open_run, read_settings
from ..run.load_data import load_source
from ..run.settings import IN_MEMORY, make_settings
from ..run.weights import read_model
from .anomaly import Detector, detector_of
from .any_size import at_own_size, changes, of_any_size, padded, sized, stride_of, whole
from .batches import in_batches, seen
from .fitted_prior import FittedPrior, fit_prior, knows_no_classes, prior_of
from .inputs import Inputs
from .kept_pca import PCA, pca_of
from .latents import Codes, find_codes, keep_codes, kept_codes
from .sample_stats import squared_errors

if TYPE_CHECKING:   # it wants an extra, and few want it
    from ..tasks.evaluate import Evaluation
    from .compression.codec import Codec, Contents


class Trained:
    """A trained autoencoder. What goes in is a path, a list of images' paths, an array or a tensor;
    what comes out is an array: codes (N, D), images (N, H, W, C) in the data's range.

    Numbers are scaled as the training data's were: in the data's own units, or from 0 to 1. Files
    and arrays in own units are brought to size, inverted and so on as the training images were.
    What lies outside the range of training is said. Raises ValueError for what cannot be read.
    """

    def __init__(self, folder: RunFolder, device: str = "cpu", source: Source | None = None):
        self.at_hand = source   # data that no text names, for as long as it is in memory
        self.folder = folder
        self.model, self.description = read_model(folder)
        self.weights = digest(folder)
        self.fitted_priors: dict[str, FittedPrior] = {}
        self.shape, self.classes = self.description.shape, self.description.classes
        self.inputs = Inputs(self.description)
        self.model.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.device = torch.device(device)

    @property
    def about(self) -> dict[str, Any]:
        """The description of the model as JSON has it."""
        return self.description.as_json()

    @cached_property
    def stride(self) -> tuple[int, int] | None:
        """Pixels a step of the code, of a model that takes images of any size; else None."""
        return stride_of(self.model)

    def encode(self, x: Any, y: Any = None) -> np.ndarray:
        """Codes (N, D), or maps (N, D, H, W), larger ones of larger images in an array: the
        posterior's mean. A conditional model wants the classes y, unless folders tell them."""
        found = sized(self, x)
        given = padded(seen(found), self.shape[1:], self.stride)
        return self._each(given, self._labels(y, found),
                          lambda x, y: self.model.encode(channels_first(x), y)[0].z).numpy()

    def decode(self, z: Any, y: Any = None) -> Any:
        """Images (N, H, W, C), vectors (N, D), or rows of a table or windows in their own units, of
        codes (N, ...), of classes y."""
        return self.in_units(self.values(z, y))

    def in_units(self, x: np.ndarray, found: Collection | None = None) -> Any:
        """Samples as they are given back: rows of a table (N, D) as a data frame, typed as the
        table that was `found`, windows of a series in their own units; all else as it is."""
        encoding = self.description.encoding
        return in_units(encoding, x, found.raw if found else None) if (
            encoding.get("kind") == "table") else in_own_units(encoding, x)

    def values(self, z: Any, y: Any = None) -> np.ndarray:
        """The same as the model sees them: images (N, H, W, C) or vectors (N, D)."""
        codes = np.asarray(z, dtype=np.float32)
        wanted = self._own(1, 1.0, 0).shape[1:]
        if codes.shape[1:] != wanted or not len(codes):
            raise ValueError(f"this model's codes are of shape (N, {', '.join(map(str, wanted))}), "
                             f"not {codes.shape}")
        if y is None and self.model.condition is not None:
            raise ValueError("this model is conditional: say of which class the codes are")
        return channels_last(self._each(codes, self._labels(y, Collection(codes)),
                                     self._decoded)).numpy()

    def _decoded(self, z: Tensor, y: Tensor | None) -> Tensor:
        return self.model.decode(self.model.settled(z), y).mean

    def reconstruct(self, x: Any, y: Any = None) -> Any:
        """Through the bottleneck and back, (N, H, W, C) or (N, D); a table as a data frame and
        windows in their own units. What is read already, a Collection, gives an array. Images in an
        array keep their size where the model has no dense layer, or is one of patches."""
        if self.description.reading.patches:
            return self.restore(x, y)
        found = sized(self, x)
        again = whole(seen(found), self._labels(y, found), self.shape[1:], self.stride,
                      self._through)
        return again if found is x else self.in_units(again, found)

    def restore(self, x: Any, y: Any = None) -> Any:
        """What the model makes of corrupted samples: images (N, H, W, C), or as `reconstruct`.

        Arrays of images, (N, H, W) or (N, H, W, C), 8-bit or in the data's range, keep their own
        size: smaller and larger ones than in training go through whole, or, if the model has a
        dense layer, in tiles that overlap. Files come at the size of training. Values stay in
        [0, 1] where the data's do. A conditional model wants y, unless folders tell it. ValueError.
        """
        if len(self.shape) != 3:
            again = self.reconstruct(x, y)
            inside = self.description.bounded and isinstance(again, np.ndarray)
            return again.clip(0, 1) if inside else again
        named = isinstance(x, str | Path | Collection) or are_paths(x)
        found = self.read(x) if named else at_own_size(self.inputs, x, self.shape)
        again = of_any_size(seen(found), self._labels(y, found), self.shape[1:], self.stride,
                            self._through, self.scale_of)
        return again.clip(0, 1) if self.description.bounded else again

    def _through(self, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Samples (N, ...) through the model, classes (N,) as it counts them."""
        return np.asarray(channels_last(self._each(
            x, y, lambda x, y: self.model(channels_first(x), y).px.mean)).numpy())

    def scale_of(self, x: np.ndarray) -> float:
        """What a number of x is worth to the model, where `read` gave x: all but 8-bit images are
        scaled by then."""
        return self.inputs.worth(x)

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
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be a whole number from 1, not {n}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be a number from 0, not {temperature}")
        prior = self.usual_prior(y is not None) if prior == "auto" else prior
        fitted = None if prior == "own" else self.prior(prior)
        told = self.model.condition is not None
        knows = told or (fitted is not None and fitted.groups > 1)
        if y is not None and not knows:
            raise ValueError(f"neither this model nor the prior {prior} knows classes" + (
                "; try --prior per_class" if self.classes else ", for its data had none"))
        wanted = self.number(y, n) if y is not None else (
            np.arange(n) % len(self.classes) if told else None)
        if fitted is None:   # which wants no codes, and so no data
            z, kinds = self._own(n, temperature, seed), wanted
        else:
            z, kinds = fitted.sample(n, wanted, temperature, seed)
        if kinds is None or not knows:
            return self.values(z), z, np.empty(0, int)
        return self.values(z, [self.classes[kind] for kind in kinds] if told else None), z, kinds

    def usual_prior(self, asked: bool = False) -> str:
        """The one that its parts name; else the model's own, if training drew the codes to it and,
        where a class is `asked` for, it was told classes; else one that is fitted to the codes."""
        named = self.description.parts.prior
        if named != "auto" and not (asked and knows_no_classes(named)):
            return named
        told = self.model.condition is not None
        return "own" if self.model.bottleneck.confined and (told or not asked) else "mixture"

    def _own(self, n: int, temperature: float, seed: int) -> np.ndarray:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            drawn = self.model.sample_prior(n)
        return (drawn if temperature == 1 else temperature * drawn).numpy()

    def prior(self, text: str) -> FittedPrior:
        """A prior fitted to the training samples' codes, kept in the run's folder for next time.

        Raises ValueError for a wrong text, and where the codes are gone and the data too.
        """
        if text not in self.fitted_priors:
            given = text, self.codes, len(self.classes), self.model
            self.fitted_priors[text] = prior_of(self.folder, *given) if self.is_current() else (
                fit_prior(text, self.codes(), *given[2:]))
        return self.fitted_priors[text]

    def is_current(self) -> bool:
        """Whether the run's folder still holds the weights that this model has: another process
        may have trained it on, or moved it away."""
        try:
            return digest(self.folder) == self.weights
        except ValueError:
            return False

    def codes(self) -> Codes:
        """Of the training samples: those kept with the run, else encoded anew from its data."""
        if not self.is_current():
            return find_codes(self.model, self.source())
        codes = kept_codes(self.folder)
        if codes is None or codes.z.shape[1:] != self._own(1, 1.0, 0).shape[1:]:
            codes = find_codes(self.model, self.source())
            keep_codes(self.folder, codes)
        return codes

    def pca(self) -> PCA:
        """Principal components of the training samples, as detectors use them."""
        return pca_of(self.folder, self.source, self._own(1, 1.0, 0)[0].size)

    @property
    def data(self) -> str:
        """What the run was trained on, as the settings name it; raises ValueError for an array."""
        data = make_settings(read_settings(self.folder.settings)).data
        if data == IN_MEMORY:
            raise ValueError(f"{self.folder.path} was trained on an array in memory, which is gone")
        return data

    def source(self) -> Source:
        """The data that the model was trained on; raises ValueError where it is gone."""
        if self.at_hand is not None:
            return self.at_hand
        assert self.data   # which refuses what is gone
        try:
            settings = make_settings(read_settings(self.folder.settings))
            source = load_source(settings).with_classes(self.classes)
            encoded = source.encoding or settings.binarise
            return source if encoded else self.inputs.as_trained(source)
        except ValueError as error:
            raise ValueError(f"the data that {self.folder.path} was trained on is needed here: "
                             f"{error}") from None

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
        """How abnormal each sample is, (N,), by the detector that was kept, else the usual one."""
        return self.detector().score(x, y)

    def evaluate(self, nll: int = 200, split: str = "", limit: int | None = None, ais: int = 0,
                 chains: int = 8, seed: int = 0) -> "Evaluation":
        """How likely it finds samples of its data, by `nll` codes each and `ais` steps of annealing
        (hourglass.tasks.evaluate); of models that have no log p(x), how well it reconstructs."""
        from ..tasks.evaluate import evaluate
        from .log_likelihood.estimate import Wish
        return evaluate(self, Wish(nll, ais, chains, split, limit, seed))

    def errors(self, x: Any, y: Any = None) -> np.ndarray:
        """Squared error of every value of the reconstructions, (N, H, W, C) or (N, D), in the
        data's range; NaN where a value is missing."""
        return squared_errors(self.model, self.samples(x, y))

    def samples(self, x: Any, y: Any = None) -> Split:
        """Inputs of any kind as the model takes them, in batches; raises ValueError."""
        found = tiles_of(self.read(x))
        labels = self._labels(y, found)
        gaps = found.x.dtype != np.uint8 and bool(np.isnan(found.x).any())
        return Split(stored(found.x), None if labels is None else torch.from_numpy(labels),
                     torch.arange(len(found.x)), self.scale_of(found.x), self.device, gaps=gaps,
                     given=None if found.given is None else stored(found.given))

    def compress(self, x: Any, y: Any = None, quality: float | None = None,
                 step: float | None = None, lossless: bool = False) -> bytes:
        """Samples as a file's content: their codes, rounded, and, if lossless, what the model
        missed of 8-bit images. Rounding adds at most 100 - quality percent (5 if nothing is said)
        to the model's squared error, or is by `step` standard deviations of each factor."""
        from .compression.codec import wish_of
        wish = wish_of(quality, step, lossless)
        found = self.read(x)
        return self._codec().compress(found, self.encode(found, y), self._labels(y, found), wish,
                                      kept_codes(self.folder))

    def decompress(self, content: bytes) -> np.ndarray:
        """Images uint8 (N, H, W, C), or other samples as float32, from what `compress` gave;
        without loss, the very images, else such that 255 is white.

        Raises ValueError for what is cut short or altered, or was made with another model.
        """
        return self.unpack(content).x

    def unpack(self, content: bytes) -> "Contents":
        """The same with the names of the files that they were."""
        try:
            return self._codec().decompress(content)
        except ValueError as error:
            raise ValueError(f"this cannot be decompressed: {error}") from None

    def _codec(self) -> "Codec":
        from .compression.codec import Codec
        return Codec(self.model, self.description, self._own(1, 1.0, 0).shape[1:])

    def _labels(self, y: Any, found: Collection) -> np.ndarray | None:
        """The classes (N,) as this model counts them; raises ValueError for one it has not seen."""
        if self.model.condition is None:
            return None
        if y is None and found.y is None and hasattr(self.model.condition, "classify"):
            return self.guess(found).argmax(1)
        if y is None and found.y is None:
            raise ValueError(f"this model is conditional: it needs the class of every sample "
                             f"({', '.join(self.classes[:12])}), as folders or as y")
        names = y if y is not None else [
            found.classes[i] for i in found.y]  # type: ignore[union-attr]
        return self.number(names, len(found.x))

    def classify(self, x: Any) -> list[str]:
        """The class the model takes each sample for, by name; ValueError if it guesses none."""
        self.check_guesses()
        return [self.classes[kind] for kind in self.guess(self.read(x)).argmax(1)]

    def check_guesses(self) -> None:
        """Raises ValueError for a model that guesses no classes."""
        if not hasattr(self.model.condition, "classify"):
            raise ValueError("this model guesses no classes; hourglass finetune makes "
                             "one of it that does, and --model semi_supervised_vae learns to")

    def guess(self, x: Any) -> np.ndarray:
        """How probable each class is for each sample to a model that guesses them, (N, K)."""
        logits = self._each(seen(self.read(x)), None, lambda x, y: self.model.encode(
            channels_first(x))[0].guess)  # type: ignore[arg-type, return-value]
        shares: np.ndarray = logits.softmax(1).numpy()
        return shares

    def number(self, y: Any, n: int) -> np.ndarray:
        """Classes by name, one for all or one each, as this model counts them, (n,); raises
        ValueError for one it has not seen."""
        names = texts_of([y]) * n if isinstance(y, str) or np.ndim(y) == 0 else texts_of(y)
        if len(names) != n:
            raise ValueError(f"{len(names)} classes do not go with {n} samples")
        unseen = set(names) - set(self.classes)
        if unseen:
            wrong = min(unseen)
            raise ValueError(f"this model was not trained on a class {wrong!r}; "
                             f"{did_you_mean(wrong, self.classes)}")
        number = {name: i for i, name in enumerate(self.classes)}
        return np.array([number[name] for name in names])

    def read(
        self, x: Any, strict: bool = True, whole: bool = False, strays: bool = True
    ) -> Collection:
        """Inputs of any kind, brought to what the model was trained on; raises ValueError.

        Without `strict`, images that cannot be read are left out, and noted; without `strays`,
        also those beside folders of classes. Unless `whole`, models of patches get tiles.
        """
        if isinstance(x, Collection):
            return x
        encoding = self.description.encoding
        table = encoding.get("kind") == "table"
        given = Given(x) if table and holds_rows(x) else self.inputs.gather(x)
        if table or (encoding and (isinstance(given.values, str | Path) or is_rows(given.values)
                                   or over_time(encoding))):
            found = collect_like(with_holes(given.values, given.mask), encoding)
        else:
            found = self.inputs.read(given, strict, strays)
        if (found := if_known(found)).shape != self.shape:
            raise ValueError(f"this model takes samples of shape {self.shape}, not {found.shape}")
        if self.description.reading.patches:
            return found if whole else tiles_of(found)
        if isinstance(x, str | Path) or are_paths(x):
            found.notes += changes(x, found.sizes, self.shape)
        return found

    def impute(self, x: Any, y: Any = None) -> Any:
        """A table (a file's path, a data frame or other rows) with what is missing in it filled in,
        as a data frame in its own units. What is known stays as it is. Raises ValueError."""
        from .imputation import impute
        return impute(self, x, y)

    def _each(
        self, x: np.ndarray, y: np.ndarray | None, use: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        return in_batches(x, y, use, self.scale_of(x), self.device)


def load(run: str | Path, device: str = "cpu") -> Trained:
    """The trained model in a run folder; pictures then show the channels that its settings choose.
    Raises ValueError."""
    model = Trained(open_run(run), device)
    if len(model.shape) == 3:
        show_channels(str(read_settings(model.folder.settings).get("show", "")))
    return model
