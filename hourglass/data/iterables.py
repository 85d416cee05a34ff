"""Read all samples of data sets, loaders, lists and other iterables, which must have an end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import chain, islice
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler

from ..core.console import track
from .hugging_face import columns_of, is_hugging_face, is_table, names_of_classes, samples_of
from .input_types import DataInMemory
from .memory_map import IN_MEMORY
from .pandas_library import pandas
from .read_image import Reading
from .stack import Stack
from .storage import where_kept
from .x_and_label import Chunk, batch, dims, is_picture, is_row, one, plain_labels_of

MOST = 250_000   # samples of an iterable without a length, which might never end
FEW = 256          # initial capacity


def is_data_set(data: Any) -> bool:
    """Whether this is a data set or loader of torch, Hugging Face, Keras, or behaves like one."""
    if isinstance(data, Dataset | DataLoader) or is_hugging_face(data):
        return True
    return hasattr(data, "__getitem__") and not isinstance(
        data, list | tuple | Mapping | str | bytes | type) and not any(
        hasattr(data, name) for name in ("__array__", "__dlpack__", "__arrow_c_stream__", "shape"))


def from_samples(data: Any, reading: Reading | None) -> DataInMemory:
    """Read all samples of a data set, a loader, a list or another iterable, with their labels.

    Raises ValueError for data without a known end, without samples, or with samples of different
    shapes, and if a sample cannot be read.
    """
    name = type(data).__name__
    if isinstance(data, list | tuple) and data and all(map(is_row, data)):
        return DataInMemory(pandas().DataFrame(list(data)))
    if isinstance(data, list | tuple) and not _hold_samples(data):
        return _numbers(data)
    if isinstance(data, list | tuple) and _is_x_and_y(data):
        return DataInMemory(np.asarray(data[0]), data[1])
    total = _length(data, name)
    if is_hugging_face(data) and total and is_table(data):
        columns, y = columns_of(data)
        y = y and plain_labels_of(y, names_of_classes(data))[0]
        return DataInMemory(pandas().DataFrame(columns), y)
    stack, notes = Stack(FEW if total is None else total, reading or Reading()), []
    chunks = iter(_chunks(data, total))
    first = next(chunks, None)
    if first is None:
        raise ValueError(f"this {name} is empty; training needs samples")
    samples = _each(chain([first], chunks))
    bounded: Iterator[tuple[Any, Any]] = islice(samples, total)   # all, without a total
    if total and not isinstance(data, list | tuple):
        bounded = track(bounded, total, f"reading the {name}")
    _fill(stack, bounded, total is None, name)
    if total and stack.count < total:
        notes.append(f"this {name} announced {total:,} samples and gave {stack.count:,}")
    elif total and next(samples, None) is not None:
        notes.append(f"this {name} announced {total:,} samples and has more, which are not read")
    x = stack.whole()
    y, label_note = plain_labels_of(stack.labels, _class_names(data))
    notes += [note for note in (first.unused, label_note, _of_order(data)) if note]
    if x.nbytes > IN_MEMORY:
        notes.append(f"the {len(x):,} samples of this {name} take {where_kept(x)}")
    return DataInMemory(x, y, tuple(notes), stack.pictures and not stack.deep)


def _fill(stack: Stack, samples: Iterable[tuple[Any, Any]], endless: bool, name: str) -> None:
    for x, label in samples:
        if endless and stack.count == stack.total:
            if stack.count >= MOST or stack.x.nbytes >= IN_MEMORY:
                raise ValueError(f"this {name} has no length, and did not end within "
                                 f"{stack.count:,} samples, so it might never end. If it ends, "
                                 f"give a list: list(data)")
            stack.grow(min(2 * stack.total, MOST))
        try:
            stack.add(x, label)
        except Exception as error:   # libraries may raise anything
            raise ValueError(f"sample {stack.count} of this {name} cannot be used: "
                             f"{str(error) or type(error).__name__}") from None


def _length(data: Any, name: str) -> int | None:
    """Number of samples; None for an iterable that is safe to read to its end. Raises ValueError
    for one that might have no end."""
    try:
        if isinstance(data, str | bytes | type):
            raise TypeError
        if isinstance(data, DataLoader):
            return _length_of_loader(data)
        if isinstance(data, Sized):
            return len(data)
    except (TypeError, NotImplementedError, OverflowError):
        pass
    if hasattr(data, "read"):
        raise ValueError(f"data is an open file ({name}); pass its path")
    if is_data_set(data):
        raise ValueError(f"this {name} has no length (__len__), so reading it might never end. "
                         f"Add one, or pass a list of its samples, as in "
                         f"[sample for sample, _ in zip(data, range(10_000))]")
    if not hasattr(data, "__iter__") or isinstance(data, str | bytes | type):
        raise ValueError(f"data must be a source's name, a path, an array, a table, a data set or "
                         f"a list of samples, not {name}")
    return None


def _length_of_loader(loader: Any) -> int:
    batches = len(loader)   # raises TypeError if the data set has no length
    if isinstance(loader.dataset, IterableDataset) or _shuffles(loader):
        return len(loader.dataset)
    if loader.batch_sampler is None:
        return len(loader.sampler)
    return sum(len(rows) for rows in islice(loader.batch_sampler, batches))


def _shuffles(loader: Any) -> bool:
    return type(loader.sampler) is RandomSampler and not loader.sampler.replacement and (
        loader.sampler.num_samples == len(loader.dataset)) and loader.batch_size is not None


def _in_order(loader: Any) -> Any:
    """The loader, in order and with its last batch."""
    return DataLoader(loader.dataset, loader.batch_size, num_workers=loader.num_workers,
                      collate_fn=loader.collate_fn, timeout=loader.timeout,
                      worker_init_fn=loader.worker_init_fn) if _shuffles(loader) else loader


def _of_order(data: Any) -> str:
    return "this DataLoader shuffles; it is read once, in the order of its data set" if (
        isinstance(data, DataLoader) and _shuffles(data)) else ""


def _chunks(data: Any, total: int | None) -> Iterator[Chunk]:
    """Yield the samples in chunks."""
    if isinstance(data, DataLoader):
        batched = data.batch_size is not None or data.batch_sampler is not None
        return map(batch if batched else one, _in_order(data))
    if is_hugging_face(data):
        return samples_of(data, total or 0)
    if any(kind.__module__.partition(".")[0] == "keras" for kind in type(data).__mro__):
        return map(batch, _by_number(data, total or 0))   # its items are batches
    by_number = hasattr(data, "__getitem__") and total is not None and not isinstance(
        data, IterableDataset)
    return map(one, _by_number(data, total or 0) if by_number else iter(data))


def _by_number(data: Any, total: int) -> Iterator[Any]:
    name = type(data).__name__
    for i in range(total):
        try:
            yield data[i]
        except IndexError:
            raise ValueError(f"this {name} has a length of {total:,}, and no sample {i}") from None
        except Exception as error:   # user code raises anything
            raise ValueError(f"sample {i} of this {name} cannot be read: {type(error).__name__}: "
                             f"{error}") from error


def _each(chunks: Iterable[Chunk]) -> Iterator[tuple[Any, Any]]:
    for chunk in chunks:
        yield from zip(chunk.x, chunk.labels or [None] * len(chunk.x), strict=True)


def _hold_samples(items: Sequence[Any]) -> bool:
    """Whether a list holds arrays, images, pairs or dictionaries, not plain numbers."""
    if not items:
        raise ValueError("data is empty; training needs samples")
    first = items[0]
    if isinstance(first, list | tuple):
        pair = len(first) == 2 and dims(first[0]) > 0 and dims(first[1]) == 0
        return bool(first) and (pair or is_picture(first[0]) or (
            hasattr(first[0], "shape") and dims(first[0]) > 0))
    return isinstance(first, Mapping) or is_picture(first) or dims(first) > 0 or (
        hasattr(first, "__array__") and not isinstance(first, np.generic))


def _is_x_and_y(items: Sequence[Any]) -> bool:
    """Whether these are all samples and all labels: two arrays of equal length."""
    return len(items) == 2 and all(hasattr(item, "__array__") for item in items) and (
        dims(items[0]) > 1 and dims(items[1]) == 1 and len(items[0]) == len(items[1]))


def _numbers(items: Sequence[Any]) -> DataInMemory:
    """Convert nested lists of numbers. None means missing."""
    try:
        x = np.asarray(items)
        return DataInMemory(x.astype(np.float32) if x.dtype == object and x.ndim > 1 else x)
    except (ValueError, TypeError) as error:
        raise ValueError(f"data must be one array of samples of one shape, with labels as a second "
                         f"argument, as in train(x, y=labels): {error}") from None


def _class_names(data: Any) -> list[str]:
    """The names of a data set's classes, as Hugging Face stores them."""
    if is_hugging_face(data):
        return names_of_classes(data)
    classes = getattr(data, "classes", None)
    if classes is None and hasattr(data, "dataset"):   # of a loader or a subset
        return _class_names(data.dataset)
    return [str(name) for name in classes] if isinstance(classes, list | tuple) else []
