"""The score of the Numenta Anomaly Benchmark, from its formula (Lavin & Ahmad, 2015, arXiv
1510.03336): a detection early in a labelled window counts most, one outside costs the more the
further it is behind the last window, a window without one costs whole."""

import numpy as np

PROFILES = {   # weights of a window found, of a false alarm, and of a window missed
    "standard": (1.0, 0.11, 1.0), "few false alarms": (1.0, 0.22, 1.0),
    "few misses": (1.0, 0.11, 2.0)}


def sigmoid(y: np.ndarray | float) -> np.ndarray:
    """From 1 far before the window's end (y < 0, in window lengths) over 0 there to -1."""
    return -np.tanh(2.5 * np.asarray(y, float))


def raw_score(
    flags: np.ndarray, windows: list[tuple[int, int]], begin: int, weights: tuple[float, ...]
) -> float:
    """Of one series: flags (T,) of abnormal steps, those before `begin` not counted; windows from
    and to steps, both with."""
    reward, false, missed = weights
    at = np.flatnonzero(flags)
    at = at[at >= begin]
    windows = sorted(windows)
    total, free = 0.0, np.ones(len(at), bool)
    for first, last in windows:
        inside = (at >= first) & (at <= last)
        free &= ~inside
        if last < begin:   # nobody could have found it
            continue
        if inside.any():
            place = -(last - at[inside][0] + 1) / (last - first + 1)
            total += reward * float(sigmoid(place) / sigmoid(-1))
        else:
            total -= missed
    alarms = at[free]
    if not windows:
        return total - false * len(alarms)
    ends = np.array([last for _, last in windows])
    widths = np.array([max(last - first, 1) for first, last in windows])
    behind = np.searchsorted(ends, alarms) - 1   # the last window that ended before each
    places = np.where(behind < 0, np.inf, (alarms - ends[behind]) / widths[behind])
    return total + false * float(sigmoid(places).sum())


def normalised(
    raw: np.ndarray, windows: np.ndarray, weights: tuple[float, ...]
) -> float:
    """100 for all windows found at their first step and no false alarm, 0 for no detection at all:
    of raw scores (S,) of series with so many windows (S,) each."""
    null, perfect = -weights[2] * windows.sum(), weights[0] * windows.sum()
    return 100 * float((raw.sum() - null) / (perfect - null))
