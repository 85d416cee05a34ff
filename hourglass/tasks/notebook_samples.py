"""Samples as a notebook has them: images, labels, names, and a sheet of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.channels import channels_last
from ..data.split_data import Source, Split
from .notebook_objects import Picture, sheet_of
from .tabulated import frame_of

SHOWN = 40   # samples in a sheet
BATCH = 500


@dataclass(frozen=True)
class Samples:
    """Samples of a split, as a model sees them, in order."""

    split: Split
    classes: tuple[str, ...]
    all_names: tuple[str, ...]
    name: str = ""                  # of the split
    notes: tuple[str, ...] = ()     # messages while the data was read
    all_captions: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.split)

    @cached_property
    def images(self) -> np.ndarray:
        """(N, H, W, C) float32, vectors (N, D) or windows (N, T, C); a missing value is NaN."""
        parts = []
        for batch in self.split.batches(BATCH):
            x = batch.x if batch.known is None else batch.x.masked_fill(batch.known == 0, np.nan)
            parts.append(channels_last(x.cpu()).contiguous().numpy())
        return np.concatenate(parts)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """(N,) the names of the classes, "" where it is not known; None without classes."""
        if self.split.y is None:
            return None
        kinds = self.split.y.cpu()[self.split.index.cpu()].numpy()
        return np.array([self.classes[kind] if kind >= 0 else "" for kind in kinds])

    @property
    def index(self) -> np.ndarray:
        """(N,) the places of the samples in the whole set."""
        indices: np.ndarray = self.split.index.cpu().numpy()
        return indices

    @property
    def names(self) -> tuple[str, ...]:
        """(N,) the files that the samples were, or ()."""
        return tuple(self.all_names[i] for i in self.index.tolist()) if self.all_names else ()

    @property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """(N,) the texts that describe each sample, one or several; () without captions."""
        return tuple(self.all_captions[i] for i in self.index.tolist()) if (
            self.all_captions) else ()

    def sheet(self, most: int = SHOWN) -> Picture:
        """A picture of some samples, spread over the split. Raises ValueError if they are not
        images."""
        rows = self.split.evenly(most)
        x = channels_last(self.split.batch(rows).x.cpu()).contiguous().numpy()
        if x.ndim != 4:
            raise ValueError("these samples are vectors or series, which make no pictures")
        return sheet_of(x)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row a sample: its index, and what there is of its name, label
        and, of vectors, values. Raises ValueError where pandas is not installed."""
        columns: dict[str, Any] = {"index": self.index}
        if self.names:
            columns["name"] = list(self.names)
        if self.labels is not None:
            columns["label"] = self.labels
        if self.images.ndim == 2:
            columns |= {f"value_{i}": column for i, column in enumerate(self.images.T)}
        return frame_of(columns)

    def __repr__(self) -> str:
        of = f" of {len(self.classes)} classes" if self.classes else ""
        shape = "x".join(map(str, self.split.batch(self.split.evenly(1)).x.shape[1:]))
        return f"{len(self):,} {self.name} samples of {shape}{of}".replace("  ", " ")

    def _repr_html_(self) -> str:
        try:
            return f"<p>{self!r}</p>{self.sheet()._repr_html_()}"
        except ValueError:
            return f"<p>{self!r}</p>"


def splits_of(source: Source) -> dict[str, Samples]:
    """The splits of a source by name."""
    return {name: Samples(split, source.classes, source.names, name, source.notes,
                          source.captions)
            for name, split in source.splits.items()}
