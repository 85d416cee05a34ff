"""The figure of docs/how-to/recommend.md, from what benchmarks/ratings.py measured.

    python docs/ranking_figure.py ratings-results [-o docs/ranking.png]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

MEASURES = ("NDCG@100", "recall@20", "recall@50")
METHODS = ("popularity", "EASE", "Mult-DAE", "Mult-VAE", "RecVAE")
COLOURS = ("#b9bec6", "#6d7783", "#9fc0e2", "#5a92cb", "#2f6fb0")


def drawn(folder: Path) -> Figure:
    """Means over the test users of all seeds, with intervals of 95 %."""
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("*-*.json"))
            if not file.name.startswith("stars-")]
    figure = Figure(figsize=(10, 3.4), dpi=110, layout="constrained")
    for i, (ax, title) in enumerate(zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True)):
        for place, (method, colour) in enumerate(zip(METHODS, COLOURS, strict=True)):
            parts = [np.array(run["users"][method])[:, i] for run in runs
                     if method in run["users"]]
            if not parts:
                continue
            values = np.concatenate(parts)
            error = 1.96 * values.std() / np.sqrt(len(values))
            ax.bar(place, values.mean(), yerr=error, color=colour, capsize=3, width=0.75)
            ax.annotate(f"{values.mean():.3f}", (place, 0), (0, 4), ha="center", color="white",
                        textcoords="offset points", fontsize=8)
        ax.set_xticks(range(len(METHODS)), METHODS, rotation=25, fontsize=8)
        ax.set_title(title, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "ranking.png")
    given = asked.parse_args()
    drawn(given.folder).savefig(given.out)
