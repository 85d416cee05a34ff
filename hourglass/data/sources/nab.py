"""The Numenta Anomaly Benchmark: 58 time series with labelled anomalies."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...core.contracts import Collection
from ...core.hints import Count, did_you_mean
from ...core.registry import sources
from ..fetch import cache_folder, places
from ..pandas_library import pandas
from ..read_image import Reading
from .series import Series, Spans, from_frame, whole

LABELS = "labels/combined_windows.json"


@sources.add("nab", example="nab('art_daily_jumpsup')")
def nab(reading: Reading, name: str, window: Count = 288, stride: Count = 1) -> Collection:
    """A series of the Numenta Anomaly Benchmark (Lavin & Ahmad, 2015, arXiv 1510.03336) by name,
    such as nyc_taxi, with its labelled windows, from nab.zip in HOURGLASS_DATA."""
    return whole(read_nab(name, window, stride))


def read_nab(name: str, window: int = 288, stride: int = 1) -> Series:
    """Read a series, not yet cut into windows. Raises ValueError if it is not there."""
    with zipfile.ZipFile(find_nab()) as archive:
        members = {PurePosixPath(member).stem: member for member in archive.namelist()
                   if member.endswith(".csv")}
        if name not in members:
            raise ValueError(f"no series of the benchmark is named {name!r}; "
                             f"{did_you_mean(name, members)}")
        frame = pandas().read_csv(io.BytesIO(archive.read(members[name])))
        labels = json.loads(archive.read(LABELS)).get(members[name].partition("data/")[2], [])
    series = from_frame(frame, window, stride, ("value",), "timestamp", {"name": name})
    spans: Spans = tuple((start, end) for start, end in labels)
    return replace(series, labelled=spans)


def nab_names() -> list[str]:
    """The benchmark's series, in its order, as folder/name."""
    with zipfile.ZipFile(find_nab()) as archive:
        return [name.removesuffix(".csv") for name in json.loads(archive.read(LABELS))]


def find_nab() -> Path:
    """Path of the benchmark's archive. Raises ValueError if there is none."""
    path = next((folder / "nab.zip" for folder in places("nab")
                 if (folder / "nab.zip").is_file()), None)
    if path is None:
        raise ValueError(f"the benchmark was not found: put its data and labels, as nab.zip, into "
                         f"HOURGLASS_DATA or {cache_folder()} (from github.com/numenta/NAB)")
    return path
