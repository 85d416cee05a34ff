"""Convert new samples to the units and scale of the training data."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.console import say
from ..core.contracts import Collection, Scale
from ..core.wording import counted
from ..data.collect import collect, collect_like, rescaled
from ..data.in_memory import are_paths, gather, with_missing
from ..data.input_types import DataInMemory
from ..data.labels import if_known
from ..data.patches import Patches, as_patches, in_patches, tiles_of
from ..data.read_image import Reading, shape_images
from ..data.rows import holds_rows, is_rows, with_holes
from ..data.scales import without_values
from ..data.sources.arrays import from_array
from ..data.sources.series import plain_array
from ..data.split_data import Source
from ..data.units import SIXTEEN, Units, applied, outside, units_of
from ..data.windows import over_time
from ..run.description import Description
from .any_size import changes

MOST = 100   # most notes on inputs
HEARD: ContextVar[list[str] | None] = ContextVar("notes on inputs", default=None)


class Inputs:
    """Prepares a model's inputs, by the description in its file. Anything unusual in new samples
    gets a note, once each."""

    def __init__(self, description: Description):
        self.description, self.scale = description, description.scale
        self.known = description.values is not None   # false for runs older than scales
        self.bounded, self.factor = description.bounded, description.factor
        self.reading, self.channels = description.reading, description.shape[0]
        self.sides = description.shape[1:]
        self.said: set[str] = set()

    def collect(
        self, x: Any, strict: bool = True, whole: bool = False, strays: bool = True
    ) -> Collection:
        """Read inputs of any kind and convert them as in training. Raises ValueError.

        Without `strict`, unreadable images are left out, with a note; without `strays`, also those
        outside the folders of classes. Models of patches get tiles, unless `whole`.
        """
        if isinstance(x, Collection):
            return x
        encoding, shape = self.description.encoding, self.description.shape
        if self.description.kind in ("ratings", "lines"):
            return collect_like(x, encoding)
        table = self.description.kind == "table"
        if table and isinstance(x, str | Path) and Path(x).suffix.lower() == ".npy":
            x = plain_array(x)   # the training columns, in order
        data = DataInMemory(x) if table and holds_rows(x) else self.gather(x)
        if table or (encoding and (isinstance(data.values, str | Path) or is_rows(data.values)
                                   or over_time(encoding))):
            samples = collect_like(with_holes(data.values, data.mask), encoding)
        else:
            samples = self.read(data, strict, strays)
        if (samples := if_known(samples)).shape != shape:
            alone = np.shape(data.values) in (shape, shape[1:], (*shape[1:], shape[0]))
            raise ValueError(f"this model takes samples of shape {shape}, not {samples.shape}"
                             + "; for one sample pass x[None]" * alone)
        if self.reading.patches:
            return samples if whole else tiles_of(samples)
        if isinstance(x, str | Path) or are_paths(x):
            samples.notes += changes(x, samples.sizes, shape)
        else:
            self.tell(" ".join(changes(x, {}, shape)))
        return samples

    def read(self, x: Any, strict: bool = True, strays: bool = True) -> Collection:
        """Read and scale arrays, tensors, paths and sources, with images resized as in training."""
        reading = replace(self.reading, strict=strict, strays=strays, as_stored=True)
        data = x if isinstance(x, DataInMemory) else self.gather(x)
        if isinstance(data.values, str | Path | list | tuple):
            return self.in_units(collect(data.values, reading), Reading())
        samples = self.in_units(self.as_stored(data), Reading() if data.shaped else reading)
        if reading.patches and samples.shape[1:] != self.sides:
            return in_patches(samples, self.sides, None)
        return samples

    def gather(self, x: Any) -> DataInMemory:
        """Convert data in memory of any library, with PIL images as in training."""
        return gather(x, self.reading)

    def read_at_own_size(self, x: Any) -> Collection:
        """Images in memory, scaled and with the channels of training, at their own size. Raises
        ValueError for other channels."""
        data = gather(x, self.colours)
        samples = self.in_units(self.as_stored(data), Reading() if data.shaped else self.colours)
        if len(samples.shape) != 3 or samples.shape[0] != self.channels:
            raise ValueError(f"this model takes images of {self.channels} channels, not samples of "
                             f"shape {samples.shape}")
        return samples

    @property
    def colours(self) -> Reading:
        """The reading options for images at their own size, with the channels of training."""
        usual = self.channels in (1, 3)
        return Reading(grey=self.channels == 1 if usual else None, invert=self.reading.invert,
                       channels=0 if usual else self.channels)

    def as_stored(self, data: DataInMemory) -> Collection:
        """Data in memory, in its own type and units."""
        samples = from_array(data.values, data.y, Reading(
            as_stored=True, channels=0 if self.channels in (1, 3, 4) else self.channels))
        samples.notes += data.notes
        return with_missing(samples, data.mask)

    def in_units(self, collection: Collection, reading: Reading) -> Collection:
        """Scale samples as in training. Images in their own units are first shaped as `reading`
        says."""
        if collection.encoding or collection.x.ndim == 3:   # tables and series are scaled already
            return collection
        patches = as_patches(collection.x)
        if patches is not None:
            return replace(collection, x=self._patches(patches))
        units = units_of(collection.x, self.scale)
        self.tell(units.note)
        self.tell(outside(collection.x, units, self.scale))
        x = collection.x
        if x.dtype.kind == "f" and (empty := int(without_values(x).sum())):
            self.tell(f"nothing is known of {counted(empty, 'sample')}, such as number "
                      f"{int(without_values(x).argmax())}: results of it mean nothing")
        encoder_input = None if collection.encoder_input is None else self._scaled(
            collection.encoder_input, units, reading)
        return replace(collection, x=self._scaled(collection.x, units, reading),
                       encoder_input=encoder_input)

    def _patches(self, patches: Patches) -> Any:
        """Scale patches, by all values of their images."""
        kept = self.scale
        if patches.dtype == np.uint8 and not (kept.clip or kept.offset or kept.bits > 8):
            return patches   # they are scaled in batches
        values = patches.photos.pixels.read(0, patches.photos.pixels.count)[None, :, None, None]
        units = units_of(values, kept)
        self.tell(units.note)
        self.tell(outside(values, units, kept))
        return patches.with_values(self._scaled(values, units, Reading()).reshape(-1))

    def _scaled(self, x: np.ndarray, units: Units, reading: Reading) -> np.ndarray:
        """Samples (N, ...) in these units: uint8 if they are scaled in batches, otherwise
        float32."""
        if x.ndim == 4 and units.raw:
            x = shape_images(x, reading)
        moved = units.scale.offset or units.scale.clip
        if x.dtype == np.uint8 and not moved and units.scale.factor == self.worth(x):
            return x
        seen = applied(x, units.scale)
        turned = units.raw and x.dtype != np.uint8 and units.scale.factor > 0
        return 1 - seen if turned and self.reading.invert else seen

    def worth(self, x: np.ndarray) -> float:
        """The scale of a number of x, if `read` returned x: only 8-bit images are not scaled
        yet."""
        if x.dtype != np.uint8:
            return 1.0
        if self.scale.bits > 8:
            return 1 / 255
        unit = self.factor == 1 and self.bounded   # data was in [0, 1], pixels are not
        return 1 / 255 if unit and x.max(initial=0) > 1 else self.factor

    @property
    def is_deep(self) -> bool:
        """Whether PNGs would lose some of the images' bits or channels."""
        return not self.scale.fits_pictures(self.channels)

    def as_trained(self, source: Source) -> Source:
        """The run's data with the model's scale, whatever its files hold now."""
        split = next(iter(source.splits.values()))
        kind, now, kept = split.x.dtype, source.scale, self.scale
        if kind in (torch.uint8, np.dtype(np.uint8)) and not (kept.clip or kept.bits > 8):
            return source
        if not self.known:   # older versions cut 16 bits to 8, and kept floats
            sixteen = kind in (torch.uint16, np.dtype(np.uint16))
            kept = SIXTEEN if sixteen else Scale(0, 1, 0, 1) if self.bounded else Scale()
        same = (now.offset, now.factor, now.clip) == (kept.offset, kept.factor, kept.clip)
        return source if same else rescaled(source, kept)

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Collect the notes on inputs that are read within, also those that were printed before."""
        notes: list[str] = []
        before = HEARD.set(notes)
        try:
            yield notes
        finally:
            HEARD.reset(before)

    def tell(self, line: str) -> None:
        """Print a note on inputs, once. The number is limited, as a server runs for long."""
        heard = HEARD.get()
        if line and heard is not None and line not in heard:
            heard.append(line)
        if line and line not in self.said and len(self.said) < MOST:
            self.said.add(line)
            say(line)
