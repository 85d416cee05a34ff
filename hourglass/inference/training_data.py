"""The training data of a run, and results from it: codes, PCA components, priors."""

import math

import torch

from ..data.split_data import Source
from ..run.folder import read_settings
from ..run.load_data import load_source
from ..run.settings import IN_MEMORY, make_settings
from .fit_prior import FittedPrior, prior_of
from .kept_pca import PCA, pca_of
from .latents import TrainingCodes, find_codes, keep_codes, kept_codes
from .pipeline import Pipeline
from .prompted import NAME, DenoiserPrior, denoiser_prior
from .run_cache import RunCache


class TrainingData:
    """The training samples of a run, read again where they are needed. `at_hand` is data that was
    given in memory and has no path."""

    def __init__(self, cache: RunCache, pipeline: Pipeline, at_hand: Source | None = None):
        self.cache, self.pipeline, self.at_hand = cache, pipeline, at_hand
        self.folder = cache.folder
        self.priors: dict[str, FittedPrior | DenoiserPrior] = {}

    @property
    def name(self) -> str:
        """The data as the settings name it; raises ValueError for an array."""
        data = make_settings(read_settings(self.folder.settings)).data
        if data == IN_MEMORY:
            raise ValueError(f"{self.folder.path} was trained on an array in memory, which is gone"
                             ". Give it again, from Python: hg.load(run, data=x), with y= and val= "
                             "if training had them")
        return data

    def source(self) -> Source:
        """The data, in the scale that the model knows and on its device; raises ValueError where it
        is gone."""
        source = self._read() if self.at_hand is None else self.at_hand
        device = self.pipeline.network.device
        there = next(iter(source.splits.values())).device == device
        return source if there else source.to(device, torch.channels_last)

    def _read(self) -> Source:
        assert self.name   # `name` refuses data that is gone
        try:
            settings = make_settings(read_settings(self.folder.settings))
            source = load_source(settings).with_classes(self.pipeline.labels.classes)
            encoded = source.encoding or settings.binarise
            return source if encoded else self.pipeline.inputs.as_trained(source)
        except ValueError as error:
            raise ValueError(f"the data that {self.folder.path} was trained on is needed here: "
                             f"{error}") from None

    def codes(self) -> TrainingCodes:
        """The codes that were kept with the run. Without them, the samples are encoded again."""
        codes = kept_codes(self.cache)
        if codes is None or codes.z.shape[1:] != self.pipeline.network.code:
            codes = find_codes(self.pipeline.network.model, self.source())
            keep_codes(self.cache, codes)
        return codes

    def pca(self) -> PCA:
        """Principal components of the samples, as detectors use them."""
        return pca_of(self.cache, self.source, math.prod(self.pipeline.network.code))

    @property
    def has_denoiser(self) -> bool:
        """Whether latent diffusion was trained on the codes of these weights."""
        return NAME in self.priors or self._denoiser() is not None

    def _denoiser(self) -> DenoiserPrior | None:
        if NAME not in self.priors:
            prior = denoiser_prior(self.folder, self.pipeline.network.device)
            if prior is None:
                return None
            self.priors[NAME] = prior
        return self.priors[NAME]   # type: ignore[return-value]

    def prior(self, text: str) -> FittedPrior | DenoiserPrior:
        """A prior fitted to the codes, kept in the run's folder for next time, or its latent
        diffusion; raises ValueError for a wrong text, and where the codes are gone and the data
        too."""
        if text == NAME and self._denoiser() is None:
            raise ValueError(f"{self.folder.path} has no latent diffusion; train it: hourglass "
                             f"train {self.folder.path} --latent-diffusion dit")
        if text not in self.priors:
            self.priors[text] = prior_of(self.cache, text, self.codes, len(
                self.pipeline.labels.classes), self.pipeline.network.model)
        return self.priors[text]
