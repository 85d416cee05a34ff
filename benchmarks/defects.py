"""How well are defects found that training did not see? Magnetic tiles and circuit boards
(DeepPCB), with the default settings and with a dense network, by every detector, plain PCA too.

    python benchmarks/defects.py [--minutes 2] [--quick]

The sets are HOURGLASS_DATA/inspection/*.zip. Training sees good parts alone. Of DeepPCB each place
was photographed with and without defects: places whose good picture is in training are left out of
the test (three quarters of the places are for training). Boxes stand in for DeepPCB's masks.
"""

import argparse
import csv
import io
import os
import re
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

DETECTORS = ("", "error", "local", "relative", "pca", "pca_local", "pca_relative",
             "combined(('local', 'pca_local'))")
SETTINGS = {"default": {}, "mlp": {"backbone": "mlp((256, 128))"}}
FIGURES = ("auroc", "average_precision", "pixel_auroc", "region_overlap")


def boards(archive: Path, root: Path, seed: int = 0) -> Path:
    """DeepPCB as folders train/good, test/good, test/defect and ground_truth/defect. Every fourth
    place is for the test; with a seed, a random fourth."""
    with zipfile.ZipFile(archive) as archive_file:
        names = sorted(n for n in archive_file.namelist() if "/good/" in n and n.endswith(".png"))
        order = np.random.default_rng(seed).permutation(len(names)) if seed else range(len(names))
        boxes: dict[str, list[list[int]]] = {}
        for row in csv.DictReader(io.TextIOWrapper(archive_file.open("DeepPCB/boxes.csv"))):
            boxes.setdefault(Path(row["file"]).name, []).append(
                [int(float(row[key])) for key in ("x1", "y1", "x2", "y2")])
        for i, name in zip(order, names, strict=True):
            file = Path(name).name
            for kind in ("good", "defect") if i % 4 == 3 else ("good",):
                place = root / ("test" if i % 4 == 3 else "train") / kind / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive_file.read(name.replace("/good/", f"/{kind}/")))
            if i % 4 == 3:
                mask = np.zeros((320, 320), np.uint8)
                for x1, y1, x2, y2 in boxes.get(file, []):
                    mask[y1:y2 + 1, x1:x2 + 1] = 255
                place = root / "ground_truth" / "defect" / file
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(place)
    return root


def tiles(archive: Path, root: Path, seed: int) -> Path:
    """The magnetic tiles with other good ones in the test: as many, dealt out anew by a seed. The
    pictures of one tile, whose names share a number, stay together."""
    with zipfile.ZipFile(archive) as archive_file:
        archive_file.extractall(root)
    top = root / "magnetic_tile"
    good = {part: sorted((top / part / "good").iterdir()) for part in ("train", "test")}
    of: dict[str, list[Path]] = {}
    for file in [*good["train"], *good["test"]]:
        number = re.search(r"num_(\d+)", file.name)
        of.setdefault(number[1] if number else file.stem, []).append(file)
    left = len(good["test"])
    for i in np.random.default_rng(seed).permutation(len(of)):
        files = list(of.values())[i]
        part = "test" if left > 0 else "train"
        left -= len(files)
        for file in files:
            file.rename(top / part / "good" / f"{part} {file.name}")
    return top


def figures(data: Path, settings: dict, options: argparse.Namespace, out: Path,
            detectors: tuple[str, ...] = DETECTORS, told: list[str] | None = None) -> list[list]:
    """One row per detector: its name and FIGURES. The messages about the first one are added to the
    list `told`.
    """
    import hourglass as hg
    from hourglass.tasks.score import ScoreOptions, score
    manner = {"minutes": options.minutes, "seed": 0, **({"epochs": 2} if options.quick else {})}
    model = hg.train(str(data), **{**manner, **settings}, quiet=True, report=False, out=out)
    rows = []
    for text in detectors:
        detector, verdicts = score(model, "", ScoreOptions(text), out / "scores.csv")
        if told is not None and not rows:
            told += filter(None, [detector.why, verdicts.simpler])
        (out / "detectors" / "chosen.json").unlink(missing_ok=True)
        name = f"{detector.text} (default)" if not text else detector.text
        rows.append([name, *(verdicts.right.get(figure) for figure in FIGURES)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=2, help="of training, each")
    parser.add_argument("--quick", action="store_true", help="two epochs of everything")
    parser.add_argument("--settings", nargs="+", default=[*SETTINGS], choices=[*SETTINGS])
    options = parser.parse_args()
    begun, source = time.monotonic(), Path(os.environ["HOURGLASS_DATA"]) / "inspection"
    with TemporaryDirectory() as folder:
        sets = {"magnetic tiles": source / "magnetic_tile.zip",
                "DeepPCB": boards(source / "deeppcb.zip", Path(folder) / "boards")}
        for name, data in sets.items():
            for manner in options.settings:
                rows = figures(data, SETTINGS[manner], options, Path(folder) / f"{name}-{manner}")
                print(f"\n### {name}, {manner}\n\n| detector | {' | '.join(FIGURES)} |")
                print(f"|---|{'---|' * len(FIGURES)}")
                for text, *cells in rows:
                    values = (f"{c.value:.3f} ({c.low:.3f} to {c.high:.3f})" if c else ""
                              for c in cells)
                    print(f"| {text} | {' | '.join(values)} |", flush=True)
    print(f"\nIn brackets, 95 % by resampled images. {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
