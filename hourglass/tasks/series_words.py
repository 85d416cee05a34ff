"""Describe a scored series in words, and compare it with known labels."""

import numpy as np

from ..data.sources.series import Spans
from ..inference.surface_precision import vus_pr
from .score_series import ScoredSeries, as_texts, labelled_steps, runs

NEARLY_ALL = 0.8   # share of abnormal steps that makes a file unlike the training data
BUFFER = 100       # steps around a labelled stretch that VUS-PR counts in part, at most
FAR = 3.0          # standard deviations between a channel's mean there and in training
SHOWN, NAMED = 5, 3   # stretches, and channels


def in_words(scored: ScoredSeries, spans: Spans = ()) -> list[str]:
    """Lines on how many steps are abnormal, where they are, and how that fits the labels."""
    stretches = scored.stretches
    count = int(scored.verdict.sum())
    bridged = any((~scored.verdict[a:b]).any() for a, b in stretches)
    lines = [f"{count:,} of {len(scored.score):,} steps are abnormal, in "
             f"{_many(len(stretches), 'stretch', 'stretches')}: their score is above "
             f"{scored.threshold:.5g}" + (f"; gaps of up to {_many(scored.gap, 'step')} within a "
                                          f"stretch are bridged" if bridged else "")]
    lines += _dropped(scored)
    longest = sorted(stretches, key=lambda ends: ends[0] - ends[1])[:SHOWN]
    lines += [f"  {_where(scored, a, b)}: {_many(b - a, 'step')}, score up to "
              f"{np.nanmax(scored.score[a:b]):.4g}{_causes(scored, a, b)}" for a, b in longest]
    if len(stretches) > len(longest):
        lines.append(f"  and {_many(len(stretches) - len(longest), 'shorter one')}")
    lines += _unlike(scored)
    label_masks = labels_of(scored, spans)
    return lines + (_against(scored, label_masks) if label_masks else [])


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _dropped(scored: ScoredSeries) -> list[str]:
    left = int((scored.score > scored.threshold).sum() - scored.verdict.sum())
    return [f"{_many(left, 'step')} above it in stretches of fewer than "
            f"{scored.stretching.shortest} steps count as normal"] * (left > 0)


def _where(scored: ScoredSeries, a: int, b: int) -> str:
    series = scored.series
    first, last = as_texts(series.times[[a, b - 1]])
    unit = "" if series.units is None else f"{series.names[series.units[a]]}, "
    return f"{unit}{first}" + (f" to {last}" if b - a > 1 else "")


def _causes(scored: ScoredSeries, a: int, b: int) -> str:
    """The channels that contribute most to a stretch's score, if there are several."""
    columns = scored.series.columns
    if len(columns) < 2:
        return ""
    share = scored.causes(np.arange(a, b)[scored.verdict[a:b]])
    most = np.argsort(-share)[:NAMED]
    named = [f"{columns[i]} {share[i]:.0%}" for i in most if share[i] >= 1 / len(columns)]
    return f", from {', '.join(named)}" if named else ""


def _unlike(scored: ScoredSeries) -> list[str]:
    """A note on a file in which nearly all steps are abnormal."""
    known = np.isfinite(scored.score)
    share = scored.verdict.sum() / max(known.sum(), 1)
    if share < NEARLY_ALL:
        return []
    columns = scored.series.columns
    far = [i for i in np.argsort(-np.abs(scored.shift)) if abs(scored.shift[i]) > FAR][:NAMED]
    where = [f"{columns[i]} is on average {abs(scored.shift[i]):.3g} deviations "
             f"{'above' if scored.shift[i] > 0 else 'below'} it" for i in far]
    return [f"{share:.0%} of the steps are abnormal: this file is unlike the training data, so the "
            f"verdicts mean little" + (f" ({', '.join(where)})" if where else "") +
            "; train on normal data of the same kind, such as the first part of this file"]


def labels_of(scored: ScoredSeries, spans: Spans = ()) -> list[np.ndarray]:
    """The steps (T,) of each labelled stretch: of `spans`, by default of the series' own labels, or
    of its column of labels."""
    series = scored.series
    spans = spans or series.labelled
    if spans:
        return [labelled_steps(series, (span,)) for span in spans]
    if series.abnormal is None:
        return []
    steps = np.arange(len(series.abnormal))
    return [(steps >= a + block.start) & (steps < b + block.start) for block in series.blocks
            for a, b in runs(series.abnormal[block])]


def _against(scored: ScoredSeries, label_masks: list[np.ndarray]) -> list[str]:
    """How the result fits the labels."""
    from sklearn.metrics import roc_auc_score
    within = np.any(label_masks, axis=0)
    right = scored.verdict & within
    detected = sum(bool((scored.verdict & one).any()) for one in label_masks)
    precision = right.sum() / max(scored.verdict.sum(), 1)
    recall = right.sum() / max(within.sum(), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    known = np.isfinite(scored.score)
    both = len(np.unique(within[known])) == 2
    area = (f", AUROC {roc_auc_score(within[known], scored.score[known]):.3f}, VUS-PR "
            f"{vus_pr(scored.score[known], within[known], BUFFER):.3f}; a random score "
            f"{within[known].mean():.3f}") if both else ""
    return [f"{detected} of {len(label_masks)} labelled windows are found; {precision:.1%} of the "
            f"abnormal steps lie in one, {recall:.1%} of the steps in them are abnormal (F1 of "
            f"steps {f1:.3f}{area})"]
